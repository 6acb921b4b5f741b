"""Structured attention (Kim et al. 2017): expectations instead of a decision."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..equality import equal_settings, hash_settings
from ..parts.base import Parts
from ..problem import Problem
from ..settings import check_temperature, of_now
from .base import DifferentiableSurrogate


@dataclass(frozen=True)
class Marginals(DifferentiableSurrogate):
    """Forward: the marginals E[z] of p(z) ∝ exp (<s, z> / T). Backward: their true derivative.

    Args:
        temperature: T; towards 0 the output becomes the argmax. A tensor of one number gets its gradient; an
            `nn.Parameter` is learnt with those of `StructuredArgmax`.
    """

    needs_marginals = True
    relaxes = True

    temperature: float | Tensor = 1.0

    __eq__, __hash__ = equal_settings, hash_settings

    def __post_init__(self) -> None:
        check_temperature(self.temperature)

    def forward(self, problem: Problem[Parts]) -> Parts:
        """Return the marginals, shaped like the scores."""
        if isinstance(self.temperature, int | float) and self.temperature == 1:
            return problem.marginals()
        return problem.marginals(problem.scores_at(of_now(self.temperature)))
