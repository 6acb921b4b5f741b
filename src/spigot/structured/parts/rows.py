"""Scores of any shape, of which one axis is a row and all others are the batch.

Structures and polytopes over one axis say which it is (`axis`). What they do is written for `[batch, category]`:
`over_rows` lets a method or a function that is written so take any shape, unbatched scores too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from inspect import signature
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from ..checks import as_lengths, check_floating, check_mask
from ..differentiation import outside_transforms
from .base import AnyParts, tensors

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Rows:
    """How scores of one shape are laid out as rows."""

    shape: torch.Size
    """That of the scores."""
    dim: int
    """The axis of a row, from 0."""

    @property
    def batch(self) -> torch.Size:
        """The shape of what has one number for each row."""
        return self.shape[: self.dim] + self.shape[self.dim + 1 :]

    def flat(self, name: str, values: Any) -> Any:
        """Return the tensor `values` as rows, `[row, any]`, or `[row]` if it has one number for each row.

        `name` is what the caller calls it. What is no tensor or list, or one number, comes back as it is.
        """
        if name == "lengths":
            values = as_lengths(values)
        elif isinstance(values, list):
            values = torch.tensor(values, device="cpu")
        if not isinstance(values, Tensor) or (values.dim() == 0 and name in ("k", "loss_scale")):
            return values
        if name == "mask":
            check_mask("mask", "scores", self.shape, values)
            values = values.expand(self.shape)
        whole = values.dim() == len(self.shape) and name not in ("lengths", "seeds")
        moved = values.movedim(self.dim, -1) if whole else values
        if (moved.shape[:-1] if whole else moved.shape) != self.batch:
            raise ValueError(f"{name}: expected shape {list(self.batch)}, got {list(values.shape)}")
        return moved.reshape(self.batch.numel(), moved.size(-1)) if whole else moved.reshape(self.batch.numel())

    def back(self, result: Any) -> Any:
        """Undo `flat`. What is no tensor of rows comes back as it is."""
        if not isinstance(result, Tensor) or result.dim() == 0:
            return result
        return (
            result.view(self.batch)
            if result.dim() == 1
            else result.view(*self.batch, result.size(1)).movedim(-1, self.dim)
        )

    def owner(self, owner: Any) -> Any:
        """Return a structure or polytope that does the same to rows."""
        k = getattr(owner, "k", None)
        if not isinstance(k, Tensor):
            return replace(owner, dim=-1)
        with outside_transforms(k):
            return replace(owner, dim=-1, k=self.flat("k", k))


def rows_of(name: str, scores: Any, axis: int | None) -> Rows | None:
    """Return how to lay out `scores`; None: they are rows already, or no scores at all."""
    if axis is None or not isinstance(scores, Tensor) or (scores.dim() == 2 and axis in (-1, 1)):
        return None
    if not -scores.dim() <= axis < scores.dim():
        raise ValueError(f"{name}: expected an axis {axis}, got shape {list(scores.shape)}")
    return Rows(scores.shape, axis % scores.dim())


def rows_of_scores(structure: Any, scores: AnyParts) -> list[int]:
    """Return how many rows there are in each item of a batch, along its other axes; none if it is a row itself."""
    axis, shape = getattr(structure, "axis", None), list(tensors(scores)[0].shape)
    if axis is None or axis % len(shape) == 0:
        return []
    return [size for place, size in enumerate(shape) if place not in (0, axis % len(shape))]


def check_rows(structure: Any, scores: AnyParts) -> None:
    """Raise an error, with what makes rows of them, if rows are along another axis than the second of two."""
    axis, shape = structure.axis, list(tensors(scores)[0].shape)
    if axis is not None and (len(shape) != 2 or axis % 2 != 1):
        advice = "scores[None]" if len(shape) == 1 else f"scores.movedim({axis}, -1).flatten(0, -2)"
        got = f"got {shape} with dim={axis}"
        raise ValueError(f"scores: expected shape [batch, category] here, {got} ({advice} with dim=-1 has it)")


def over_rows(by: str = "scores", owner: str = "self") -> Callable[[Function], Function]:
    """Make a decorator that lets a function of rows take scores of any shape.

    Args:
        by: the argument whose shape is that of the scores.
        owner: the argument that has an `axis`.
    """

    def decorate(function: Function) -> Function:
        names = list(signature(function).parameters)
        place = names.index(owner)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            of = args[place] if len(args) > place else kwargs.get(owner)
            axis = None if isinstance(of, type) else getattr(of, "axis", None)
            if axis is None:
                return function(*args, **kwargs)
            given = dict(zip(names, args, strict=False)) | kwargs
            rows = rows_of(by, given.get(by), axis)
            if rows is None:
                return function(*args, **kwargs)
            if by in ("scores", "point"):
                check_floating(by, given[by])
            flat = {name: rows.flat(name, value) for name, value in given.items() if name != owner}
            return rows.back(function(**flat, **{owner: rows.owner(of)}))

        return cast(Function, call)

    return decorate
