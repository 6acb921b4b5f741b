"""The operators of a Gibbs distribution p(z) ∝ exp <scores, z>, wired as the derivatives of each other.

The gradient of log Z is the marginals. Their Jacobian J, the Hessian of log Z, is symmetric: so the derivative along a
direction (a product from the right) also turns a gradient for the marginals into one for the scores (a product from
the left). The gradient of log p(z) is z less the marginals, that of the entropy -J · scores.

log p and the entropy are never the difference of two totals. Let `reduced` be the scores less a constant for each group
of parts of which all structures choose the same number. In rows whose reduced log Z is small, they are differences of
small numbers. In the others, which a forest sums, log Z has three limbs, and the entropy a recurrence of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from math import prod
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor

from ...differentiation import is_batched, is_traced
from ..forest.rows import Sums
from ..forest.sums import ENTROPY, LOG_Z, MARGINALS
from ..numerics.limbs import add_chosen, limbs_of
from .arrays import like_scores as like_scores_of
from .arrays import to_numpy
from .operator import like_first, once_differentiable, operator

Arguments = ParamSpec("Arguments")
WithDirection = ParamSpec("WithDirection")
Expected = TypeVar("Expected", Tensor, tuple[Tensor, Tensor])


class Reduced(NamedTuple):
    """Scores less those of groups: the scores, float64, at most 0, 0 where there is no candidate, and the rest."""

    scores: tuple[Tensor, ...]
    offsets: Tensor
    """What every structure of a row scores more, as limbs, `[batch, 3]`."""


class GibbsOperators(NamedTuple):
    """The operators of a family. All take the scores, other tensors and settings; see `gibbs_operators`."""

    log_partition: Callable[..., Any]
    marginals: Callable[..., Any]
    marginals_jvp: Callable[..., Any]
    log_prob: Callable[..., Any]
    """Takes, after the scores, the chosen parts: 0/1, shaped like the scores, 0 where there is no candidate."""
    entropy: Callable[..., Any]
    entropy_slopes: Callable[..., Any]


def gibbs_operators(
    family: str,
    log_partition: Callable[Arguments, Tensor],
    marginals: Callable[Arguments, Expected],
    jvp: Callable[WithDirection, Expected],
    sums: Callable[..., Sums],
    reduce: Callable[..., Reduced],
    *,
    triton: str | None = None,
) -> GibbsOperators:
    """Register `FAMILY_log_partition` and its fellows, and return them.

    Args:
        family: the name of the structures.
        log_partition: takes the scores (one tensor, or several), other tensors or None, and last any settings; returns
            log Z, `[batch]`.
        marginals: takes the same; returns E[z] in a tensor for each tensor of scores.
        jvp: takes the scores, a direction for each tensor of scores, and the rest; returns the derivative of the
            marginals as the scores move in that direction. It is not differentiable.
        sums: takes the same as `marginals`, and what is wanted of `LOG_Z`, `MARGINALS`, `ENTROPY`.
        reduce: takes the same as `marginals`.
        triton: see `operator`.
    """
    parameters = signature(marginals)
    arguments = len(parameters.parameters)
    count: int = len(signature(jvp).parameters) - arguments  # of tensors of scores
    no_gradient: tuple[None, ...] = (None,) * (arguments - count)

    def register(name: str, function: Callable[..., Any], **options: Any) -> Any:
        return operator(name=f"{family}_{name}", **options)(function)

    def typed(function: Callable[..., Any], like: Callable[..., Any], result: Any) -> Callable[..., Any]:
        """Give `function`, which takes any arguments, the signature of another."""
        function.__signature__ = signature(like).replace(return_annotation=result)  # type: ignore[attr-defined]
        return function

    def like_scores(*inputs: Any) -> Tensor | tuple[Tensor, ...]:
        return like_first(inputs[0]) if count == 1 else tuple(map(like_first, inputs[:count]))

    def one_a_row(first: Tensor, *others: Any) -> Tensor:
        return first.new_empty(first.size(0))

    def save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        tensors = [value for value in inputs if value is None or isinstance(value, Tensor)]
        ctx.save_for_backward(*tensors)
        ctx.settings = inputs[len(tensors) :]

    def each(parts: Any) -> tuple[Tensor, ...]:
        return (parts,) if count == 1 else tuple(parts)

    def by_row(grad: Tensor, part: Tensor) -> Tensor:
        """Return `part`, a result that nobody else has, times the gradient of each row."""
        factor = grad.view(-1, *[1] * (part.dim() - 1))
        return part.mul_(factor) if is_own(grad) else factor * part

    def inner(first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> Tensor:
        return sum((a * b).flatten(1).sum(1) for a, b in zip(first, second, strict=True))  # type: ignore[return-value]

    first, second = range(count), range(count, 2 * count)

    def jvp_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        if any(ctx.needs_input_grad[:count]):
            once_differentiable(ctx)
        # Linear and symmetric in the direction.
        saved: Any = ctx.saved_tensors
        slopes: tuple[Tensor, ...] = each(of_jvp(*saved[:count], *grads, *saved[2 * count :], *ctx.settings))
        return *(None,) * count, *slopes, *no_gradient

    of_jvp: Any = register(
        "marginals_jvp",
        jvp,
        triton=triton,
        fake=like_scores,
        backward=jvp_backward,
        save=save,
        jvp="symmetric",
        moving=second,
    )

    def marginals_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        saved: Any = ctx.saved_tensors
        return *each(of_jvp(*saved[:count], *grads, *saved[count:], *ctx.settings)), *no_gradient

    of_marginals: Any = register(
        "marginals",
        marginals,
        triton=triton,
        fake=like_scores,
        backward=marginals_backward,
        save=save,
        jvp="symmetric",
        moving=first,
    )

    def log_partition_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        expected: tuple[Tensor, ...] = each(of_marginals(*ctx.saved_tensors, *ctx.settings))
        return *(by_row(grad, part) for part in expected), *no_gradient

    of_row: dict[str, Any] = {"fake": one_a_row, "save": save, "jvp": "gradient", "moving": first}
    of_log_partition: Any = register(
        "log_partition", log_partition, triton=triton, backward=log_partition_backward, **of_row
    )

    def log_prob(*inputs: Any) -> Tensor:
        scores, chosen, others = inputs[:count], inputs[count : 2 * count], inputs[2 * count :]
        if triton is not None and not scores[0].is_cpu:
            reduced = tuple(part.to(scores[0].dtype) for part in reduce(*scores, *others).scores)
            kept = (r.masked_fill(s == -torch.inf, -torch.inf) for r, s in zip(reduced, scores, strict=True))
            return (inner(reduced, chosen) - of_log_partition(*kept, *others)).clamp(max=0.0)
        total = -sums(*scores, *others, LOG_Z).log_z
        for part, one in zip(scores, chosen, strict=True):
            shape = part.size(0), prod(part.shape[1:])
            add_chosen(to_numpy(part).reshape(shape), to_numpy(one).reshape(shape), total)
        # Rounding may bring the probability of a certain structure above 1.
        return like_scores_of(np.minimum(total.sum(1), 0.0), scores[0])

    def log_prob_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved: Any = ctx.saved_tensors
        expected: tuple[Tensor, ...] = each(of_marginals(*saved[:count], *saved[2 * count :], *ctx.settings))
        pairs = zip(saved[count : 2 * count], expected, strict=True)
        slopes: list[Tensor | None] = [by_row(grad, one - part) for one, part in pairs]
        return *slopes, *(None,) * count, *no_gradient

    of_log_prob = register("log_prob", typed(log_prob, jvp, Tensor), backward=log_prob_backward, **of_row)

    def in_double(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Widen the scores: what is left of a probability times a large score would be too coarse in float32."""
        return *(part.double() for part in inputs[:count]), *inputs[count:]

    def entropy_slopes(*inputs: Any) -> Any:
        scores: tuple[Tensor, ...] = inputs[:count]
        wider = in_double(inputs)
        found = sums(*wider, ENTROPY)
        slopes: tuple[Tensor, ...] = each(of_jvp(*wider[:count], *reduce(*inputs).scores, *inputs[count:]))
        wide = torch.from_numpy(found.wide).to(scores[0].device)
        result = []
        for slope, own in zip(slopes, found.expected, strict=True):
            rows = wide.view(-1, *[1] * (slope.dim() - 1))
            result.append(torch.where(rows, torch.from_numpy(own).to(slope), -slope).to(scores[0].dtype))
        return result[0] if count == 1 else tuple(result)

    of_entropy_slopes: Any = register(
        "entropy_slopes",
        typed(entropy_slopes, marginals, parameters.return_annotation),
        fake=like_scores,
        backward=once_differentiable,
    )

    def entropy(*inputs: Any) -> Tensor:
        scores: tuple[Tensor, ...] = inputs[:count]
        found = sums(*in_double(inputs), MARGINALS)
        reduced = reduce(*inputs)
        expected = tuple(torch.from_numpy(part).to(scores[0].device).double() for part in found.expected)
        log_z = torch.from_numpy(found.log_z).to(scores[0].device) - reduced.offsets
        result = log_z.sum(1) - inner(reduced.scores, expected)
        if found.wide.any():
            of_wide = torch.from_numpy(sums(*in_double(inputs), ENTROPY).entropy).to(result)
            result = torch.where(torch.from_numpy(found.wide).to(result.device), of_wide, result)
        return result.clamp(min=0.0).to(scores[0].dtype)

    def entropy_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        slopes: tuple[Tensor, ...] = each(of_entropy_slopes(*ctx.saved_tensors, *ctx.settings))
        return *(by_row(grad, slope) for slope in slopes), *no_gradient

    of_entropy = register("entropy", typed(entropy, marginals, Tensor), backward=entropy_backward, **of_row)
    return GibbsOperators(of_log_partition, of_marginals, of_jvp, of_log_prob, of_entropy, of_entropy_slopes)


def is_own(grad: Tensor) -> bool:
    """Return whether a backward pass may change what it has computed: nobody differentiates it, or maps over it."""
    return not (torch.is_grad_enabled() or is_traced() or is_batched(grad))


def group_limbs(best: Tensor, times: Tensor) -> Tensor:
    """Return limbs of Σ best · times over all dimensions but the first; `times` are small integers."""
    return (limbs_of(best) * times.unsqueeze(-1)).flatten(1, -2).sum(1)
