"""Seeded choices from weighted tables."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Weighted(Generic[T]):
    """A table of items with weights that sum to one."""

    def __init__(self, items: Sequence[T], weights: Sequence[float]) -> None:
        total = sum(weights)
        if not items or len(items) != len(weights) or total <= 0:
            raise ValueError(f"expected as many positive weights as items, got {len(items)} and {len(weights)}")
        self.items = list(items)
        self.weights = [weight / total for weight in weights]
        self._cumulative = list(accumulate(self.weights))

    def at(self, point: float) -> T:
        """The item whose interval of [0, 1) holds `point`."""
        return self.items[min(bisect_right(self._cumulative, point), len(self.items) - 1)]


def zipf(items: Iterable[T], exponent: float = 1.0) -> Weighted[T]:
    """The items with weights that fall with their rank: (rank + 1) ** -exponent, rank from 1."""
    items = list(items)
    return Weighted(items, [(rank + 2) ** -exponent for rank in range(len(items))])


class Draw:
    """A stream of choices that depends on `key` alone.

    A string seeds `random.Random` through SHA-512, and only `Random.random` is called, whose sequence Python
    keeps the same from version to version.
    """

    def __init__(self, key: str) -> None:
        self._uniform = Random(key).random

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self._uniform() < probability

    def uniform(self) -> float:
        """A number in [0, 1)."""
        return self._uniform()

    def pick(self, table: Weighted[T]) -> T:
        """An item, with probability its weight."""
        return table.at(self._uniform())

    def among(self, items: Sequence[T]) -> T:
        """An item; all are equally likely."""
        return items[int(self._uniform() * len(items))]
