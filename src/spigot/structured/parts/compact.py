"""Structures in compact form: integers such as heads or tags, in place of a 0/1 number for each part.

Each kind of structure has one `CompactForm`. What is given is told apart by its type alone, never by its shape:
integers, and lists of them, are compact; floating-point and bool tensors are 0/1 parts.

Integers that mean nothing, such as the head of ROOT and all that lies past a row's length, are never read. A row whose
other integers are all `ignore_index` has no known structure. A row of which only some are is refused.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

import torch
from torch import Tensor

from ..checks import kind_of, lengths_or_none, refuse_rows
from ..differentiation import is_traced
from .base import Parts, per_row, tensors


class CompactForm(ABC, Generic[Parts]):
    """How the structures of one kind are written in integers.

    Methods are given int64 tensors and 0/1 parts of the right shapes, and lengths as int64.
    """

    noun: ClassVar[str]
    """What the integers are, such as "heads"."""
    parts_noun: ClassVar[str]
    """What the parts are, such as "arcs"."""
    complete: ClassVar[bool] = False
    """Whether integers in range always write a structure."""
    optional: ClassVar[bool] = False
    """Whether an integer may be -1, for none, where it could mean something."""

    @abstractmethod
    def check(self, name: str, parts: Parts, lengths: Tensor | None) -> None:
        """Raise an error unless `parts`, floating-point, has the form and the shapes of scores.

        `name` is what the caller calls it.
        """

    @abstractmethod
    def shape(self, scores: Parts) -> list[int | None]:
        """Return the shape of the integers; None stands for any size."""

    @abstractmethod
    def end(self, scores: Parts) -> int | Tensor:
        """Return the first integer that is out of range, or one for each place of the last axis."""

    @abstractmethod
    def meant(self, scores: Parts, lengths: Tensor | None) -> Tensor:
        """Return which integers mean something: bool, with as many axes as they have, of their size or 1."""

    @abstractmethod
    def to_parts(self, integers: Tensor, scores: Parts, lengths: Tensor | None) -> Parts:
        """Return 0/1 parts, shaped and typed like `scores`.

        Args:
            integers: in range; -1 wherever one means nothing.
            scores: only their shapes and types matter.
            lengths: the real size of each row; None: all are full.
        """

    @abstractmethod
    def to_integers(self, parts: Parts, lengths: Tensor | None) -> Tensor:
        """Return the integers that write 0/1 parts, -1 where they mean nothing."""

    @abstractmethod
    def members(self, parts: Parts, lengths: Tensor | None) -> Tensor:
        """Return whether each row of `parts` is a structure: bool, `[batch]`. Padding is not read."""


@dataclass
class Reading(Generic[Parts]):
    """A structure that was given in either form. Integers become parts when these are asked for."""

    integers: Tensor | None
    """-1 wherever one means nothing, and in rows that are not known; None: parts were given."""
    known: Tensor | None
    """Which rows are known, bool, `[batch]`; None: all. The others have no parts."""
    is_member: bool
    """Whether it is a structure for certain: else its rows have to be checked."""
    make: Callable[[Tensor], Parts] | None
    """Makes parts of the integers."""
    made: Parts | None = None

    @property
    def parts(self) -> Parts:
        """0/1, shaped like the scores."""
        if self.made is None:
            assert self.make is not None
            assert self.integers is not None
            self.made = self.make(self.integers)
        return self.made


def read_structure(
    name: str,
    given: Any,
    scores: Parts,
    form: CompactForm[Parts] | None,
    lengths: Tensor | None,
    ignore_index: int | None = None,
) -> Reading[Parts]:
    """Read a structure that is given in either form.

    Args:
        name: what the caller calls `given`, for errors.
        given: integers, which become 0/1 parts; or parts, which are returned as they are. A tuple of tensors of
            integers, such as (heads, labels), is the same as these side by side in a last axis.
        scores: only their shapes and types matter.
        form: how integers are read; None: they are refused.
        lengths: the real size of each row.
        ignore_index: the integer that stands for what is not known; None: there is none.

    Raises:
        TypeError: what is given is neither.
        ValueError: shapes do not fit, an integer is out of range, or a row is known only in part.
    """
    if isinstance(given, list):
        given = _tensor_of(name, given)
    elif type(given) is tuple and all(is_integer(part) and part.shape == given[0].shape for part in given):
        given = torch.stack(given, -1)
    if form is None or not is_integer(given):
        check_parts(name, given, scores, form)
        return Reading(None, None, False, None, given)
    shape = form.shape(scores)
    if given.dim() != len(shape) or any(
        want is not None and want != own for want, own in zip(shape, given.shape, strict=True)
    ):
        raise ValueError(f"{name}: expected {_expected(scores, form)}, got {list(given.shape)} of {given.dtype}")
    first = tensors(scores)[0]
    integers, lengths = given.to(device=first.device, dtype=torch.int64), lengths_or_none(first, lengths)
    meant, known = form.meant(scores, lengths), None
    least, end = -form.optional, form.end(scores)
    bad = meant & ((integers < least) | (integers >= end))
    if ignore_index is not None and ignore_index >= least:
        bad = bad | (meant & (integers == ignore_index))
    if is_traced() or bool(bad.any()):
        missing = meant & (integers == ignore_index)
        some = _by_row(missing).any(1)
        ignored = some & _by_row(missing | ~meant).all(1)
        refuse_rows(some & ~ignored, f"{name}: expected {ignore_index} for all {form.noun} of a row or for none")
        last = end - 1 if isinstance(end, int) else (end - 1).tolist()
        refuse_rows(_by_row(bad).any(1) & ~ignored, f"{name}: expected {form.noun} from {least} to {last}")
        known = ~ignored
        meant = meant & per_row(known, meant)
    return Reading(
        integers.where(meant, -1), known, form.complete, lambda integers: form.to_parts(integers, scores, lengths)
    )


def is_integer(given: object) -> bool:
    """Return whether `given` is a tensor of integers."""
    if not isinstance(given, Tensor):
        return False
    return not (given.is_floating_point() or given.is_complex() or given.dtype is torch.bool)


def check_integers(name: str, integers: object, shape: str) -> None:
    """Raise an error unless `integers` is a tensor of integers with the axes of `shape`, such as "batch modifier"."""
    axes = shape.split()
    if not isinstance(integers, Tensor) or not is_integer(integers):
        raise TypeError(f"{name}: expected integers, got {kind_of(integers)}")
    if integers.dim() != len(axes):
        raise ValueError(f"{name}: expected shape [{', '.join(axes)}], got {list(integers.shape)}")


def first_largest(weights: Tensor) -> Tensor:
    """Return the first index of the largest number along the last axis, or -1 if none is above 0: int64."""
    if weights.size(-1) == 0:
        return torch.full(weights.shape[:-1], -1, device=weights.device)
    most = weights.amax(-1, keepdim=True)
    index = torch.arange(weights.size(-1), device=weights.device)
    # `max` does not promise which of several maxima it reports.
    first = torch.where(weights == most, index, index.numel()).amin(-1)
    return first.where(most.squeeze(-1) > 0, -1)


def refuse_out_of_range(name: str, integers: Tensor, end: int) -> None:
    """Raise a ValueError for the first row with an integer that is neither -1 nor in range(end)."""
    bad = (integers < -1) | (integers >= end)
    refuse_rows(bad.flatten(1).any(1), f"{name}: expected -1 .. {end - 1}")


def check_parts(name: str, given: Any, scores: Parts, form: CompactForm[Parts] | None = None) -> None:
    """Check that `given` is floating-point or bool, in the form and the shapes of `scores`.

    `form` is named in the error, if integers would have done.
    """
    if not isinstance(given, Tensor if isinstance(scores, Tensor) else type(scores)):
        raise TypeError(f"{name}: expected {_expected(scores, form)}, got {kind_of(given)}")
    for part, own in zip(tensors(given), tensors(scores), strict=True):
        if not isinstance(part, Tensor) or not (part.is_floating_point() or part.dtype is torch.bool):
            raise TypeError(f"{name}: expected {_expected(scores, form)}, got {kind_of(part)}")
        if part.shape != own.shape:
            raise ValueError(f"{name}: expected {_expected(scores, form)}, got {list(part.shape)} of {part.dtype}")


def _expected(scores: Parts, form: CompactForm[Parts] | None) -> str:
    """Return what an error says that a structure may be given as."""
    fields = getattr(scores, "_fields", ("parts" if form is None else form.parts_noun,))
    parts = (f"{field} of shape {list(part.shape)}" for field, part in zip(fields, tensors(scores), strict=True))
    if form is None:
        return f"{' and '.join(parts)} (floating-point or bool)"
    shape = ", ".join("any" if size is None else str(size) for size in form.shape(scores))
    return f"{form.noun} of shape [{shape}] (integers) or {' and '.join(parts)}"


def _tensor_of(name: str, rows: list[Any]) -> Tensor:
    """Return lists of integers as a tensor, rows of different lengths filled up with -1."""
    try:
        if all(isinstance(row, list | tuple) for row in rows) and len({len(row) for row in rows}) > 1:
            longest = max(rows, key=len)
            filler = [-1] * len(longest[0]) if isinstance(longest[0], list | tuple) else -1
            rows = [[*row, *[filler] * (len(longest) - len(row))] for row in rows]
        integers = torch.tensor(rows, device="cpu")
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: expected a tensor, or lists of integers: {error}") from None
    if not is_integer(integers):
        raise TypeError(f"{name}: expected lists of integers, got lists of {integers.dtype}")
    return integers


def _by_row(values: Tensor) -> Tensor:
    """Return `values`, one or more for each row, as `[batch, any]`."""
    return values.flatten(1) if values.dim() > 1 else values.unsqueeze(1)
