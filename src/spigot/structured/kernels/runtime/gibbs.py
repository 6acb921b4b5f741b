"""The three operators of a Gibbs distribution p(z) ∝ exp <scores, z>, each the derivative of the one before it.

The gradient of log Z is the marginals. Their Jacobian, the Hessian of log Z, is symmetric: so the derivative along a
direction (a product from the right) also turns a gradient for the marginals into one for the scores (a product from
the left).
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from torch import Tensor

from .operator import like_first, once_differentiable, operator

Arguments = ParamSpec("Arguments")
WithDirection = ParamSpec("WithDirection")
Expected = TypeVar("Expected", Tensor, tuple[Tensor, Tensor])


def gibbs_operators(
    family: str,
    log_partition: Callable[Arguments, Tensor],
    marginals: Callable[Arguments, Expected],
    jvp: Callable[WithDirection, Expected],
    *,
    triton: str | None = None,
) -> tuple[Callable[Arguments, Tensor], Callable[Arguments, Expected], Callable[WithDirection, Expected]]:
    """Register `FAMILY_log_partition`, `FAMILY_marginals` and `FAMILY_marginals_jvp`, and return them.

    Args:
        family: the name of the structures.
        log_partition: takes the scores (one tensor, or several), other tensors or None, and last any settings; returns
            log Z, `[batch]`.
        marginals: takes the same; returns E[z] in a tensor for each tensor of scores.
        jvp: takes the scores, a direction for each tensor of scores, and the rest; returns the derivative of the
            marginals as the scores move in that direction. It is not differentiable.
        triton: see `operator`.
    """
    arguments = len(signature(marginals).parameters)
    count: int = len(signature(jvp).parameters) - arguments  # of tensors of scores
    no_gradient: tuple[None, ...] = (None,) * (arguments - count)

    def register(name: str, function: Callable[..., Any], **options: Any) -> Any:
        return operator(name=f"{family}_{name}", triton=triton, **options)(function)

    def like_scores(*inputs: Any) -> Tensor | tuple[Tensor, ...]:
        return like_first(inputs[0]) if count == 1 else tuple(map(like_first, inputs[:count]))

    def one_a_row(first: Tensor, *others: Any) -> Tensor:
        return first.new_empty(first.size(0))

    def save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        tensors = [value for value in inputs if value is None or isinstance(value, Tensor)]
        ctx.save_for_backward(*tensors)
        ctx.settings = inputs[len(tensors) :]

    of_jvp: Any = register("marginals_jvp", jvp, fake=like_scores, backward=once_differentiable)

    def marginals_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        slopes: Any = of_jvp(*saved[:count], *grads, *saved[count:], *ctx.settings)
        return *((slopes,) if count == 1 else slopes), *no_gradient

    of_marginals: Any = register("marginals", marginals, fake=like_scores, backward=marginals_backward, save=save)

    def log_partition_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        expected: Any = of_marginals(*ctx.saved_tensors, *ctx.settings)
        parts: tuple[Tensor, ...] = (expected,) if count == 1 else expected
        return *(grad.view(-1, *[1] * (part.dim() - 1)) * part for part in parts), *no_gradient

    of_log_partition: Any = register(
        "log_partition", log_partition, fake=one_a_row, backward=log_partition_backward, save=save
    )
    return of_log_partition, of_marginals, of_jvp
