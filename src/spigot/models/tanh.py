"""tanh, quickly on processors where the usual one is slow."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def tanh(x: Tensor) -> Tensor:
    """Return tanh x, on CPUs as 2 σ(2x) − 1 in single precision, right to 2e-7.

    torch hands tanh to a library of vector functions there. On processors of other makers than its own that takes four
    times as long as the four steps of this formula (`benchmarks/perceptron.py`).
    """
    if x.dtype != torch.float32 or x.device.type != "cpu" or torch.compiler.is_compiling():
        return torch.tanh(x)
    result: Tensor = _Tanh.apply(x) if torch.is_grad_enabled() and x.requires_grad else _by_sigmoid(x)
    return result


class Tanh(nn.Module):
    """`tanh` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """Return tanh x."""
        return tanh(x)


class _Tanh(torch.autograd.Function):
    """Keeps its result alone for the way back, as torch's does."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return _by_sigmoid(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        result: Tensor = torch.ops.aten.tanh_backward(grad, y)
        return result


def _by_sigmoid(x: Tensor) -> Tensor:
    return (2 * x).sigmoid_().mul_(2).sub_(1)
