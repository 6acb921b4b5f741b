"""The axes of scores in words, such as "batch row+1 column+1 3", and what they ask of a tensor's shape."""

from __future__ import annotations

import torch
from torch import Tensor

from ..checks import check_arguments, check_devices
from ..parts.base import Parts, tensors
from ..parts.compact import is_integer

Axes = str | tuple[str, ...]
"""The axes of a tensor, separated by spaces; or of each of several tensors."""


def within(size: int, lengths: Tensor) -> Tensor:
    """Return which of the first `size` places lie within rows of given lengths, bool, `[batch, size]`."""
    return torch.arange(max(size, 0), device=lengths.device) < lengths[:, None]


def sizes_of(scores: Parts, axes: Axes) -> dict[str, int]:
    """Return the size of each axis that is named; of several tensors that share a name, the first tells it."""
    sizes: dict[str, int] = {}
    for part, words in zip(tensors(scores), _words(axes), strict=True):
        for extent, word in zip(part.shape, words.split(), strict=True):
            factor, name, offset = _term(word)
            if name:
                sizes.setdefault(name, max(extent - offset, 0) // factor)
    return sizes


def check_axes(name: str, scores: Parts, form: type, axes: Axes, mask: Parts | None = None) -> None:
    """Check types and shapes.

    Args:
        name: what the caller calls `scores`.
        scores: floating-point tensors.
        form: `Tensor`, or the NamedTuple that is expected.
        axes: of each tensor.
        mask: bool; it need only broadcast to the shapes of `scores`.

    Raises:
        TypeError: not a `form`, a tensor of the wrong dtype.
        ValueError: a tensor of the wrong shape.
    """
    for what, given in ((name, scores), ("mask", scores if mask is None else mask)):
        if not isinstance(given, form):
            raise TypeError(f"{what}: expected {form.__name__}, got {type(given).__name__}")
    fields = [f".{field}" for field in getattr(form, "_fields", ())] or [""]
    words = _words(axes)
    masks = (None,) * len(words) if mask is None else tensors(mask)
    for part, own, field, allowed in zip(tensors(scores), words, fields, masks, strict=True):
        check_arguments(name + field, part, own, None, allowed)
    check_devices(name, scores, mask)
    sizes = sizes_of(scores, axes)
    for part, own, field in zip(tensors(scores), words, fields, strict=True):
        shape = [max(factor * sizes.get(axis, 1) + offset, 0) for factor, axis, offset in map(_term, own.split())]
        if list(part.shape) != shape:
            raise ValueError(f"{name}{field}: expected shape {shape}, got {list(part.shape)}")


def check_lengths(lengths: Tensor, batch: int, counted: int) -> None:
    """Check that lengths are integers, `[batch]`, or `[batch, counted]` if there is more than one axis to count."""
    if not is_integer(lengths):
        raise TypeError(f"lengths: expected integers, got {lengths.dtype}")
    shape = [batch, counted] if counted > 1 and lengths.dim() == 2 else [batch]
    if list(lengths.shape) != shape:
        raise ValueError(f"lengths: expected shape {shape}, got {list(lengths.shape)}")


def _words(axes: Axes) -> tuple[str, ...]:
    return (axes,) if isinstance(axes, str) else axes


def _term(word: str) -> tuple[int, str, int]:
    """Return factor, name and offset of "2*label+1"; a number is an offset without a name."""
    if word.isdigit():
        return 0, "", int(word)
    factor, _, rest = word.rpartition("*")
    for sign in ("+", "-"):
        name, found, offset = rest.partition(sign)
        if found:
            return int(factor or 1), name, int(sign + offset)
    return int(factor or 1), rest, 0
