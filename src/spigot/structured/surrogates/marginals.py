"""Structured attention (Kim et al. 2017): expectations instead of a decision."""

from __future__ import annotations

from dataclasses import dataclass

from ..parts.base import Parts
from ..problem import Problem
from .base import DifferentiableSurrogate


@dataclass(frozen=True)
class Marginals(DifferentiableSurrogate):
    """Forward: the marginals E[z] of p(z) ∝ exp <s, z>. Backward: their true derivative."""

    needs_marginals = True
    relaxes = True

    def forward(self, problem: Problem[Parts]) -> Parts:
        """Return the marginals, shaped like the scores."""
        return problem.marginals()
