"""Tables of classifiers that read a predicted tree or graph: latent trees, and Table 2.

python experiments/accuracy.py          # rewrites the tables in latent/README.md and table2/README.md
python experiments/accuracy.py --check  # fails if they are not up to date
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from collect import read_counts
from domains import gain
from gains import Gains, Pair, spread
from regime import origin
from scored import rewrite_or_check

from spigot.evaluation.counts import ZERO

HERE = Path(__file__).parent

Runs: TypeAlias = Mapping[str, dict[str, Any]]
"""From the name of a run, with its seed, to its file."""

STRUCTURES = {HERE / "latent": ("latent.toml", "uas"), HERE / "table2": ("sentiment.toml", "lf")}
"""The list of runs of each page, and the score of the structure that the classifiers read."""


def pairs(name: str, other: str, done: Runs, seeds: Sequence[int]) -> list[Pair]:
    """Return which test sentences two systems get right, at each seed that both have."""
    both = [(done.get(f"{name}-{seed}"), done.get(f"{other}-{seed}")) for seed in seeds]
    counts = [[read_counts(run["scores"]["test"]["right"]) for run in pair if run is not None] for pair in both]
    return [(found[0], found[1]) for found in counts if len(found) == 2]


def table(group: dict[str, Any], structure: str, done: Runs, gains: Gains) -> str:
    """Return a group's table in Markdown, with the differences from the runs of its `against`."""
    others = group["against"]
    head = ["system", "seeds", "accuracy, dev", "accuracy, test", *(f"− {short}" for short in others)]
    head += [f"{structure.upper()}, test", "by seed, test"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for entry in group["run"]:
        runs = [done[name] for seed in group["seeds"] if (name := f"{entry['name']}-{seed}") in done]
        if not runs:
            continue
        found = {split: [run["scores"][split] for run in runs] for split in ("dev", "test")}
        cells = [entry["label"], str(len(runs))]
        cells += [spread([row["accuracy"] for row in found[split]]) for split in ("dev", "test")]
        for other in others.values():
            both = pairs(entry["name"], other, done, group["seeds"])
            cells.append(gain(gains, both) if both and other != entry["name"] else "")
        cells.append(spread([row[structure] for row in found["test"] if structure in row]))
        cells.append(" ".join(f"{100 * row['accuracy']:.0f}" for row in found["test"]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def effects(group: dict[str, Any], done: Runs, gains: Gains) -> str:
    """Say what each side of a group's 2 x 2 adds, on average over the other side."""
    sentences = []
    for what, contrasts in group["square"].items():
        # Both contrasts of a seed share its initial weights: the bootstrap draws seeds, not contrasts.
        both = [pair for seed in group["seeds"] if (pair := together(contrasts, done, seed)) is not None]
        if both:
            sentences.append(f"The {what} adds {gain(gains, both)} points.")
    return " ".join(sentences)


def together(contrasts: Sequence[tuple[str, str]], done: Runs, seed: int) -> Pair | None:
    """Return the counts of a seed's contrasts, added up sentence by sentence, so that accuracies are averaged.

    None if a run is missing.
    """
    found = [pair for name, other in contrasts for pair in pairs(name, other, done, [seed])]
    if len(found) < len(contrasts):
        return None
    ours, theirs = ([sum(counts, ZERO) for counts in zip(*side, strict=True)] for side in zip(*found, strict=True))
    return ours, theirs


def tables(folder: Path, gains: Gains) -> dict[str, str]:
    """Return the tables of a page in Markdown, under one name; how much has not been run yet is said below them."""
    listed, structure = STRUCTURES[folder]
    done = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*-[0-9].json"))}
    parts: list[str] = []
    for group in tomllib.loads((HERE / listed).read_text("utf-8"))["group"]:
        parts.append(f"**{group['title']}**")
        names = [f"{run['name']}-{seed}" for seed in group["seeds"] for run in group["run"]]
        missing = [name for name in names if name not in done]
        if len(missing) < len(names):
            parts.append(table(group, structure, done, gains))
        if "square" in group:
            parts.append(effects(group, done, gains))
        if missing:
            parts.append(f"{len(missing)} of the {len(names)} runs of the list have not been run.")
    return {"tables": "\n\n".join(dict.fromkeys(part for part in [*parts, *map(origin, done.values())] if part))}


def main() -> int:
    """Rewrite or check the tables."""
    return rewrite_or_check(__doc__, {folder / "README.md": partial(tables, folder) for folder in STRUCTURES})


if __name__ == "__main__":
    sys.exit(main())
