"""Scores, structures and masks that come in several tensors.

`Parts` is one tensor, batch first, or a NamedTuple of such tensors: a semantic graph has predicates, arcs and
labelled arcs, a chain has emissions and transitions. What is written with these few functions serves both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

Parts: TypeAlias = Any
"""A Tensor, or a NamedTuple of Tensors; each with the batch first. (Python's types cannot say "the same one back".)"""


def tensors(parts: Parts) -> tuple[Tensor, ...]:
    """Return the tensors that `parts` is made of."""
    return (parts,) if isinstance(parts, Tensor) else tuple(parts)


def like(parts: Parts, values: tuple[Tensor, ...]) -> Parts:
    """Return `values` in the form of `parts`: a tensor, or the same kind of NamedTuple."""
    return values[0] if isinstance(parts, Tensor) else type(parts)(*values)


def map_parts(function: Callable[..., Tensor], parts: Parts, *others: Parts) -> Parts:
    """Apply `function` to the tensors of `parts` (and, side by side, of `others`)."""
    return like(parts, tuple(function(*each) for each in zip(*map(tensors, (parts, *others)), strict=True)))


def masked(parts: Parts, valid: Parts) -> Parts:
    """Return `parts` with 0 outside `valid`, whatever stood there."""
    return map_parts(lambda part, cells: part.masked_fill(~cells, 0), parts, valid)


def inner(a: Parts, b: Parts) -> Tensor:
    """Return the inner product of each row, `[batch]`."""
    products = [(x * y).flatten(1).sum(1) for x, y in zip(tensors(a), tensors(b), strict=True)]
    return products[0] if len(products) == 1 else torch.stack(products).sum(0)


def flatten(parts: Parts) -> Tensor:
    """Return all parts of each row side by side, `[batch, D]`."""
    flat = [part.flatten(1) for part in tensors(parts)]
    return flat[0] if len(flat) == 1 else torch.cat(flat, 1)


def unflatten(flat: Tensor, form: Parts) -> Parts:
    """Undo `flatten`: `flat[batch, D]` in the form of `form`, of which only types and row shapes matter."""
    shapes = [part.shape[1:] for part in tensors(form)]
    pieces = flat.split([shape.numel() for shape in shapes], 1)
    return like(form, tuple(piece.reshape(flat.size(0), *shape) for piece, shape in zip(pieces, shapes, strict=True)))
