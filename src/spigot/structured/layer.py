"""A hard structured decision as a layer of a network.

ẑ = argmax_z <scores, z>        forward, exact
∇scores = surrogate(...)        backward, in place of the Jacobian of the argmax, which is 0 or undefined

Autograd differentiates a `DifferentiableSurrogate`. All `CustomSurrogate`s share one autograd Function, below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from .base import Structure
from .checks import widen
from .parts.base import Parts, like, map_parts, masked, tensors
from .problem import Problem
from .shapes import Lengths
from .surrogates.base import CustomSurrogate, DifferentiableSurrogate, Surrogate
from .surrogates.once import differentiable_once


class _CustomGradient(torch.autograd.Function):
    """Calls a `CustomSurrogate`. Autograd tracks tensors only, so those of `problem` are separate arguments."""

    @staticmethod
    def forward(
        ctx: Any, problem: Problem[Parts], surrogate: CustomSurrogate, lengths: Tensor | None, *flat: Tensor
    ) -> tuple[Tensor, ...]:
        count = len(tensors(problem.scores))
        output, saved = surrogate.forward(_with_tensors(problem, lengths, flat[:count], flat[count:]))
        outputs = tensors(output)
        ctx.problem, ctx.surrogate, ctx.count, ctx.masks = problem, surrogate, count, len(flat) - count
        # For each saved value: its type (None for a tensor) and its number of tensors.
        ctx.forms = tuple((None if isinstance(parts, Tensor) else type(parts), len(tensors(parts))) for parts in saved)
        ctx.save_for_backward(lengths, *flat, *outputs, *(part for parts in saved for part in tensors(parts)))
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        lengths, *flat = ctx.saved_tensors
        count, masks = ctx.count, ctx.masks
        problem = _with_tensors(ctx.problem, lengths, tuple(flat[:count]), tuple(flat[count : count + masks]))
        output = like(problem.scores, tuple(flat[count + masks : 2 * count + masks]))
        saved, begin = [], 2 * count + masks
        for form, size in ctx.forms:
            saved.append(flat[begin] if form is None else form(*flat[begin : begin + size]))
            begin += size
        with torch.autocast(grads[0].device.type, enabled=False), torch.no_grad():
            problem = replace(problem, candidates=problem.valid)
            grad_output = masked(like(problem.scores, grads), problem.valid)
            grad = tensors(ctx.surrogate.backward(problem, output, tuple(saved), grad_output))
        if ctx.surrogate.passes_gradient:
            grad = differentiable_once(problem.surrogate, grad, *flat[:count], *grads)
        return None, None, None, *grad, *[None] * masks


class _CandidateGradient(torch.autograd.Function):
    """The identity. Its backward pass sets the gradient to 0 outside the candidates, where it may be NaN."""

    @staticmethod
    def forward(ctx: Any, *parts: Tensor) -> tuple[Tensor, ...]:
        count = len(parts) // 2
        ctx.save_for_backward(*parts[:count])
        return tuple(part.view_as(part) for part in parts[count:])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        valid = ctx.saved_tensors
        return *[None] * len(valid), *(torch.where(v, grad, 0) for v, grad in zip(valid, grads, strict=True))


def _with_tensors(
    problem: Problem[Parts], lengths: Tensor | None, scores: tuple[Tensor, ...], masks: tuple[Tensor, ...]
) -> Problem[Parts]:
    return replace(
        problem,
        scores=like(problem.scores, scores),
        lengths=lengths,
        mask=like(problem.scores, masks) if masks else None,
    )


def structured_argmax(
    scores: Parts,
    structure: Structure[Parts],
    surrogate: Surrogate,
    *,
    lengths: Lengths | None = None,
    mask: Parts | None = None,
    downstream: Callable[[Parts], Tensor] | None = None,
) -> Parts:
    """Return the highest-scoring structure, with a surrogate gradient to train through it.

    Args:
        scores: one score for each part, batch first; for trees `[batch, head, modifier]`, node 0 being ROOT. A
            NamedTuple of tensors for a structure with several kinds of parts, such as `SemanticGraph`. Half
            precision is computed in float32, also under autocast. -inf marks a part that is no candidate.
        structure: the set of structures to choose from, such as `ProjectiveTree()`.
        surrogate: the rule for the gradient, such as `SPIGOT()`.
        lengths: the real size of each row, `[batch]`; for trees the tokens without ROOT. None: all rows are full.
        mask: bool, shaped like `scores`; True = candidate.
        downstream: a function from (relaxed) structures to the loss of each row, `[batch]`; only for surrogates
            that evaluate the loss again, such as `SPIGOT(steps=5)`. Its parameters get no gradient from this.

    Returns:
        0/1 (fractional if the surrogate relaxes it), shaped and typed like `scores`, 0 where there is no candidate.

    Raises:
        ValueError: shapes do not fit; a candidate scores NaN or +inf; a row has no structure.
        TypeError: a wrong dtype, or a surrogate that needs marginals with a structure that has none.
    """
    given = tensors(scores)
    with torch.autocast(given[0].device.type, enabled=False):
        name = type(surrogate).__name__
        if isinstance(surrogate, DifferentiableSurrogate):
            problem = Problem(structure, map_parts(widen, scores), lengths, mask, downstream, name)
            if surrogate.needs_marginals:
                problem.summable()
            output = surrogate.forward(problem)
            if any(part.requires_grad for part in tensors(output)):
                output = like(output, _CandidateGradient.apply(*tensors(problem.valid), *tensors(output)))
            outputs = tensors(output)
        else:
            problem = Problem(structure, map_parts(torch.detach, scores), None, None, downstream, name)
            if surrogate.needs_marginals:
                problem.summable()
            wide, masks = tuple(widen(part) for part in given), () if mask is None else tensors(mask)
            outputs = _CustomGradient.apply(problem, surrogate, lengths, *wide, *masks)
        return like(scores, tuple(part.to(own.dtype) for part, own in zip(outputs, given, strict=True)))


class StructuredArgmax(nn.Module):
    """`structured_argmax` as a module. It has no parameters; its `state_dict` holds the `state` of its surrogate."""

    def __init__(self, structure: Structure[Any], surrogate: Surrogate) -> None:
        super().__init__()
        self.structure = structure
        self.surrogate = surrogate
        if surrogate.state is not None:
            self.surrogate_state = surrogate.state

    def forward(
        self,
        scores: Parts,
        lengths: Lengths | None = None,
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
