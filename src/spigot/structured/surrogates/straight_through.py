"""The straight-through estimator: the Jacobian of the argmax is taken to be the identity."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import Structure, Surrogate


def masked_and_capped(grad: Tensor, valid: Tensor, max_norm: float | None) -> Tensor:
    """Return `grad` with 0 outside `valid`, each row scaled down to an L2 norm of at most `max_norm`."""
    grad = grad.masked_fill(~valid, 0)
    if max_norm is None:
        return grad
    norm = torch.linalg.vector_norm(grad.flatten(1), dim=1)
    scale = (max_norm / norm.clamp_min(torch.finfo(grad.dtype).tiny)).clamp_max(1)
    return grad * scale.view(-1, *[1] * (grad.dim() - 1))


def check_max_norm(max_norm: float | None) -> None:
    """Raise a ValueError unless `max_norm` is None or positive."""
    if max_norm is not None and not max_norm > 0:
        raise ValueError(f"max_norm: expected None or a positive number, got {max_norm!r}")


@dataclass(frozen=True)
class StraightThrough(Surrogate):
    """∇s = ∇ẑ on the candidate parts (Hinton 2012; Bengio et al. 2013).

    Args:
        max_norm: cap on the L2 norm of ∇ẑ for each row of the batch, over all its parts; None for no cap. The
            program published with SPIGOT caps SPIGOT's gradient and not this one: set both alike for a fair
            comparison.
    """

    max_norm: float | None = None

    def __post_init__(self) -> None:
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
        """Return `grad_output`, 0 where there is no candidate."""
        return masked_and_capped(grad_output, structure.part_mask(scores, lengths, mask), self.max_norm)
