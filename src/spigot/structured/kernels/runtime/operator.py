"""Makes an operator of torch from a function on tensors, so that `torch.compile` keeps it whole.

`torch.library.custom_op` does the same with more checks, at three to four times the cost of a call, which exceeds the
time for a short sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ParamSpec, TypeVar, cast

import torch
from torch import Tensor

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_library = torch.library.Library("spigot", "FRAGMENT")


def operator(
    *,
    fake: Callable[..., Any],
    name: str | None = None,
    backward: Callable[..., Any] | None = None,
    save: Callable[..., None] | None = None,
    cuda: Callable[..., Any] | None = None,
    triton: str | None = None,
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Make a decorator that registers a function as the operator `torch.ops.spigot.NAME`, and returns the operator.

    The schema is read from the annotations. The function serves the tensors of all devices (from the GPU it takes them
    to the CPU and back), returns new tensors and changes none.

    Args:
        fake: takes the same arguments and returns empty tensors, shaped and typed like the result.
        name: of the operator; None: that of the function.
        backward: takes the context and the gradients for the results; returns those for the arguments, None where
            there is none. Without it autograd does not track the operator, and callers detach the arguments: that
            saves as much time as the call itself takes. `once_differentiable` refuses.
        save: takes the context, `inputs` and `output`, and keeps what `backward` needs.
        cuda: takes the function's place for CUDA tensors.
        triton: a module of `kernels/triton` with a function of the operator's name, which takes the place of both for
            CUDA tensors where triton is installed.
    """

    def register(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        short = name or function.__name__
        full = f"spigot::{short}"
        schema = torch.library.infer_schema(function, mutates_args=())
        torch.library.define(full, schema, lib=_library, tags=(torch.Tag.pt2_compliant_tag,))
        _library.impl(short, function, "CompositeExplicitAutograd")
        if triton is not None:
            _library.impl(short, on_cuda(triton, short, cuda or function), "CUDA")
        elif cuda is not None:
            _library.impl(short, cuda, "CUDA")
        torch.library.register_fake(full, fake, lib=_library)
        if backward is not None:
            torch.library.register_autograd(full, backward, setup_context=save, lib=_library)
        overload = getattr(torch.ops.spigot, short).default
        overload.__doc__ = function.__doc__
        return cast(Callable[Parameters, Result], overload)

    return register


def on_cuda(module: str, name: str, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that calls `name` of `kernels/triton/module.py` or, where triton is not installed, `otherwise`.

    Triton is imported on the first call: those who have no GPU never wait for it.
    """

    @cache
    def choose() -> Callable[..., Any]:
        if find_spec("triton") is None:
            return otherwise
        return cast(Callable[..., Any], getattr(import_module(f"..triton.{module}", __package__), name))

    def call(*arguments: Any, **named: Any) -> Any:
        return choose()(*arguments, **named)

    return call


def like_first(first: Tensor, *others: Any) -> Tensor:
    """Return an empty tensor shaped and typed like the first argument: a `fake`."""
    return torch.empty_like(first, memory_format=torch.contiguous_format)


def once_differentiable(context: Any, *grads: Tensor) -> None:
    """Refuse to be differentiated: the `backward` of an operator that is itself a derivative."""
    raise RuntimeError("spigot: expected to be differentiated once; this derivative has no derivative of its own")
