"""Gold, predicted and common items of one kind, and the precision, recall and F1 that they give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Set
from dataclasses import dataclass, fields
from typing import Self


def ratio(part: int, whole: int) -> float:
    """Return part / whole, and 0 if `whole` is 0, as mtool's SDP scorer does."""
    return part / whole if whole else 0.0


@dataclass(frozen=True)
class Additive:
    """Base of scores made of counts: `+` adds field by field, so that scores of shards add up exactly."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, item.name) + getattr(other, item.name) for item in fields(self)))


@dataclass(frozen=True)
class Counts(Additive):
    """Numbers of gold items, of the system's items and of items in both; `Counts()` is zero."""

    gold: int = 0
    system: int = 0
    correct: int = 0

    @classmethod
    def of(cls, gold: Set[Hashable], system: Set[Hashable]) -> Counts:
        """Count two sets of items."""
        return cls(len(gold), len(system), len(gold & system))

    @property
    def precision(self) -> float:
        """Share of the system's items that are right; 0 if it has none."""
        return ratio(self.correct, self.system)

    @property
    def recall(self) -> float:
        """Share of the gold items that were found; 0 if there are none."""
        return ratio(self.correct, self.gold)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 2 correct / (gold + system); 0 if both sides are empty."""
        return ratio(2 * self.correct, self.gold + self.system)


ZERO = Counts()


class CountsByLabel(dict[str, Counts]):
    """Counts of each label; `+` adds label by label."""

    @classmethod
    def of(cls, gold: Iterable[str], system: Iterable[str], correct: Iterable[str]) -> CountsByLabel:
        """Count the labels of gold items, of the system's items and of items in both."""
        golds, systems, hits = map(Counter, (gold, system, correct))
        return cls({label: Counts(golds[label], systems[label], hits[label]) for label in golds | systems})

    def __add__(self, other: CountsByLabel) -> CountsByLabel:
        total = CountsByLabel(self)
        for label, counts in other.items():
            total[label] = total.get(label, ZERO) + counts
        return total
