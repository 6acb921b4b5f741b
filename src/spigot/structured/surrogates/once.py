"""Gradients that cannot be differentiated again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def differentiable_once(name: str, grads: tuple[Tensor, ...], *sources: Tensor) -> tuple[Tensor, ...]:
    """Return the gradients of a surrogate, which depend on `sources`, so that differentiating them raises an error.

    With `torch.autograd.function.once_differentiable` the result is a constant if the incoming gradient is one, and a
    penalty on the result has no effect, without an error. Call this in the backward of an autograd Function.
    """
    if not torch.is_grad_enabled() or torch.compiler.is_compiling():
        return grads
    return _Once.apply(name, len(grads), *grads, *sources)  # type: ignore[no-any-return]


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, name: str, count: int, *values: Tensor) -> tuple[Tensor, ...]:
        ctx.name = name
        return tuple(value.view_as(value) for value in values[:count])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        raise RuntimeError(f"{ctx.name}: expected to be differentiated once; its gradient has no derivative")
