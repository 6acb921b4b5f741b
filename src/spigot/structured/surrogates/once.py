"""Gradients without a derivative."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def differentiable_once(name: str, grads: tuple[Tensor, ...], *sources: Tensor) -> tuple[Tensor, ...]:
    """Return the gradients of a surrogate, computed from `sources`, such that differentiating them is an error.

    `torch.autograd.function.once_differentiable` would leave a gradient constant if the one it was computed from is: a
    penalty on it would be lost without an error. To be called in the backward of an autograd Function.
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
