"""What every structure and polytope asks of its arguments, and the errors when it does not get it.

Shapes and types are checked here, before any kernel runs. Values are checked by the kernels
(`kernels/runtime/status.py`), which read every candidate cell anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, overload

import numpy as np
import torch
from torch import Tensor

from .differentiation import is_transformed
from .kernels.runtime.refusal import refuse, refuse_now


def widen(scores: Tensor) -> Tensor:
    """Return `scores` in the precision that they are computed in: float64 as it is, all others as float32."""
    # `float` would return the same tensor, but not at once.
    return scores if scores.dtype in (torch.float32, torch.float64) else scores.float()


def narrow(result: Tensor, scores: Tensor) -> Tensor:
    """Return what was computed in a wider type, as from `widen(scores)`, in that of `scores`."""
    return result if result.dtype is scores.dtype else result.to(scores.dtype)


def constant(scores: Tensor) -> Tensor:
    """Return `scores` without their place in autograd."""
    # Lists and the like are refused later, by name.
    return scores.detach() if isinstance(scores, Tensor) and scores.requires_grad else scores


def as_lengths(lengths: Tensor | Sequence[int] | None) -> Tensor | None:
    """Return `lengths` as a tensor: a list of integers will do.

    Raises:
        TypeError: `lengths` are no integers.
    """
    if lengths is None or isinstance(lengths, Tensor):
        return lengths
    try:
        # An empty list would become floating-point numbers.
        dtype = None if len(lengths) else torch.int64
        return torch.as_tensor(lengths, dtype=dtype, device="cpu")
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"lengths: expected a tensor or list of integers, got {lengths!r}") from None


@overload
def lengths_or_none(values: Tensor, lengths: Tensor) -> Tensor: ...
@overload
def lengths_or_none(values: Tensor, lengths: None) -> None: ...
def lengths_or_none(values: Tensor, lengths: Tensor | None) -> Tensor | None:
    """Return `lengths`, if there are any, as int64 on the device of `values`."""
    lengths = as_lengths(lengths)
    if lengths is None:
        return None
    if lengths.is_meta and not values.is_meta:
        raise ValueError(f"lengths: expected a tensor with values, got one on {lengths.device}")
    return lengths.to(device=values.device, dtype=torch.int64)


def mask_or_none(values: Tensor, mask: Tensor | None) -> Tensor | None:
    """Return `mask`, if there is one, in the shape of `values`, to which it need only broadcast."""
    return mask if mask is None or mask.shape == values.shape else mask.expand(values.shape)


def check_scores(name: str, parts: object) -> None:
    """Check that `parts` is a floating-point tensor, or a NamedTuple of such tensors.

    Raises:
        TypeError: it is not.
    """
    if isinstance(parts, tuple) and hasattr(parts, "_fields"):
        for field, part in zip(parts._fields, parts, strict=True):
            check_floating(f"{name}.{field}", part)
    else:
        check_floating(name, parts)


def check_form(name: str, parts: object, scores: object) -> None:
    """Raise a TypeError unless `parts`, if there are any, are of the type of the scores: a tensor, or a NamedTuple."""
    form: type = Tensor if isinstance(scores, Tensor) else type(scores)
    if parts is not None and not isinstance(parts, form):
        raise TypeError(f"{name}: expected {form.__name__}, got {kind_of(parts)}")


def check_structures(name: str, parts: object) -> None:
    """Check that `parts` is a floating-point or bool tensor, or a NamedTuple of such tensors.

    Raises:
        TypeError: it is not.
    """
    several = isinstance(parts, tuple) and hasattr(parts, "_fields")
    for part in cast(tuple[object, ...], parts) if several else (parts,):
        if not (isinstance(part, Tensor) and (part.is_floating_point() or part.dtype is torch.bool)):
            whole = isinstance(part, Tensor) and not part.is_floating_point() and not part.is_complex()
            advice = "; `to_parts` of a structure makes parts of heads, tags and the like" if whole else ""
            raise TypeError(f"{name}: expected floating-point or bool parts, got {kind_of(part)}{advice}")


def check_floating(name: str, values: object) -> None:
    """Raise a TypeError unless `values` is a floating-point tensor."""
    if isinstance(values, Tensor) and values.is_floating_point():
        if values.is_sparse:
            raise TypeError(f"{name}: expected a dense tensor, got {values.layout}")
        return
    if type(values) is tuple:
        raise TypeError(f"{name}: expected a tensor, or a NamedTuple of tensors such as LinearChainParts, got tuple")
    advice = "; `torch.as_tensor` makes a tensor of it" if isinstance(values, list | np.ndarray) else ""
    raise TypeError(f"{name}: expected a floating-point tensor, got {kind_of(values)}{advice}")


def check_instance(name: str, value: object, kind: type, example: str) -> None:
    """Raise a TypeError unless `value` is an instance of `kind`, such as `example`."""
    if not isinstance(value, kind):
        got = f"the class {value.__name__}" if isinstance(value, type) else kind_of(value)
        raise TypeError(f"{name}: expected a {kind.__name__} such as {example}, got {got}")


def check_function(name: str, value: object, what: str) -> None:
    """Raise a TypeError unless `value` can be called; `what` says from what to what it leads."""
    if not callable(value):
        raise TypeError(f"{name}: expected a function from {what}, got {kind_of(value)}")


def check_mask(name: str, of: str, shape: torch.Size, mask: object) -> None:
    """Check that `mask` is bool and broadcasts to `shape`.

    Args:
        name: what the caller calls the mask, for the message.
        of: what the caller calls the tensor that it is a mask of.
        shape: of that tensor.
        mask: bool, with no more axes than `shape`, each as long as there or 1.
    """
    if not isinstance(mask, Tensor) or mask.dtype is not torch.bool:
        raise TypeError(f"{name}: expected bool, got {kind_of(mask)}")
    if mask.shape == shape:
        return
    if mask.dim() > len(shape) or any(
        own not in (1, full) for own, full in zip(mask.shape[::-1], shape[::-1], strict=False)
    ):
        raise ValueError(
            f"{name}: expected the shape of {of}, {list(shape)}, or one that broadcasts to it, got {list(mask.shape)}"
        )


def check_arguments(
    name: str, values: Tensor, shape: str, lengths: Tensor | None = None, mask: Tensor | None = None
) -> None:
    """Check the types and shapes of one call.

    Args:
        name: what the caller calls `values`, for the message.
        values: the scores, or the point to project.
        shape: the axes of `values`, such as "batch head modifier". If a head and a modifier are among them, the two
            have the same size.
        lengths: integers, `[batch]`.
        mask: bool; it need only broadcast to the shape of `values`.

    Raises:
        TypeError: a tensor of the wrong dtype.
        ValueError: a tensor of the wrong shape.
    """
    axes = shape.split()
    check_floating(name, values)
    if values.dim() != len(axes):
        raise ValueError(f"{name}: expected shape [{', '.join(axes)}], got {list(values.shape)}")
    if "head" in axes and values.size(axes.index("head")) != values.size(axes.index("modifier")):
        raise ValueError(f"{name}: expected as many heads as modifiers, ROOT included, got {list(values.shape)}")
    if "head" in axes and values.size(axes.index("head")) == 0:
        raise ValueError(f"{name}: expected at least the node ROOT, got {list(values.shape)}")
    lengths = as_lengths(lengths)
    if lengths is not None:
        if lengths.dtype is torch.bool or lengths.is_floating_point() or lengths.is_complex():
            raise TypeError(f"lengths: expected integers, got {lengths.dtype}")
        if lengths.shape != values.shape[:1]:
            raise ValueError(f"lengths: expected shape [{values.size(0)}], got {list(lengths.shape)}")
    if mask is not None:
        check_mask("mask", name, values.shape, mask)
        check_devices(name, values, mask)


def check_devices(
    name: str, parts: Tensor | tuple[Tensor, ...], mask: Tensor | tuple[Tensor, ...] | None = None
) -> None:
    """Raise a ValueError if some tensors of `parts` and `mask` have no values while others have."""
    given = [(what, each) for what, each in ((name, parts), ("mask", mask)) if each is not None]
    flat = [tensor for _, each in given for tensor in (each if isinstance(each, tuple) else (each,))]
    meta = flat[0].is_meta
    if all(tensor.is_meta is meta for tensor in flat):
        return
    names = [f"{what}.{field}" for what, each in given for field in getattr(each, "_fields", ())]
    names = names or [what for what, _ in given]
    devices = ", ".join(f"{what} on {tensor.device}" for what, tensor in zip(names, flat, strict=True))
    raise ValueError(f"{names[0]}: expected all tensors on one device, got {devices}")


def lengths_or_full(values: Tensor, lengths: Tensor | None, full: int) -> Tensor:
    """Return `lengths` as int64 on the device of `values`; None means that every row is `full` long."""
    if lengths is None:
        return torch.full((values.size(0),), full, dtype=torch.int64, device=values.device)
    return lengths_or_none(values, lengths)


def refuse_rows(bad: Tensor, message: str) -> None:
    """Raise a ValueError with `message` that names the first row where `bad` (bool, `[batch]`) is True.

    Left out under `torch.compile`, which has no place for errors that depend on values.
    """
    if is_transformed():
        refuse(bad, message)
    elif not torch.compiler.is_compiling():
        refuse_now(bad, message)


def refuse_lengths(lengths: Tensor, longest: int, name: str, note: str = "") -> None:
    """Raise a `RowsError` unless lengths are from 0 to `longest`; `name` is what the caller calls the scores.

    Within the transforms of `torch.func` it does not say which length came.
    """
    bad = (lengths < 0) | (lengths > longest)
    message = f"lengths: out of range for the shape of {name}: expected 0 to {longest}"
    if is_transformed() or torch.compiler.is_compiling():
        refuse_rows(bad, message + note)
    elif not bad.is_meta and bool(bad.any()):
        refuse_now(bad, f"{message}, got {int(lengths[bad][0])}{note}")


def kind_of(value: object) -> str:
    """Return what an error says that it got: the dtype of a tensor, or else a type."""
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
