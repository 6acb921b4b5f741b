"""The autograd Function that all surrogates with a gradient of their own share.

Autograd tracks tensors only. So the Function takes those of a `Problem` as separate arguments, saves what the surrogate
saves as tensors too, and puts both together again on the way back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .checks import kind_of
from .differentiation import Function, apply, is_batched, is_traced, no_autocast, no_derivatives
from .parts.base import Parts, flatten, like, map_parts, masked, per_row, tensors
from .problem import Problem
from .results import check_unchanged, returned, versions
from .surrogates.base import CustomSurrogate
from .surrogates.once import differentiable_once


def custom_gradient(
    problem: Problem[Parts],
    surrogate: CustomSurrogate,
    lengths: Tensor | None,
    scores: tuple[Tensor, ...],
    masks: tuple[Tensor, ...],
) -> tuple[Tensor, ...]:
    """Return the tensors of the surrogate's output, with its gradient for `scores`.

    Args:
        problem: without lengths and mask; of its scores only the form matters.
        surrogate: the rule.
        lengths: the real size of each row.
        scores: float32 or float64.
        masks: one for each tensor of scores; none: all may be chosen.
    """
    return apply(_CustomGradient, problem, surrogate, lengths, *scores, *masks)[: len(scores)]  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Forms:
    """For each value that a surrogate saves: its type (None for a tensor) and its number of tensors."""

    each: tuple[tuple[Any, int], ...]


_NO_FORMS = _Forms(())


class _CustomGradient(Function):
    """Calls a `CustomSurrogate`; `flat` are the tensors of the scores, then those of the mask."""

    @staticmethod
    def forward(
        problem: Problem[Parts], surrogate: CustomSurrogate, lengths: Tensor | None, *flat: Tensor
    ) -> tuple[Any, ...]:
        """Return the output's tensors, those that the surrogate saves, and the forms of these."""
        count = len(tensors(problem.scores))
        problem = _with_tensors(problem, lengths, flat[:count], flat[count:])
        output, saved = _output_and_saved(surrogate, problem)
        if not saved:
            return *tensors(output), _NO_FORMS
        forms = tuple((None if isinstance(parts, Tensor) else type(parts), len(tensors(parts))) for parts in saved)
        # What is saved has no gradient. The output, which may be saved too, has one: so it is saved as another tensor.
        own = tensors(output)
        kept = [part for parts in saved for part in tensors(parts)]
        kept = [part.detach() if any(part is each for each in own) else part for part in kept]
        return *own, *kept, _Forms(forms)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        ctx.problem, ctx.surrogate, lengths, *flat = inputs
        *outputs, forms = output
        count = len(tensors(ctx.problem.scores))
        ctx.name, ctx.count, ctx.masks, ctx.forms = ctx.problem.surrogate, count, len(flat) - count, forms.each
        ctx.save_for_backward(lengths, *flat, *outputs)
        if forms.each:
            ctx.mark_non_differentiable(*outputs[count:])

    @staticmethod
    def backward(ctx: Any, *all_grads: Any) -> tuple[Tensor | None, ...]:
        lengths, *flat = ctx.saved_tensors
        grads = all_grads[: ctx.count]
        if any(map(is_batched, grads)):
            raise RuntimeError(f"{ctx.name}: expected torch.func.jacrev for several gradients, got is_grads_batched")
        count, masks = ctx.count, ctx.masks
        problem = _with_tensors(ctx.problem, lengths, tuple(flat[:count]), tuple(flat[count : count + masks]))
        output = like(problem.scores, tuple(flat[count + masks : 2 * count + masks]))
        saved, begin = [], 2 * count + masks
        for form, size in ctx.forms:
            parts = flat[begin : begin + size]
            saved.append(parts[0] if form is None else tuple(parts) if form is tuple else form(*parts))
            begin += size
        with no_autocast(grads[0]), no_derivatives():
            problem = replace(problem, candidates=problem.valid)
            grad_output = masked(like(problem.scores, grads), problem.valid)
            finite = _finite_rows(tensors(grad_output))
            if finite is None:
                grad = tensors(_gradient(ctx.surrogate, problem, output, tuple(saved), grad_output))
            else:
                grad = _of_finite_rows(ctx.surrogate, problem, output, tuple(saved), grad_output, finite)
        if ctx.surrogate.passes_gradient:
            grad = differentiable_once(problem.surrogate, grad, *flat[:count], *grads)
        return None, None, None, *grad, *[None] * masks


def _is_parts(value: object) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, tuple) and all(isinstance(part, Tensor) for part in value))


def _output_and_saved(surrogate: CustomSurrogate, problem: Problem[Parts]) -> tuple[Parts, Any]:
    """Return what `surrogate.forward` returns, checked."""
    before = versions(problem.scores)
    result: Any = surrogate.forward(problem)
    check_unchanged(problem.surrogate, "forward", before, problem.scores)
    if not isinstance(result, tuple) or len(result) != 2:
        got = kind_of(result)
        raise TypeError(f"{problem.surrogate}.forward: expected two results, the output and what it saves, got {got}")
    output, saved = result[0], () if result[1] is None else result[1]
    wrong = [part for part in saved if not _is_parts(part)] if isinstance(saved, tuple | list) else [saved]
    if wrong:
        got = kind_of(wrong[0])
        raise TypeError(f"{problem.surrogate}.forward: expected to save a tuple of tensors, got {got}")
    return returned(problem.surrogate, "forward", output, problem.scores), saved


def _gradient(
    surrogate: CustomSurrogate, problem: Problem[Parts], output: Parts, saved: Any, grad_output: Parts
) -> Parts:
    """Return what `surrogate.backward` returns, checked, and 0 where there is no candidate."""
    before = versions(problem.scores, output)
    grad = surrogate.backward(problem, output, saved, grad_output)
    check_unchanged(problem.surrogate, "backward", before, problem.scores, output)
    returned(problem.surrogate, "backward", grad, problem.scores)
    # What it computed from scores that are no candidates, such as NaN, must not reach the network.
    return grad if grad is grad_output else masked(grad, problem.valid)


def _finite_rows(grads: tuple[Tensor, ...]) -> Tensor | None:
    """Return which rows of a gradient are finite, bool, `[batch]`; None: all."""
    # One sum is several times faster than looking at each number; where it overflows, they are looked at.
    if not is_traced() and all(g.is_meta or (g.is_cpu and math.isfinite(g.sum().item())) for g in grads):
        return None
    return flatten(grads).isfinite().all(1)


def _of_finite_rows(
    surrogate: CustomSurrogate, problem: Problem[Parts], output: Parts, saved: Any, grad_output: Parts, finite: Tensor
) -> tuple[Tensor, ...]:
    """Return the gradient; NaN in rows whose incoming gradient is not finite, as after an overflow in half precision.

    By this a gradient scaler knows that it has to skip the step. No argmax or projection could use such a gradient.
    """
    spared = map_parts(lambda grad: grad.where(per_row(finite, grad, torch.bool), 0), grad_output)
    if is_traced() or bool(finite.any()) or not surrogate.passes_gradient:
        grads = _gradient(surrogate, problem, output, saved, spared)
    else:
        grads = spared  # what a surrogate learns from its gradients is not to be learnt from these
    if not surrogate.passes_gradient:
        return tensors(grads)
    valid = problem.valid
    return tensors(map_parts(lambda g, v: g.masked_fill(v & ~per_row(finite, g, torch.bool), torch.nan), grads, valid))


def _with_tensors(
    problem: Problem[Parts], lengths: Tensor | None, scores: tuple[Tensor, ...], masks: tuple[Tensor, ...]
) -> Problem[Parts]:
    return replace(
        problem,
        scores=like(problem.scores, scores),
        lengths=lengths,
        mask=like(problem.scores, masks) if masks else None,
    )
