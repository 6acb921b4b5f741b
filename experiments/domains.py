"""Table 1 on PropBank, in and out of its domain: the runs of `table1.toml`.

python experiments/domains.py          # rewrites the tables in experiments/table1-propbank/README.md
python experiments/domains.py --check  # fails if they are not up to date
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, TypeAlias

from collect import read_counts
from gains import Gains, Pair, points
from regime import origin
from scored import rewrite_or_check

HERE = Path(__file__).parent
OUT = HERE / "table1-propbank"
DOMAINS = {"test": "in", "ood": "out"}
PIPELINE, CONTROL, CONVOLVED = "pbo-pipeline", "pbo-joint", "pbo-gcn-joint"
GRADIENTS = {
    "pbo-spigot": CONTROL,
    "pbo-ste": CONTROL,
    "pbo-sa": CONTROL,
    "pbo-gcn-spigot": CONVOLVED,
    "pbo-gcn-ste": CONVOLVED,
    "pbo-gcn-penalty": CONVOLVED,
}
"""What trains the parser through the end task, and the same without that gradient."""

Runs: TypeAlias = dict[str, dict[int, dict[str, Any]]]
"""From the name of a run and its seed to its file."""


def listed() -> dict[str, str]:
    """Return the names of the runs of the list that are scored, with their labels, in its order."""
    groups = tomllib.loads((HERE / "table1.toml").read_text("utf-8"))["group"]
    return {run["name"]: run["label"] for group in groups if group.get("out") == OUT.name for run in group["run"]}


def read_all() -> Runs:
    """Return all runs that have been scored."""
    found: Runs = {name: {} for name in listed()}
    for path in sorted(OUT.glob("pbo-*.json")):
        name, _, seed = path.stem.rpartition("-")
        found[name][int(seed)] = json.loads(path.read_text("utf-8"))
    return {name: dict(sorted(runs.items())) for name, runs in found.items() if runs}


def value(run: dict[str, Any], split: str, score: str) -> Any:
    """Return a score, or counts, of a run; None if it has no such task. One of several formalisms is PropBank."""
    found = run["scores"][split]
    return found.get(score, found.get(f"pb.{score}"))


def average(runs: Sequence[dict[str, Any]], split: str, score: str) -> str:
    """Render mean and standard deviation over seeds."""
    values = [value(run, split, score) for run in runs]
    if None in values:
        return "–"
    spread = f" ± {points(stdev(values))}" if len(values) > 1 else ""
    return points(mean(values)) + spread


def pairs(ours: dict[int, dict[str, Any]], theirs: dict[int, dict[str, Any]], split: str, score: str) -> list[Pair]:
    """Return the counts of both, of the seeds that both have."""
    found = [(value(ours[seed], split, score), value(theirs[seed], split, score)) for seed in ours if seed in theirs]
    return [(read_counts(one), read_counts(other)) for one, other in found if one is not None and other is not None]


def gain(gains: Gains, both: Sequence[Pair]) -> str:
    """Render a difference: over seeds with its interval, of a single seed with p as well."""
    return gains.of(*both[0]) if len(both) == 1 else gains.mean(both)


def row(cells: Sequence[str]) -> str:
    """Return a row in Markdown."""
    return f"| {' | '.join(cells)} |"


def scores_table(runs: Runs, gains: Gains) -> str:
    """Return Table 1 in Markdown."""
    shown = {"uas": "UAS", "uf": "UF", "lf": "LF"}
    head = ["system", "seeds", *(f"{label} {domain}" for domain in DOMAINS.values() for label in shown.values())]
    head += [f"LF − PIPELINE, {domain}" for domain in DOMAINS.values()]
    lines = [row(head), "|---" * len(head) + "|"]
    for name, label in listed().items():
        found = runs.get(name, {})
        if found:
            cells = [label, str(len(found))]
            cells += [average([*found.values()], split, score) for split in DOMAINS for score in shown]
            for split in DOMAINS:
                both = pairs(found, runs.get(PIPELINE, {}), split, "labelled")
                cells.append(gain(gains, both) if name != PIPELINE and both else "")
            lines.append(row(cells))
    return "\n".join(lines)


def gradients_table(runs: Runs, gains: Gains) -> str:
    """Return in Markdown what the gradient of the end task adds to joint training without it."""
    shown = {"heads": "UAS", "unlabelled": "UF", "labelled": "LF"}
    splits = {"dev": "dev", **DOMAINS}
    head = ["minus joint training without the gradient", "seeds"]
    head += [f"{label} {domain}" for domain in splits.values() for label in shown.values()]
    lines = [row(head), "|---" * len(head) + "|"]
    for name, control in GRADIENTS.items():
        both = {
            (split, score): pairs(runs.get(name, {}), runs.get(control, {}), split, score)
            for split in splits
            for score in shown
        }
        number = len(both["test", "heads"])
        if number:
            lines.append(row([listed()[name], str(number), *(gain(gains, each) for each in both.values())]))
    return "\n".join(lines)


def each_table(runs: Runs) -> str:
    """Return the scores of each run in Markdown."""
    shown = {"uas": "UAS", "uf": "UF", "lf": "LF"}
    splits = {"dev": "dev", **DOMAINS}
    head = ["system", "seed", *(f"{label} {domain}" for domain in splits.values() for label in shown.values())]
    lines = [row(head), "|---" * len(head) + "|"]
    for name, label in listed().items():
        for seed, run in runs.get(name, {}).items():
            lines.append(
                row([label, str(seed), *(average([run], split, score) for split in splits for score in shown)])
            )
    return "\n".join(lines)


def tables(gains: Gains) -> dict[str, str]:
    """Return the tables in Markdown; what has not been run is named."""
    runs = read_all()
    made = [run for found in runs.values() for run in found.values()]
    groups = tomllib.loads((HERE / "table1.toml").read_text("utf-8"))["group"]
    wanted = [
        f"{run['name']}-{seed}"
        for group in groups
        if group.get("out") == OUT.name
        for seed in group["seeds"]
        for run in group["run"]
    ]
    missing = [name for name in wanted if not (OUT / f"{name}.json").is_file()]
    return {
        "scores": scores_table(runs, gains),
        "gradients": gradients_table(runs, gains),
        "runs": each_table(runs),
        "missing": f"Not yet run: {', '.join(f'`{name}`' for name in missing) or 'nothing'}.",
        "origin": "\n\n".join(dict.fromkeys(map(origin, made))),
    }


def main() -> int:
    """Rewrite or check the tables."""
    return rewrite_or_check(__doc__, OUT / "README.md", tables)


if __name__ == "__main__":
    sys.exit(main())
