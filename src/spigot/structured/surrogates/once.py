"""Gradients that cannot be differentiated again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..differentiation import Function, apply, same


def differentiable_once(name: str, grads: tuple[Tensor, ...], *sources: Tensor) -> tuple[Tensor, ...]:
    """Return the gradients of a surrogate, which depend on `sources`, so that differentiating them raises an error.

    With `torch.autograd.function.once_differentiable` the result is a constant if the incoming gradient is one, and a
    penalty on the result has no effect, without an error. Call this in the backward of an autograd Function.
    """
    if not torch.is_grad_enabled() or torch.compiler.is_compiling():
        return grads
    return apply(_Once, name, len(grads), *grads, *sources)  # type: ignore[no-any-return]


class _Once(Function):
    @staticmethod
    def forward(name: str, count: int, *values: Tensor) -> tuple[Tensor, ...]:
        return tuple(map(same, values[:count]))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.name = inputs[0]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        raise RuntimeError(f"{ctx.name}: expected to be differentiated once; its gradient has no derivative")

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> tuple[Tensor, ...]:
        return _Once.backward(ctx)  # type: ignore[return-value]
