"""How the core meets autograd, forward-mode AD and the transforms of `torch.func`.

A kernel reads numbers, and a check decides by them. Neither is possible where a tensor stands for many (`vmap`) or for
none (`torch.compile`). So all code that looks at values asks `is_traced` first, and kernels are operators whose rule
for `vmap` folds the new dimension into the batch, of which all structures have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

_are_transforms_active = torch._C._are_functorch_transforms_active


def is_transformed() -> bool:
    """Return whether a transform of `torch.func` runs: `grad`, `vmap`, `jvp` and so on."""
    return _are_transforms_active() and not torch.compiler.is_compiling()


def is_traced() -> bool:
    """Return whether values may not be looked at: in `torch.compile`, and in the transforms of `torch.func`."""
    return torch.compiler.is_compiling() or _are_transforms_active()


def is_batched(value: Tensor) -> bool:
    """Return whether a tensor stands for several by other means than `torch.func`: `is_grads_batched` of autograd."""
    return not torch.compiler.is_compiling() and bool(torch._C._functorch.is_legacy_batchedtensor(value))


def is_tracked(*values: Any) -> bool:
    """Return whether a derivative of what is computed from `values` may be asked for.

    Within a transform a tensor does not tell: an outer one may differentiate what an inner one hides.
    """
    if torch.is_grad_enabled() and any(isinstance(value, Tensor) and value.requires_grad for value in values):
        return True
    return is_transformed() or forward_ad._current_level >= 0


def no_derivatives() -> AbstractContextManager[Any]:
    """Return a context without autograd and forward mode."""
    return torch.no_grad() if forward_ad._current_level < 0 else _neither()


@contextmanager
def _neither() -> Iterator[None]:
    with torch.no_grad(), forward_ad._set_fwd_grad_enabled(False):
        yield


def outside_transforms(constant: Tensor) -> AbstractContextManager[Any]:
    """Return a context in which what is made of a constant belongs to no transform, and so may outlive it."""
    if not is_transformed() or torch._C._functorch.is_functorch_wrapped_tensor(constant):
        return nullcontext()
    return torch._C._DisableFuncTorch()  # type: ignore[no-any-return]


def no_autocast(tensor: Tensor) -> AbstractContextManager[Any]:
    """Return a context in which operations on the device of `tensor` keep their precision."""
    return nullcontext() if tensor.is_meta else torch.autocast(tensor.device.type, enabled=False)


def fold(size: int, in_dims: tuple[int | None, ...], values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments of a function over batches with a dimension of `size`, that of a `vmap`, in the batch.

    `in_dims` says where each tensor has it; one that lacks it is repeated.
    """

    def one(value: Any, dim: int | None) -> Any:
        if not isinstance(value, Tensor):
            return value
        return (value.expand(size, *value.shape) if dim is None else value.movedim(dim, 0)).flatten(0, 1)

    return tuple(map(one, values, in_dims))


def unfold(size: int, result: Any) -> tuple[Any, Any]:
    """Undo `fold` for a tensor or a tuple of them; return it, and where the dimension is: in front."""
    if isinstance(result, Tensor):
        return result.unflatten(0, (size, result.size(0) // size)), 0
    return tuple(unfold(size, part)[0] for part in result), (0,) * len(result)


def same(value: Tensor) -> Tensor:
    """Return what a `Function` returns for a tensor that it hands on."""
    # A view costs nothing, but forward mode would ask for a view of the tangent.
    return value.clone() if forward_ad._current_level >= 0 else value.view_as(value)


def primals(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return the tensors among `values` without their tangents at the current level of forward-mode AD."""
    with forward_ad._set_fwd_grad_enabled(True):
        return tuple(forward_ad.unpack_dual(value).primal if isinstance(value, Tensor) else value for value in values)


class Function:
    """An autograd Function that forward-mode AD and the transforms of `torch.func` take as well; called by `apply`.

    Subclasses define static methods: `forward` (without a context), `setup_context` and `backward`; `jvp` if they have
    a derivative in forward mode; `vmap` if what they do cannot be mapped as it stands. `ctx.name` is for errors.
    """

    transformed: Any
    """The form for transforms."""
    quick: Any
    """The form for other calls: without `setup_context`, it takes a fifth of the time."""
    compiled: Any
    """The form for `torch.compile`, which takes no class with a `jvp`."""

    forward: Any
    setup_context: Any
    backward: Any

    def __init_subclass__(cls) -> None:
        """Make the three forms."""

        def forward(ctx: Any, *inputs: Any) -> Any:
            output = cls.forward(*inputs)
            cls.setup_context(ctx, inputs, output)
            return output

        def traced(ctx: Any, *inputs: Any) -> Any:
            output = forward(ctx, *inputs)
            # Before torch 2.11 a compiled Function returns tensors alone.
            return tuple(each for each in output if isinstance(each, Tensor)) if isinstance(output, tuple) else output

        def jvp(ctx: Any, *tangents: Any) -> Any:
            # Torch turns both off for all levels, so that the derivative in an outer one would be 0.
            with torch.enable_grad(), forward_ad._set_fwd_grad_enabled(True):
                return cls.jvp(ctx, *tangents)

        def form(**members: Any) -> Any:
            static = {name: staticmethod(value) if callable(value) else value for name, value in members.items()}
            return type(cls.__name__, (torch.autograd.Function,), static)

        rule = {"vmap": cls.vmap} if hasattr(cls, "vmap") else {"generate_vmap_rule": True}
        cls.compiled = form(forward=traced, backward=cls.backward)
        cls.quick = form(forward=forward, backward=cls.backward, jvp=jvp)
        cls.transformed = form(
            forward=cls.forward, setup_context=cls.setup_context, backward=cls.backward, jvp=jvp, **rule
        )

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Refuse."""
        raise RuntimeError(f"{ctx.name}: expected no differentiation in forward mode; it has no derivative there")


def apply(function: type[Function], *inputs: Any) -> Any:
    """Call an autograd Function."""
    if not _are_transforms_active():
        return (function.compiled if torch.compiler.is_compiling() else function.quick).apply(*inputs)
    if torch.compiler.is_compiling():
        # There torch would differentiate `forward`, in silence.
        raise RuntimeError("spigot: expected torch.func outside of torch.compile, got torch.compile around torch.func")
    return function.transformed.apply(*inputs)


def keep(ctx: Any, *values: Tensor | None) -> None:
    """Save tensors for `backward` and for `jvp`."""
    ctx.save_for_backward(*values)
    if forward_ad._current_level >= 0:
        with torch.enable_grad():
            ctx.save_for_forward(*primals(values))
