"""How often an interval holds the true difference, by the number of seeds: the runs of `domains.py`.

A difference between two systems at one seed is δ + c + e + a: the noise of the sample of sentences that all seeds share
(c) and that of its own (e), and what the seed does (a). Their variances are estimated from the runs: those of sentences
by the influence of each sentence on F1, that of seeds as what is left of the variance between seeds. Then differences
are drawn with these variances, as normal numbers, and each gets an interval as `bootstrap_over_runs` makes it.

python experiments/held.py          # rewrites the table in experiments/README.md
python experiments/held.py --check  # fails if it is not up to date
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from domains import CONTRASTS, DM, DOMAINS, GRADIENTS, PROPBANK, Corpus, pairs, row
from gains import Pair
from marks import rewrite

from spigot.evaluation.counts import ZERO

HERE = Path(__file__).parent
SCORES = {"heads": "UAS", "labelled": "LF"}
SEEDS = range(1, 6)
LEAST = 3
"""Seeds that two systems must have in common to tell what seeds do."""
ROUNDS, DRAWS = 2000, 300
"""Differences that are drawn, and rounds of the bootstrap of each."""


class Variances(NamedTuple):
    """Of one difference between two systems."""

    common: float
    own: float
    seed: float


def influence(side: np.ndarray) -> np.ndarray:
    """Return by how much each sentence moves F1, from gold, system and correct counts, `[sentence, 3]`."""
    gold, system, correct = side.sum(0)
    f1 = 2 * correct / (gold + system)
    return (2 * side[:, 2] - f1 * (side[:, 0] + side[:, 1])) / (gold + system)


def variances(runs: Sequence[Pair]) -> Variances:
    """Return the variances of two systems whose counts are given for each seed; that of seeds may come out below 0."""
    sides = [[np.array([(c.gold, c.system, c.correct) for c in side], dtype=float) for side in pair] for pair in runs]
    moves = np.array([influence(ours) - influence(theirs) for ours, theirs in sides])
    gaps = [sum(ours, ZERO).f1 - sum(theirs, ZERO).f1 for ours, theirs in runs]
    between = moves @ moves.T
    number = len(runs)
    alone = np.trace(between) / number
    common = (between.sum() - np.trace(between)) / (number * (number - 1))
    return Variances(common, alone - common, np.var(gaps, ddof=1) - (alone - common))


def held(of: Variances, seeds: int, rng: np.random.Generator) -> float:
    """Return the share of intervals over so many seeds that hold the true difference."""
    common, own, seed = np.sqrt(np.maximum(of, 0))

    def normal(*shape: int) -> np.ndarray:
        """Draw the noise of sentences."""
        return common * rng.standard_normal((*shape, 1)) + own * rng.standard_normal((*shape, seeds))

    found = normal(ROUNDS) + seed * rng.standard_normal((ROUNDS, seeds))
    times = rng.multinomial(seeds, np.full(seeds, 1 / seeds), (ROUNDS, DRAWS))
    means = (times * (found[:, None] + normal(ROUNDS, DRAWS))).sum(2)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    return float(((low <= 0) & (high >= 0)).mean())


def contrasts(corpus: Corpus, split: str, score: str) -> list[Variances]:
    """Return the variances of all differences between two systems with enough seeds."""
    runs = corpus.read()
    found = []
    for each in [*GRADIENTS.items(), *CONTRASTS]:
        ours, theirs = (runs.get(corpus.run(name), {}) for name in each)
        both = pairs(ours, theirs, split, score)
        # Pipelines with one frozen parser have one tree.
        if len(both) >= LEAST and any(one != other for one, other in both):
            found.append(variances(both))
    return found


def table() -> str:
    """Return the table in Markdown."""
    head = ["differences in", "contrasts", "± sentences", "± seeds", *("1 seed", *(f"{n} seeds" for n in SEEDS[1:]))]
    lines = [row(head), "|---|" + "---:|" * (len(head) - 1)]
    for corpus, name in ((PROPBANK, "PropBank"), (DM, "DM")):
        for split, domain in DOMAINS.items():
            for score, label in SCORES.items():
                found = contrasts(corpus, split, score)
                mean = Variances(*np.mean(found, 0))
                rng = np.random.default_rng(0)
                cells = [f"{name}, {label} {domain}", str(len(found))]
                cells += [f"{100 * max(value, 0) ** 0.5:.2f}" for value in (mean.common + mean.own, mean.seed)]
                lines.append(row(cells + [f"{100 * held(mean, n, rng):.0f} %" for n in SEEDS]))
    return "\n".join(lines)


def main() -> int:
    """Rewrite or check the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    return rewrite(HERE / "README.md", {"held": table()}, parser.parse_args().check)


if __name__ == "__main__":
    sys.exit(main())
