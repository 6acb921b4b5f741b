"""A hard structured decision as a layer of a network.

ẑ = argmax_z <scores, z>        forward, exact
∇scores = surrogate(...)        backward, in place of the Jacobian of the argmax, which is 0 or undefined
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .base import Structure, Surrogate
from .checks import widen


class _StructuredArgmax(torch.autograd.Function):
    @staticmethod
    def forward(
        scores: Tensor, lengths: Tensor | None, mask: Tensor | None, structure: Structure, surrogate: Surrogate
    ) -> Tensor:
        return surrogate.forward(structure, scores, lengths, mask)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        scores, lengths, mask, ctx.structure, ctx.surrogate = inputs
        ctx.save_for_backward(scores, output, lengths, mask)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        scores, output, lengths, mask = ctx.saved_tensors
        with torch.autocast(scores.device.type, enabled=False):
            grad = ctx.surrogate.backward(ctx.structure, scores, output, grad_output, lengths, mask)
        return grad, None, None, None, None


def structured_argmax(
    scores: Tensor,
    structure: Structure,
    surrogate: Surrogate,
    *,
    lengths: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the highest-scoring structure, with a surrogate gradient to train through it.

    Args:
        scores: one score for each part, batch first; for trees `[batch, head, modifier]`, node 0 being ROOT. Half
            precision is computed in float32, under autocast too. -inf marks a part that is no candidate.
        structure: what to look for, such as `ProjectiveTree()`.
        surrogate: what stands in for the gradient, such as `SPIGOT()`.
        lengths: the real size of each row, `[batch]`; for trees the tokens without ROOT. None: all rows are full.
        mask: bool, shaped like `scores`; True = candidate.

    Returns:
        0/1 (soft, if the surrogate relaxes it), shaped and typed like `scores`, 0 wherever there is no candidate.

    Raises:
        ValueError: shapes do not fit; a candidate scores NaN or +inf; a row has no structure at all.
        TypeError: a wrong dtype, or a surrogate that the structure cannot serve.
    """
    with torch.autocast(scores.device.type, enabled=False):
        output = _StructuredArgmax.apply(widen(scores), lengths, mask, structure, surrogate)
        return output.to(scores.dtype)


class StructuredArgmax(nn.Module):
    """`structured_argmax` as a module; it has no parameters."""

    def __init__(self, structure: Structure, surrogate: Surrogate) -> None:
        super().__init__()
        self.structure = structure
        self.surrogate = surrogate

    def forward(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """See `structured_argmax`."""
        return structured_argmax(scores, self.structure, self.surrogate, lengths=lengths, mask=mask)

    def extra_repr(self) -> str:
        """Name structure and surrogate in the module's repr."""
        return f"{self.structure!r}, {self.surrogate!r}"
