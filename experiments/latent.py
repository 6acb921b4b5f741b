"""Make the tables of `experiments/latent/README.md` from the JSON files beside it, in the order of `latent.toml`.

python experiments/latent.py          # rewrites the tables between their marks
python experiments/latent.py --check  # fails if they are not up to date
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from gains import Gains, points
from regime import mean_difference, origin
from scored import rewrite_or_check

HERE = Path(__file__).parent
FOLDER = HERE / "latent"
BASE = "right"
"""The trees that others are compared with."""


def spread(values: list[float]) -> str:
    """Render the mean and standard deviation of shares."""
    if not values:
        return "–"
    return points(mean(values)) + (f" ± {points(stdev(values))}" if len(values) > 1 else "")


def table(group: dict[str, Any], done: dict[str, dict[str, Any]], gains: Gains) -> str:
    """Return a group's table in Markdown; `done` are all runs by their names, with the seed."""
    head = ("trees", "seeds", "accuracy, dev", "accuracy, test", "− right-branching", "UAS, test", "by seed, test")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    prefix = group["run"][0]["name"].partition("-")[0]
    for entry in group["run"]:
        runs = {seed: done[name] for seed in group["seeds"] if (name := f"{entry['name']}-{seed}") in done}
        if not runs:
            continue
        found = {split: [run["scores"][split] for run in runs.values()] for split in ("dev", "test")}
        pairs = [(run, done.get(f"{prefix}-{BASE}-{seed}")) for seed, run in runs.items()]
        cells = [
            entry["label"],
            str(len(runs)),
            *(spread([row["accuracy"] for row in found[split]]) for split in ("dev", "test")),
            mean_difference(gains, pairs, "right", "test"),
            spread([row["uas"] for row in found["test"] if "uas" in row]),
            " ".join(f"{100 * row['accuracy']:.0f}" for row in found["test"]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def tables(gains: Gains) -> dict[str, str]:
    """Return the tables in Markdown, under one name; what has not been run yet is named below them."""
    groups = tomllib.loads((HERE / "latent.toml").read_text("utf-8"))["group"]
    done = {path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*-[0-9].json")}
    parts: list[str] = []
    for group in groups:
        names = [f"{run['name']}-{seed}" for seed in group["seeds"] for run in group["run"]]
        parts += [f"**{group['title']}**", table(group, done, gains)]
        missing = [name for name in names if name not in done]
        if missing:
            parts.append(f"{len(missing)} of the {len(names)} runs of the list have not been run.")
    return {"tables": "\n\n".join(dict.fromkeys([*parts, *map(origin, done.values())]))}


def main() -> int:
    """Rewrite or check the tables."""
    return rewrite_or_check(__doc__, {FOLDER / "README.md": tables})


if __name__ == "__main__":
    sys.exit(main())
