"""Scores, structures and masks that come in several tensors.

`Parts` is one tensor, batch first, or a NamedTuple of such tensors: a semantic graph has predicates, arcs and
labelled arcs, a chain has emissions and transitions. What is written with these few functions serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, TypeAlias, TypeVar, cast

import torch
from torch import Tensor

Parts = TypeVar("Parts", bound="Tensor | tuple[Tensor, ...]")
"""A type variable: a Tensor, or a NamedTuple of Tensors; each with the batch first."""

AnyParts: TypeAlias = "Tensor | tuple[Tensor, ...]"
"""What `Parts` stands for, where it does not matter for what."""


def tensors(parts: AnyParts) -> tuple[Tensor, ...]:
    """Return the tensors that `parts` is made of."""
    return (parts,) if isinstance(parts, Tensor) else tuple(parts)


def like(parts: Parts, values: tuple[Tensor, ...]) -> Parts:
    """Return `values` in the form of `parts`: a tensor, or the same kind of NamedTuple."""
    return cast(Parts, values[0] if isinstance(parts, Tensor) else type(parts)(*values))


def common_dtype(parts: AnyParts) -> torch.dtype:
    """Return the type that the types of all tensors promote to: that of one number for each row."""
    dtype, *others = (part.dtype for part in tensors(parts))
    for other in others:
        dtype = torch.promote_types(dtype, other)
    return dtype


def map_parts(function: Callable[..., Tensor], parts: Parts, *others: AnyParts) -> Parts:
    """Apply `function` to the tensors of `parts` (and, side by side, of `others`)."""
    return like(parts, tuple(function(*each) for each in zip(*map(tensors, (parts, *others)), strict=True)))


def masked(parts: Parts, valid: AnyParts) -> Parts:
    """Return `parts` with 0 outside `valid`, whatever stood there."""
    # As a number of any type False is 0, and keeps the type of the part.
    return map_parts(lambda part, cells: torch.where(cells, part, False), parts, valid)


def inner(a: AnyParts, b: AnyParts) -> Tensor:
    """Return the inner product of each row, float64, `[batch]`."""
    # Summed in float64: in float32 padding could change the rounding.
    products = [in_rows(x * y).sum(1, dtype=torch.float64) for x, y in zip(tensors(a), tensors(b), strict=True)]
    return products[0] if len(products) == 1 else torch.stack(products).sum(0)


def flatten(parts: AnyParts) -> Tensor:
    """Return all parts of each row side by side, `[batch, D]`."""
    flat = [in_rows(part) for part in tensors(parts)]
    return flat[0] if len(flat) == 1 else torch.cat(flat, 1)


def in_rows(part: Tensor) -> Tensor:
    """Return a tensor as `[batch, D]`."""
    # `part.flatten(1)` has no rule for gradients that come in batches.
    return part.reshape(part.size(0), part.shape[1:].numel())


def per_row(values: Tensor, part: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return `values`, one for each row of `part`, in a shape to multiply it with; in its type unless one is given."""
    return values.to(dtype or part.dtype).view(-1, *[1] * (part.dim() - 1))


def unflatten(flat: Tensor, form: Parts) -> Parts:
    """Undo `flatten`: `flat[batch, D]` in the form of `form`, of which only types and row shapes matter."""
    return like(form, _cut(flat, [part.shape[1:] for part in tensors(form)]))


def unflatten_sizes(flat: Tensor, form: type, dims: Sequence[int], sizes: Sequence[int]) -> Any:
    """Undo `flatten`, where the sizes are known and nothing else is.

    Args:
        flat: `[batch, part]`.
        form: the type of the parts: `Tensor`, or that of a NamedTuple of tensors.
        dims: how many dimensions each tensor has.
        sizes: of all dimensions but the batch, one tensor after the other.
    """
    rest = iter(sizes)
    values = _cut(flat, [torch.Size(islice(rest, dim - 1)) for dim in dims])
    return values[0] if issubclass(form, Tensor) else form(*values)


def _cut(flat: Tensor, shapes: Sequence[torch.Size]) -> tuple[Tensor, ...]:
    pieces = flat.split([shape.numel() for shape in shapes], 1)
    return tuple(piece.reshape(flat.size(0), *shape) for piece, shape in zip(pieces, shapes, strict=True))
