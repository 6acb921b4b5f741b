"""Makes an operator of torch from a function on tensors, so that `torch.compile` keeps it whole.

`torch.library.custom_op` does the same with more checks, at three to four times the cost of a call, which exceeds the
time for a short sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from typing import Any, ParamSpec, TypeVar, cast

import torch
from torch import Tensor

from ...differentiation import fold, unfold
from .derivatives import Jvp, autograd_kernel

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_library = torch.library.Library("spigot", "FRAGMENT")


def operator(
    *,
    fake: Callable[..., Any],
    name: str | None = None,
    backward: Callable[..., Any] | None = None,
    save: Callable[..., None] | None = None,
    jvp: Jvp = None,
    moving: Sequence[int] = (0,),
    shared: Sequence[str] = (),
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
        jvp: how the derivative in a direction follows from `backward`. "symmetric": it is the same, since the Jacobian
            of the results in the arguments `moving` is symmetric. "gradient": the result is one number a row, so it is
            the inner product of gradient and direction. A function takes the context and the directions of the
            arguments `moving`, and returns those of the results. None: there is none, which is an error.
        moving: the positions of the arguments that have a derivative.
        shared: the tensors among the arguments that have no batch: `vmap` cannot map over them.
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
        overload = getattr(torch.ops.spigot, short).default
        if backward is not None:
            kernel = autograd_kernel(overload, backward, save, jvp, moving)
            _library.impl(short, kernel, "Autograd", with_keyset=True)
        torch.library.register_vmap(full, _vmap_rule(overload, function, shared), lib=_library)
        overload.__doc__ = function.__doc__
        return cast(Callable[Parameters, Result], overload)

    return register


def _vmap_rule(overload: Any, function: Callable[..., Any], shared: Sequence[str]) -> Callable[..., Any]:
    """Return the rule by which `vmap` calls an operator once, on a larger batch."""
    names = tuple(signature(function).parameters)
    apart = tuple(name in shared for name in names)

    def rule(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Any, Any]:
        for name, alone, dim in zip(names, apart, in_dims, strict=True):
            if alone and dim is not None:
                raise ValueError(f"{name}: expected one for all that vmap maps over, got a mapped one")
        folded = fold(info.batch_size, in_dims, arguments)
        given = (own if alone else new for alone, own, new in zip(apart, arguments, folded, strict=True))
        return unfold(info.batch_size, overload(*given))

    return rule


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
    """Refuse to be differentiated: the `backward` of an operator that is itself a derivative.

    The error names the map, such as `projective_marginals`: nobody calls `projective_marginals_jvp`.
    """
    name = context.operator.removesuffix("_jvp").removesuffix("_slopes")
    raise RuntimeError(f"{name}: expected to be differentiated once; its gradient has no derivative")
