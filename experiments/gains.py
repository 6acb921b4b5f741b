"""How much larger one F1 is than another, rendered for tables: with interval, and p-value where there is one.

Each takes 10,000 rounds of a bootstrap and of a permutation test, and a table has a hundred of them. So the numbers are
kept beside the records, by the digest of the counts that they come from: they are looked up there, and those of counts
that are not known are computed. `--anew` computes all, as after a change of the tests themselves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import TypeAlias

from spigot.evaluation.counts import ZERO, Counts
from spigot.evaluation.significance import bootstrap_over_runs, compare

Pair: TypeAlias = tuple[Sequence[Counts], Sequence[Counts]]
"""Ours and theirs, of the same sentences."""


def points(value: float) -> str:
    """Render a share as points of 100."""
    return f"{100 * value:.2f}".replace("-", "−")


def spread(values: Sequence[float]) -> str:
    """Render the mean and standard deviation of shares; "–" of none."""
    if not values:
        return "–"
    return points(mean(values)) + (f" ± {points(stdev(values))}" if len(values) > 1 else "")


@cache  # the same counts are compared with those of several runs
def _text(side: tuple[Counts, ...]) -> str:
    """Return counts as JSON."""
    return json.dumps([(each.gold, each.system, each.correct) for each in side])


class Gains:
    """Renders differences; keeps them in `path`, if there is one. With `look_up`, known ones are not computed again."""

    def __init__(self, path: Path | None = None, look_up: bool = False) -> None:
        self.path, self.known, self.used = path, {}, dict[str, str]()
        if path is not None and look_up and path.is_file():
            self.known = json.loads(path.read_text("utf-8"))

    def of(self, ours: Sequence[Counts], theirs: Sequence[Counts]) -> str:
        """Return the difference with interval and p-value."""
        difference, low, high, p_value = self._one((ours, theirs))
        return f"{points(difference)} [{points(low)}, {points(high)}], {p_value:.1g}"

    def mean(self, runs: Sequence[Pair]) -> str:
        """Return the mean difference over runs with its interval; of a single run, nothing."""
        if len(runs) < 2:
            return ""
        average, low, high = self.interval(runs)
        return f"{points(average)} [{points(low)}, {points(high)}]"

    def interval(self, runs: Sequence[Pair]) -> list[float]:
        """Return the mean difference over one or more runs, and the ends of its interval."""
        return self._one(runs[0])[:3] if len(runs) == 1 else self._several(runs)

    def save(self) -> None:
        """Keep the differences that were asked for, and no others."""
        if self.path is not None:
            self.path.write_text(json.dumps(dict(sorted(self.used.items())), indent=1) + "\n", "utf-8")

    def _one(self, pair: Pair) -> list[float]:
        def computed() -> tuple[float, ...]:
            found = compare(*pair)
            return found.difference, found.low, found.high, found.p_value

        return self._numbers([pair], computed)

    def _several(self, runs: Sequence[Pair]) -> list[float]:
        def computed() -> tuple[float, ...]:
            average = mean(sum(ours, ZERO).f1 - sum(theirs, ZERO).f1 for ours, theirs in runs)
            return average, *bootstrap_over_runs(runs)

        return self._numbers(runs, computed)

    def _numbers(self, runs: Sequence[Pair], compute: Callable[[], tuple[float, ...]]) -> list[float]:
        rows = ", ".join(_text(tuple(side)) for pair in runs for side in pair)
        key = hashlib.sha256(f"[{rows}]".encode()).hexdigest()[:16]
        if key not in self.used:
            self.used[key] = self.known.get(key) or " ".join(map(repr, compute()))
        return [float(number) for number in self.used[key].split()]
