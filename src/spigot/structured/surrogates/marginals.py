"""Structured attention (Kim et al. 2017): expectations in place of a decision."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base import MarginalStructure, Structure, Surrogate


@dataclass(frozen=True)
class Marginals(Surrogate):
    """Forward: the marginals E[z] of p(z) ∝ exp <s, z>. Backward: their true derivative."""

    def forward(self, structure: Structure, scores: Tensor, lengths: Tensor | None, mask: Tensor | None) -> Tensor:
        """Return the marginals, shaped like `scores`."""
        return self._summable(structure).marginals(scores, lengths, mask)

    def backward(
        self,
        structure: Structure,
        scores: Tensor,
        output: Tensor,
        grad_output: Tensor,
        lengths: Tensor | None,
        mask: Tensor | None,
    ) -> Tensor:
        """Return Jᵀ∇μ, with J the Jacobian of the marginals, which is a covariance matrix."""
        return self._summable(structure).marginals_vjp(scores, grad_output, lengths, mask)

    def _summable(self, structure: Structure) -> MarginalStructure:
        if not isinstance(structure, MarginalStructure):
            raise TypeError(
                f"surrogate: {type(self).__name__} needs a MarginalStructure, "
                f"but {type(structure).__name__} cannot sum over its structures"
            )
        return structure
