"""SPIGOT (Peng, Thomson & Smith 2018, section 2.2, Equations 4a-4c)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base import Polytope, Structure, Surrogate
from .straight_through import check_max_norm, masked_and_capped


@dataclass(frozen=True)
class SPIGOT(Surrogate):
    """The structure takes a gradient step as if it were a parameter, is projected back, and shows how far it moved.

        p̂ = ẑ - η ∇ẑ         (4a)
        z̃ = proj_P(p̂)        (4b)
        ∇s = ẑ - z̃           (4c)

    Args:
        step_size: η.
        max_norm: cap on the L2 norm of ∇ẑ for each row of the batch, over all its parts, before the step; None for
            no cap. The published program has η = 1 and hides a cap in its projection: 1 for parsing, 5/32 for
            sentiment.
        polytope: P; None means the structure's own `relaxation`.
    """

    step_size: float = 1.0
    max_norm: float | None = None
    polytope: Polytope | None = None

    def __post_init__(self) -> None:
        if not self.step_size > 0:
            raise ValueError(f"step_size: expected a positive number, got {self.step_size!r}")
        check_max_norm(self.max_norm)

    def backward(
        self,
        structure: Structure,
        scores: Tensor,
        output: Tensor,
        grad_output: Tensor,
        lengths: Tensor | None,
        mask: Tensor | None,
    ) -> Tensor:
        """Return ẑ - z̃, 0 where there is no candidate."""
        valid = structure.part_mask(scores, lengths, mask)
        polytope = structure.relaxation if self.polytope is None else self.polytope
        step = self.step_size * masked_and_capped(grad_output, valid, self.max_norm)
        return output - polytope.project(output - step, lengths, valid)
