"""The derivatives of an operator, backward and forward, under autograd and under the transforms of `torch.func`.

`torch.library.register_autograd` knows no forward mode, and its operators refuse `torch.func.grad`. What it does is
done here, as torch's own operators do it: what is registered is an autograd Function of a single level, which
transforms call once for each of their levels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ...differentiation import primals

_C = torch._C

Jvp: TypeAlias = Literal["symmetric", "gradient"] | Callable[..., tuple[Any, ...]] | None


def autograd_kernel(
    overload: Any,
    backward: Callable[..., Any],
    save: Callable[..., None] | None,
    jvp: Jvp,
    moving: Sequence[int],
) -> Callable[..., Any]:
    """Return what the operator `overload` does in autograd; see `operator` for the other arguments."""
    name = overload.name().removeprefix("spigot::")

    def below(keyset: Any, arguments: tuple[Any, ...]) -> Any:
        with _C._AutoDispatchBelowAutograd():
            return overload.redispatch(keyset & _C._after_autograd_keyset, *arguments)

    # A Function turns off autograd and forward mode for all levels, but an outer transform may differentiate: so both
    # are as before where something is computed. (`mode`: whether autograd was on.)

    def forward(ctx: Any, keyset: Any, moved: tuple[bool, ...], mode: bool, *arguments: Any) -> Any:
        if _C._are_functorch_transforms_active():
            with torch.set_grad_enabled(mode), forward_ad._set_fwd_grad_enabled(True):
                output = below(keyset, arguments)
        else:
            output = below(keyset, arguments)
        ctx.operator, ctx.moved = name, moved
        if save is not None:
            save(ctx, inputs=arguments, output=output)
        if moved:
            with torch.set_grad_enabled(mode):
                ctx.arguments, ctx.output, ctx.mode = primals(arguments), output, mode
                ctx.save_for_forward(*primals(getattr(ctx, "to_save", None) or ()))
        return output

    def pull(ctx: Any, needs: tuple[bool, ...], grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Call `backward`, as if it were to serve the arguments `needs`."""
        before = ctx.needs_input_grad
        try:
            ctx.needs_input_grad = needs
            result = backward(ctx, *grads)
        finally:
            ctx.needs_input_grad = before
        return result if isinstance(result, tuple) else (result,)

    def of_gradient(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, None, *pull(ctx, ctx.needs_input_grad[3:], grads)

    def in_direction(ctx: Any, *tangents: Tensor | None) -> Any:
        if jvp is None:
            raise RuntimeError(f"{name}: expected no differentiation in forward mode; it has no derivative there")
        with torch.set_grad_enabled(ctx.mode), forward_ad._set_fwd_grad_enabled(True):
            directions = []
            for i in moving:
                direction = tangents[3 + i] if ctx.moved[i] else None
                directions.append(torch.zeros_like(ctx.arguments[i]) if direction is None else direction)
            return along(ctx, directions)

    def along(ctx: Any, directions: list[Tensor]) -> Any:
        output = ctx.output
        if jvp == "gradient":
            slopes = pull(ctx, ctx.moved, (torch.ones_like(output),))
            products = (slopes[i] * by for i, by in zip(moving, directions, strict=True))
            return sum(product.sum(tuple(range(1, product.dim()))) for product in products)
        outputs = (output,) if isinstance(output, Tensor) else output
        rest = [torch.zeros_like(own) if own.is_floating_point() else None for own in outputs[len(directions) :]]
        if callable(jvp):
            return *jvp(ctx, *directions), *rest
        slopes = pull(ctx, ctx.moved, (*directions, *rest))
        found = (*(slopes[i] for i in moving), *rest)
        return found[0] if isinstance(output, Tensor) else found

    members: dict[str, Any] = {"forward": forward, "backward": of_gradient, "jvp": in_direction}
    static = {key: staticmethod(function) for key, function in members.items()}
    plain: Any = type(name, (torch.autograd.Function,), static)
    single: Any = type(name, (torch.autograd.function._SingleLevelFunction,), static)

    def kernel(keyset: Any, *arguments: Any) -> Any:
        mode = _C.is_grad_enabled()
        moved = _moved(arguments) if forward_ad._current_level >= 0 and _C._is_fwd_grad_enabled() else ()
        if not moved and not (mode and _C._any_requires_grad(*arguments)):
            return below(keyset, arguments)
        if not _C._are_functorch_transforms_active():
            return plain.apply(keyset, moved, mode, *arguments)
        allowed = _C._functorch.get_single_level_autograd_function_allowed()
        _C._functorch.set_single_level_autograd_function_allowed(True)
        try:
            return single.apply(keyset, moved, mode, *arguments)
        finally:
            _C._functorch.set_single_level_autograd_function_allowed(allowed)

    return kernel


def _moved(arguments: tuple[Any, ...]) -> tuple[bool, ...]:
    """Return which arguments have a tangent; an empty tuple if none has."""
    moved = tuple(
        isinstance(value, Tensor) and value.is_floating_point() and forward_ad.unpack_dual(value).tangent is not None
        for value in arguments
    )
    return moved if any(moved) else ()
