"""SparseMAP (Niculae et al. 2018): a sparse mixture of structures instead of a decision."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..checks import refuse_rows
from ..equality import equal_settings, hash_settings
from ..parts.base import Parts, flatten
from ..problem import Problem
from ..results import own_polytope
from ..settings import check_temperature, of_now
from .base import DifferentiableSurrogate


@dataclass(frozen=True)
class SparseMAP(DifferentiableSurrogate):
    """Forward: the point of the structures' convex hull nearest to s / T. Backward: its true derivative.

    That point is argmax_u <s, u> - T/2 ‖u‖² over the hull: an expectation over a few structures. `Marginals` gives
    weight to all structures. For `Categorical` it is sparsemax (Martins & Astudillo 2016). It needs only
    `Structure.argmax`; see `Hull` for the cost.

    Args:
        temperature: T; as T goes to 0 the output becomes the argmax. A tensor of one number gets its gradient; an
            `nn.Parameter` is learnt with those of `StructuredArgmax`.
    """

    relaxes = True

    temperature: float | Tensor = 1.0

    __eq__, __hash__ = equal_settings, hash_settings

    def __post_init__(self) -> None:
        check_temperature(self.temperature)

    def forward(self, problem: Problem[Parts]) -> Parts:
        """Return the projection, shaped like the scores.

        Raises:
            ValueError: a candidate scores NaN or +inf; a row has no structure.
        """
        nearest = problem.project(problem.scores_at(of_now(self.temperature)), own_polytope(problem.structure, "hull"))
        # A projection returns NaN for a row with NaN or +inf.
        refuse_rows(flatten(nearest).isnan().any(1), "scores: NaN or +inf in a candidate cell")
        return nearest
