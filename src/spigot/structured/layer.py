"""A hard structured decision as a layer of a network.

ẑ = argmax_z <scores, z>        forward, exact
∇scores = surrogate(...)        backward, in place of the Jacobian of the argmax, which is 0 or undefined
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .base import Structure
from .checks import widen
from .parts.base import Parts, like, map_parts, tensors
from .problem import Problem
from .surrogates.base import Surrogate


class _StructuredArgmax(torch.autograd.Function):
    """Autograd knows tensors only: those of `problem` are passed beside it, and put back into their places."""

    @staticmethod
    def forward(
        ctx: Any, problem: Problem, surrogate: Surrogate, lengths: Tensor | None, *flat: Tensor
    ) -> tuple[Tensor, ...]:
        count = len(tensors(problem.scores))
        ctx.problem, ctx.surrogate, ctx.count = problem, surrogate, count
        output, saved = surrogate.forward(_with_tensors(problem, lengths, flat[:count], flat[count:]))
        outputs = tensors(output)
        ctx.save_for_backward(lengths, *flat, *outputs, *saved)
        ctx.masks = len(flat) - count
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        lengths, *flat = ctx.saved_tensors
        count, masks = ctx.count, ctx.masks
        problem = _with_tensors(ctx.problem, lengths, tuple(flat[:count]), tuple(flat[count : count + masks]))
        output = like(problem.scores, tuple(flat[count + masks : 2 * count + masks]))
        saved = tuple(flat[2 * count + masks :])
        with torch.autocast(grads[0].device.type, enabled=False):
            grad = ctx.surrogate.backward(problem, output, saved, like(problem.scores, grads))
        return None, None, None, *tensors(grad), *[None] * masks


def _with_tensors(
    problem: Problem, lengths: Tensor | None, scores: tuple[Tensor, ...], masks: tuple[Tensor, ...]
) -> Problem:
    return replace(
        problem,
        scores=like(problem.scores, scores),
        lengths=lengths,
        mask=like(problem.scores, masks) if masks else None,
    )


def structured_argmax(
    scores: Parts,
    structure: Structure,
    surrogate: Surrogate,
    *,
    lengths: Tensor | None = None,
    mask: Parts | None = None,
    downstream: Callable[[Parts], Tensor] | None = None,
) -> Parts:
    """Return the highest-scoring structure, with a surrogate gradient to train through it.

    Args:
        scores: one score for each part, batch first; for trees `[batch, head, modifier]`, node 0 being ROOT. A
            NamedTuple of tensors for a structure of several kinds of parts, such as `SemanticGraph`. Half
            precision is computed in float32, under autocast too. -inf marks a part that is no candidate.
        structure: what to look for, such as `ProjectiveTree()`.
        surrogate: what stands in for the gradient, such as `SPIGOT()`.
        lengths: the real size of each row, `[batch]`; for trees the tokens without ROOT. None: all rows are full.
        mask: bool, shaped like `scores`; True = candidate.
        downstream: from structures (relaxed ones too) to the loss of each row, `[batch]`; only for surrogates that
            evaluate the loss again, such as `SPIGOT(steps=5)`. Parameters in it are taken as constants.

    Returns:
        0/1 (soft, if the surrogate relaxes it), shaped and typed like `scores`, 0 wherever there is no candidate.

    Raises:
        ValueError: shapes do not fit; a candidate scores NaN or +inf; a row has no structure at all.
        TypeError: a wrong dtype, or a surrogate that the structure cannot serve.
    """
    given = tensors(scores)
    wide = tuple(widen(part) for part in given)
    with torch.autocast(given[0].device.type, enabled=False):
        form = map_parts(torch.detach, scores)
        problem = Problem(structure, form, None, None, downstream, type(surrogate).__name__)
        masks = () if mask is None else tensors(mask)
        outputs = _StructuredArgmax.apply(problem, surrogate, lengths, *wide, *masks)
        return like(scores, tuple(part.to(own.dtype) for part, own in zip(outputs, given, strict=True)))


class StructuredArgmax(nn.Module):
    """`structured_argmax` as a module; it has no parameters."""

    def __init__(self, structure: Structure, surrogate: Surrogate) -> None:
        super().__init__()
        self.structure = structure
        self.surrogate = surrogate

    def forward(
        self,
        scores: Parts,
        lengths: Tensor | None = None,
        mask: Parts | None = None,
        downstream: Callable[[Parts], Tensor] | None = None,
    ) -> Parts:
        """See `structured_argmax`."""
        return structured_argmax(
            scores, self.structure, self.surrogate, lengths=lengths, mask=mask, downstream=downstream
        )

    def extra_repr(self) -> str:
        """Name structure and surrogate in the module's repr."""
        return f"{self.structure!r}, {self.surrogate!r}"
