"""Numbers of a semiring: what a recurrence is written with.

A recurrence reads like ordinary torch code over the scores: `*` joins independent parts of a structure, `+` and
`sum` choose among alternatives. Which numbers these are (best scores, log-sums, counts, ...) the semiring decides,
which the recurrence never sees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .semirings import Semiring


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of numbers of a semiring, batch first.

    Indices, shapes and dimensions are those of a tensor of numbers, whatever a number is made of. Negative dimensions
    count from the end.
    """

    semiring: Semiring
    channels: tuple[Tensor, ...]
    """What the numbers are made of: tensors of the same shape, which may have further dimensions at the end."""

    @property
    def shape(self) -> torch.Size:
        """The shape of the tensor of numbers."""
        return self.channels[0].shape[: self.dim()]

    def dim(self) -> int:
        """Return how many dimensions the tensor of numbers has."""
        return self.channels[0].dim() - self.semiring.hidden

    def size(self, dim: int) -> int:
        """Return the size of one dimension."""
        return self.shape[dim]

    def __mul__(self, other: Value) -> Value:
        """Return the product: both; shapes broadcast."""
        a, b = _same_rank(self, other)
        return Value(self.semiring, self.semiring.times(a.channels, b.channels))

    def __add__(self, other: Value) -> Value:
        """Return the sum: one or the other, of one shape. Ties of the best go to the first."""
        return stack([self, other], self.dim()).sum(-1)

    def sum(self, dim: int) -> Value:
        """Return the sum over one dimension: one of its entries. Ties of the best go to the first."""
        return Value(self.semiring, self.semiring.sum(self.channels, dim % self.dim()))

    def zero(self, *shape: int) -> Value:
        """Return zeros of the same semiring: what is impossible."""
        return self.semiring.full(self.semiring.zero, shape, self.channels[0].device)

    def one(self, *shape: int) -> Value:
        """Return ones of the same semiring: the structure without parts."""
        return self.semiring.full(self.semiring.one, shape, self.channels[0].device)

    def where(self, condition: Tensor, other: Value) -> Value:
        """Return these numbers where `condition` (bool, which broadcasts) holds, and the `other` ones elsewhere."""
        given = condition.reshape(condition.shape + (1,) * self.semiring.hidden)
        pairs = zip(*self.semiring.align([self.channels, other.channels]), strict=True)
        return Value(self.semiring, tuple(torch.where(given, a, b) for a, b in pairs))

    def __getitem__(self, index: Any) -> Value:
        """Index the tensor of numbers by numbers, slices, None, `...` and tensors."""
        keys = index if isinstance(index, tuple) else (index,)
        if any(key is Ellipsis for key in keys):
            keys += (slice(None),) * self.semiring.hidden
        return self._each(lambda channel: channel[keys])

    def unbind(self, dim: int) -> tuple[Value, ...]:
        """Return the slices along one dimension. In a loop, cheaper on the way back than an index at each step."""
        slices = [channel.unbind(dim % self.dim()) for channel in self.channels]
        return tuple(Value(self.semiring, channels) for channels in zip(*slices, strict=True))

    def flip(self, dim: int) -> Value:
        """Return the numbers in reverse order along one dimension."""
        return self._each(lambda channel: channel.flip(dim % self.dim()))

    def movedim(self, source: int, to: int) -> Value:
        """Return the numbers with one dimension moved."""
        return self._each(lambda channel: channel.movedim(source % self.dim(), to % self.dim()))

    def at(self, index: Tensor) -> Value:
        """Return for each row the entry of dimension 1 that `index[batch]` names; negative ones are taken as 0."""
        # Not by an index, whose derivative `vmap` cannot take.
        place = index.clamp_min(0)

        def one(channel: Tensor) -> Tensor:
            places = place.view(-1, *[1] * (channel.dim() - 1)).expand(-1, 1, *channel.shape[2:])
            return channel.gather(1, places).squeeze(1)

        return self._each(one)

    def skewed(self) -> Value:
        """Return `[batch, i, i + j, ...]` from `[batch, i, j, ...]`: row i moved i to the right, zeros around it.

        So diagonals become columns, which a recurrence takes one after the other.
        """
        batch, rows, columns, *rest = self.shape
        width = max(rows + columns - 1, 0)
        padded = cat([self, self.zero(batch, rows, rows, *rest)], 2)
        return padded._each(lambda channel: channel.flatten(1, 2)[:, : rows * width].unflatten(1, (rows, width)))

    def _each(self, function: Callable[[Tensor], Tensor]) -> Value:
        return Value(self.semiring, tuple(map(function, self.channels)))


def stack(values: Sequence[Value], dim: int) -> Value:
    """Return values of one shape side by side in a new dimension."""
    return _joined(torch.stack, values, dim % (values[0].dim() + 1))


def cat(values: Sequence[Value], dim: int) -> Value:
    """Return values one after the other along a dimension."""
    return _joined(torch.cat, values, dim % values[0].dim())


def _joined(join: Callable[..., Tensor], values: Sequence[Value], dim: int) -> Value:
    semiring = values[0].semiring
    aligned = semiring.align([value.channels for value in values])
    return Value(semiring, tuple(join(channels, dim) for channels in zip(*aligned, strict=True)))


def _same_rank(a: Value, b: Value) -> tuple[Value, Value]:
    """Give the value with fewer dimensions those that it lacks in front, as broadcasting does."""
    missing = a.dim() - b.dim()
    if missing == 0:
        return a, b
    return (a, b[(None,) * missing + (...,)]) if missing > 0 else (a[(None,) * -missing + (...,)], b)
