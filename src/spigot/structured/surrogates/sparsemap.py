"""SparseMAP (Niculae et al. 2018): a sparse mixture of structures in place of a decision."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..checks import refuse_rows
from ..parts.base import Parts, flatten
from ..problem import Problem
from .base import DifferentiableSurrogate
from .settings import check_temperature


@dataclass(frozen=True)
class SparseMAP(DifferentiableSurrogate):
    """Forward: the point of the structures' convex hull nearest to s / T. Backward: its true derivative.

    That point is argmax_u <s, u> - T/2 ‖u‖² over the hull: an expectation of a few structures, where `Marginals` gives
    weight to all. One of `Categorical` is sparsemax (Martins & Astudillo 2016). Needs nothing but a `Structure.argmax`;
    see `Hull` for what it costs.

    Args:
        temperature: T; towards 0 the output becomes the argmax. A tensor of one number gets its gradient; an
            `nn.Parameter` is learnt with those of `StructuredArgmax`.
    """

    relaxes = True

    temperature: float | Tensor = 1.0

    def __post_init__(self) -> None:
        check_temperature(self.temperature)

    def forward(self, problem: Problem[Parts]) -> Parts:
        """Return the projection, shaped like the scores.

        Raises:
            ValueError: a candidate scores NaN or +inf; a row has no structure.
        """
        nearest = problem.project(problem.scores_at(self.temperature), problem.structure.hull)
        # A projection hands on what it cannot compute with.
        refuse_rows(flatten(nearest).isnan().any(1), "scores: NaN or +inf in a candidate")
        return nearest
