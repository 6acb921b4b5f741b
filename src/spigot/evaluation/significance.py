"""Is one system better than another on this test set? Paired tests over sentences.

Both systems are scored on the same sentences; the statistic is the corpus-level F1 computed from summed
counts. UAS and LAS are the case in which gold and system items are the tokens
(`AttachmentScore.head_counts`, `label_counts`). The tests account for the sample of sentences alone, not for the
variation between training runs; `bootstrap_over_runs` accounts for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spigot.evaluation.counts import Counts

CHUNK = 2**21
"""Random numbers held at a time."""


@dataclass(frozen=True)
class Comparison:
    """System `first` against system `second`; F1 and differences lie between 0 and 1, or -1 and 1."""

    first: float
    second: float
    p_value: float
    low: float
    high: float
    """Ends of the confidence interval of `first - second`."""
    confidence: float
    rounds: int
    seed: int

    @property
    def difference(self) -> float:
        """F1 of the first system less that of the second."""
        return self.first - self.second


def compare(
    first: Sequence[Counts],
    second: Sequence[Counts],
    rounds: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Comparison:
    """Test and interval together; item i of both sequences belongs to sentence i."""
    low, high = bootstrap_interval(first, second, rounds, seed, confidence)
    p_value = permutation_test(first, second, rounds, seed)
    ours, theirs = (sum(counts, Counts()).f1 for counts in (first, second))
    return Comparison(ours, theirs, p_value, low, high, confidence, rounds, seed)


def permutation_test(first: Sequence[Counts], second: Sequence[Counts], rounds: int = 10_000, seed: int = 0) -> float:
    """Two-sided p-value of the difference in corpus-level F1 under random swaps of the systems' outputs.

    If the systems were interchangeable, exchanging their outputs on any subset of sentences would give an
    equally likely outcome. The p-value is (1 + hits) / (1 + rounds), hits being the swaps whose difference
    is at least as large as the observed one; it is a valid p-value for any number of rounds (Noreen 1989;
    for the exact value see Zmigrod, Vieira & Cotterell 2022).
    """
    ours, theirs = _table(first, second, rounds)
    observed = abs(_f1(ours.sum(0)) - _f1(theirs.sum(0)))
    # Swapping equal outputs changes nothing: only sentences with different outputs are swapped at random.
    change = (theirs - ours)[(ours != theirs).any(1)]
    random = np.random.default_rng(seed)
    hits = 0
    for size in _chunks(rounds, len(change)):
        swaps = random.integers(0, 2, (size, len(change)), dtype=np.int8)
        moved = swaps.astype(np.float64) @ change
        difference = np.abs(_f1(ours.sum(0) + moved) - _f1(theirs.sum(0) - moved))
        # The observed outcome and its mirror image are among the swaps; the margin keeps rounding from losing them.
        hits += int((difference >= observed - 1e-12).sum())
    return (1 + hits) / (1 + rounds)


def bootstrap_interval(
    first: Sequence[Counts],
    second: Sequence[Counts],
    rounds: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of the difference in corpus-level F1 over resampled test sets.

    Sentences are drawn with replacement, the same ones for both systems.
    """
    return bootstrap_over_runs([(first, second)], rounds, seed, confidence)


def bootstrap_over_runs(
    runs: Sequence[tuple[Sequence[Counts], Sequence[Counts]]],
    rounds: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of the difference in corpus-level F1, averaged over runs, for other runs and test sets.

    The hierarchical bootstrap: runs are drawn with replacement, and so are the sentences, the same ones for all systems
    and runs. A single run says nothing of how much runs differ, and two say little. With more, the interval is rather
    too wide: what the sample of sentences does to a run's difference is in the run, and is drawn once more.

    Args:
        runs: for each training seed the counts of both systems, of the same sentences.
        rounds: how many test sets are drawn.
        seed: of the draws.
        confidence: of the interval, between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence}")
    if not runs:
        raise ValueError("runs: expected at least one, got none")
    tables = [_table(first, second, rounds) for first, second in runs]
    sentences = len(tables[0][0])
    if any(len(ours) != sentences for ours, _ in tables):
        raise ValueError(
            f"runs: expected counts of the same sentences, got {[len(ours) for ours, _ in tables]} of them"
        )
    random = np.random.default_rng(seed)
    differences = []
    for size in _chunks(rounds, sentences):
        drawn = random.integers(0, sentences, (size, sentences))
        cells = drawn + sentences * np.arange(size)[:, None]
        times = np.bincount(cells.ravel(), minlength=cells.size).reshape(cells.shape).astype(np.float64)
        found = np.stack([_f1(times @ ours) - _f1(times @ theirs) for ours, theirs in tables], 1)
        # One run is the one that is drawn.
        chosen = random.integers(0, len(runs), found.shape) if len(runs) > 1 else np.zeros(found.shape, np.int64)
        differences.append(np.take_along_axis(found, chosen, 1).mean(1))
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(differences), [tail, 1 - tail])
    return float(low), float(high)


def _table(
    first: Sequence[Counts], second: Sequence[Counts], rounds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two arrays [sentences, (correct, gold + system)]; counts stay exact in float64."""
    if rounds < 1:
        raise ValueError(f"rounds: expected at least 1, got {rounds}")
    if len(first) != len(second) or not first:
        found = f"got {len(first)} and {len(second)}"
        raise ValueError(f"first, second: expected counts of the same sentences, at least one, {found}")
    if any(a.gold != b.gold for a, b in zip(first, second, strict=True)):
        raise ValueError("first, second: expected the same gold counts sentence by sentence")
    ours, theirs = (
        np.array([(c.correct, c.gold + c.system) for c in counts], np.float64) for counts in (first, second)
    )
    return ours, theirs


def _f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """F1 of summed (correct, gold + system) in the last axis; 0 where there is no item, as `Counts.f1`."""
    return 2 * sums[..., 0] / np.maximum(sums[..., 1], 1)


def _chunks(rounds: int, sentences: int) -> list[int]:
    size = max(1, min(rounds, CHUNK // max(sentences, 1)))
    return [min(size, rounds - start) for start in range(0, rounds, size)]
