"""Make the tables of `experiments/regime/README.md`.

Runs come from the JSON files beside it, in the order of `runs.toml`; gradients from the files of `gradients.py` in
`experiments/regime/gradients`, by name.

    python experiments/regime.py          # rewrites the tables between their marks
    python experiments/regime.py --check  # fails if they are not up to date
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from collect import read_counts
from marks import rewrite

from spigot.evaluation.counts import ZERO
from spigot.evaluation.significance import bootstrap_over_runs, compare

HERE = Path(__file__).parent
README = HERE / "regime" / "README.md"

SHOWN = ("treebank", "STE", "SPIGOT, cap 1")
GRADIENTS_HEAD = (
    "| parser, sentences | UAS | confidence | gradient | norm on scores | norm on parameters | cosine, treebank "
    "| cosine, confidence | between batches | tokens reached | of these wrong | right heads pushed down |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def points(value: float) -> str:
    """Render a share as points of 100."""
    return f"{100 * value:.2f}".replace("-", "−")


def curve(run: dict[str, Any], score: str) -> str:
    """Render a score after each epoch of joint training (of pre-training too, in its run)."""
    values = [row["dev"].get(score) for row in run["history"]]
    known = [value for value in values if value is not None]
    # A frozen parser's score is the same in each epoch.
    shown = list(dict.fromkeys(known)) if len(set(known[-2:])) == 1 else known
    return " ".join(f"{100 * value:.0f}" for value in shown)


def difference(run: dict[str, Any], other: dict[str, Any] | None, score: str) -> str:
    """Render how much better a run is than another on dev, with interval and p-value."""
    if other is None or other is run or score not in run["scores"]["dev"] or score not in other["scores"]["dev"]:
        return ""
    ours, theirs = (read_counts(each["scores"]["dev"][score]) for each in (run, other))
    found = compare(ours, theirs)
    return f"{points(found.difference)} [{points(found.low)}, {points(found.high)}], {found.p_value:.1g}"


def table(group: dict[str, Any], done: dict[str, dict[str, Any]]) -> str:
    """Return a group's table in Markdown; `done` are all runs by their names, with the seed."""
    others = group["against"]
    against = [f"{score} − {short}" for short in others for score in ("UAS", "LF")]
    head = ["run", "UAS", "UAS by epoch", "UF", "LF", "LF by epoch", *against]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for seed in group["seeds"]:
        for entry in group["run"]:
            run = done.get(f"{entry['name']}-{seed}")
            if run is None:
                continue
            dev = run["scores"]["dev"]
            cells = [entry["label"] + (f", seed {seed}" if len(group["seeds"]) > 1 else "")]
            cells += [points(dev["uas"]) if "uas" in dev else "–", curve(run, "uas") or "–"]
            cells += [points(dev["uf"]), points(dev["lf"]), curve(run, "lf")]
            pairs = [
                (done.get(f"{other}-{seed}"), score) for other in others.values() for score in ("heads", "labelled")
            ]
            cells += [difference(run, other, score) for other, score in pairs]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def means(group: dict[str, Any], done: dict[str, dict[str, Any]]) -> str:
    """Return the table of the means over seeds, of the runs of which there are several, in Markdown."""
    others = group["against"]
    against = [f"{score} − {short}" for short in others for score in ("UAS", "LF")]
    head = ["run, mean over seeds", "seeds", "UAS", "UF", "LF", *against]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for entry in group["run"]:
        runs = {seed: done[name] for seed in group["seeds"] if (name := f"{entry['name']}-{seed}") in done}
        if len(runs) < 2:
            continue
        cells = [entry["label"], str(len(runs))]
        for score in ("uas", "uf", "lf"):
            values = [run["scores"]["dev"][score] for run in runs.values() if score in run["scores"]["dev"]]
            cells.append(f"{points(mean(values))} ± {points(stdev(values))}" if values else "–")
        for other in others.values():
            pairs = [(run, done.get(f"{other}-{seed}")) for seed, run in runs.items()]
            cells += [mean_difference(pairs, score) for score in ("heads", "labelled")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def mean_difference(pairs: Sequence[tuple[dict[str, Any], dict[str, Any] | None]], score: str) -> str:
    """Render how much better runs are than others of the same seeds on dev, with its interval."""
    counts = [
        (read_counts(run["scores"]["dev"][score]), read_counts(other["scores"]["dev"][score]))
        for run, other in pairs
        if other is not None and other is not run and score in run["scores"]["dev"] and score in other["scores"]["dev"]
    ]
    if len(counts) < 2:
        return ""
    average = mean(sum(ours, ZERO).f1 - sum(theirs, ZERO).f1 for ours, theirs in counts)
    low, high = bootstrap_over_runs(counts)
    return f"{points(average)} [{points(low)}, {points(high)}]"


def tables() -> str:
    """Return the tables in Markdown; what has not been run yet is named below them."""
    groups = tomllib.loads((HERE / "runs.toml").read_text("utf-8"))["group"]
    done = {path.stem: json.loads(path.read_text("utf-8")) for path in README.parent.glob("*.json")}
    parts: list[str] = []
    for group in groups:
        names = [f"{run['name']}-{seed}" for seed in group["seeds"] for run in group["run"]]
        missing = [f"`{name}`" for name in names if name not in done]
        if group["out"] == README.parent.name:
            parts.append(f"**{group['title']}** (dev, seed {', '.join(map(str, group['seeds']))})")
            if len(group["seeds"]) > 1:
                parts.append(means(group, done))
            if len(missing) < len(names):
                parts.append(table(group, done))
            parts.append(f"Not yet run: {', '.join(missing) or 'nothing'}.")
    for run in done.values():
        versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items())
        parts.append(f"Commit {run['commit']}. {versions}. {run['machine']}.")
    return "\n\n".join(dict.fromkeys(parts))


def gradients() -> str:
    """Return the table of gradients in Markdown."""
    lines = [GRADIENTS_HEAD]
    for path in sorted((README.parent / "gradients").glob("*.json")):
        found = json.loads(path.read_text("utf-8"))
        first = [found["title"], points(found["uas"]), f"{found['confidence']:.2f}"]
        for name in SHOWN:
            row = found["gradients"][name]
            low, middle, high = (f"{value:.2g}" if value < 10 else f"{value:.0f}" for value in row["norms"].values())
            numbers = [row["cosine_with_treebank"], row["cosine_with_confidence"], row["cosine_between_batches"]]
            shares = [row[key] for key in ("tokens_reached", "reached_that_are_wrong", "right_heads_pushed_down")]
            cells = [*first, name, f"{row['norm_on_scores']:.2f}", f"{middle} ({low} to {high})"]
            cells += [f"{number:.2f}".replace("-", "−") for number in numbers]
            cells += [f"{100 * share:.0f} %" for share in shares]
            lines.append(f"| {' | '.join(cells)} |")
            first = ["", "", ""]
    return "\n".join(lines)


def main() -> int:
    """Rewrite or check the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    return rewrite(README, {"tables": tables(), "gradients": gradients()}, check)


if __name__ == "__main__":
    sys.exit(main())
