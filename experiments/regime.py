"""Make the tables of `experiments/regime/README.md`.

Runs come from the JSON files beside it, in the order of `runs.toml`; gradients from the files of `gradients.py` in
`experiments/regime/gradients`, and of `steps.py` in `experiments/regime/steps`, by name.

    python experiments/regime.py          # rewrites the tables between their marks
    python experiments/regime.py --check  # fails if they are not up to date
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

from collect import read_counts
from gains import Gains, points, spread
from scored import rewrite_or_check

HERE = Path(__file__).parent
README = HERE / "regime" / "README.md"

ENDS = (0, 10, 30, 100)
"""The updates after which a row of the table of `steps.py` ends."""
SHOWN = ("treebank", "STE", "SPIGOT, cap 1")
GRADIENTS_HEAD = (
    "| parser, sentences | UAS | confidence | gradient | norm on scores | norm on parameters | cosine, treebank "
    "| cosine, confidence | between batches | tokens reached | of these wrong | right heads pushed down |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def curve(run: dict[str, Any], score: str) -> str:
    """Render a score after each epoch of joint training (of pre-training too, in its run)."""
    values = [row["dev"].get(score) for row in run["history"]]
    known = [value for value in values if value is not None]
    # A frozen parser's score is the same in each epoch.
    shown = list(dict.fromkeys(known)) if len(set(known[-2:])) == 1 else known
    return " ".join(f"{100 * value:.0f}" for value in shown)


def difference(gains: Gains, run: dict[str, Any], other: dict[str, Any] | None, score: str, split: str) -> str:
    """Render how much better a run is than another on a set, with interval and p-value."""
    if other is None or other is run or score not in run["scores"][split] or score not in other["scores"][split]:
        return ""
    return gains.of(*(read_counts(each["scores"][split][score]) for each in (run, other)))


def table(group: dict[str, Any], done: dict[str, dict[str, Any]], gains: Gains, split: str = "dev") -> str:
    """Return a group's table in Markdown; `done` are all runs by their names, with the seed.

    Learning curves, which are those on dev, go with the scores on dev.
    """
    others = group["against"]
    against = [f"{score} − {short}" for short in others for score in ("UAS", "LF")]
    curves = split == "dev"
    head = ["run", "UAS", *["UAS by epoch"] * curves, "UF", "LF", *["LF by epoch"] * curves, *against]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for seed in group["seeds"]:
        for entry in group["run"]:
            run = done.get(f"{entry['name']}-{seed}")
            if run is None:
                continue
            found = run["scores"][split]
            cells = [entry["label"] + (f", seed {seed}" if len(group["seeds"]) > 1 else "")]
            cells += [points(found["uas"]) if "uas" in found else "–", *[curve(run, "uas") or "–"] * curves]
            cells += [points(found["uf"]), points(found["lf"]), *[curve(run, "lf")] * curves]
            pairs = [
                (done.get(f"{other}-{seed}"), score) for other in others.values() for score in ("heads", "labelled")
            ]
            cells += [difference(gains, run, other, score, split) for other, score in pairs]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def means(group: dict[str, Any], done: dict[str, dict[str, Any]], gains: Gains, split: str = "dev") -> str:
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
            values = [run["scores"][split][score] for run in runs.values() if score in run["scores"][split]]
            cells.append(spread(values))
        for other in others.values():
            pairs = [(run, done.get(f"{other}-{seed}")) for seed, run in runs.items()]
            cells += [mean_difference(gains, pairs, score, split) for score in ("heads", "labelled")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def mean_difference(
    gains: Gains, pairs: Sequence[tuple[dict[str, Any], dict[str, Any] | None]], score: str, split: str
) -> str:
    """Render how much better runs are than others of the same seeds on a set, with its interval."""
    counts = [
        (read_counts(run["scores"][split][score]), read_counts(other["scores"][split][score]))
        for run, other in pairs
        if other is not None and other is not run and score in run["scores"][split] and score in other["scores"][split]
    ]
    return gains.mean(counts)


def runs_tables(gains: Gains) -> str:
    """Return the tables of the runs in Markdown; what has not been run yet is named below them."""
    groups = tomllib.loads((HERE / "runs.toml").read_text("utf-8"))["group"]
    done = {path.stem: json.loads(path.read_text("utf-8")) for path in README.parent.glob("*-[0-9].json")}
    parts: list[str] = []
    for group in groups:
        names = [f"{run['name']}-{seed}" for seed in group["seeds"] for run in group["run"]]
        missing = [f"`{name}`" for name in names if name not in done]
        if group["out"] == README.parent.name:
            parts.append(f"**{group['title']}** (dev, seed {', '.join(map(str, group['seeds']))})")
            if len(group["seeds"]) > 1:
                parts.append(means(group, done, gains))
            if len(missing) < len(names):
                parts.append(table(group, done, gains))
            parts.append(f"Not yet run: {', '.join(missing) or 'nothing'}.")
    return "\n\n".join(dict.fromkeys([*parts, *map(origin, done.values())]))


def origin(run: dict[str, Any]) -> str:
    """Return the code that trained a run, and the versions and machine that scored it, as a line."""
    versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items())
    return f"Commit {run['commit']}. {versions}. {run['machine']}."


def significant(value: float) -> str:
    """Render a norm."""
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def gradients() -> str:
    """Return the table of gradients in Markdown."""
    lines = [GRADIENTS_HEAD]
    for path in sorted((README.parent / "gradients").glob("*.json")):
        found = json.loads(path.read_text("utf-8"))
        first = [found["title"], points(found["uas"]), f"{found['confidence']:.2f}"]
        for name in SHOWN:
            row = found["gradients"][name]
            low, middle, high = map(significant, row["norms"].values())
            numbers = [row["cosine_with_treebank"], row["cosine_with_confidence"], row["cosine_between_batches"]]
            shares = [row[key] for key in ("tokens_reached", "reached_that_are_wrong", "right_heads_pushed_down")]
            cells = [*first, name, f"{row['norm_on_scores']:.2f}", f"{middle} ({low} to {high})"]
            cells += [f"{number:.2f}".replace("-", "−") for number in numbers]
            cells += [f"{100 * share:.0f} %" for share in shares]
            lines.append(f"| {' | '.join(cells)} |")
            first = ["", "", ""]
    return "\n".join(lines)


def steps() -> str:
    """Return the table of gradients update by update, over some of them at a time, in Markdown."""
    tasks = {"syntax": "treebank", "semantics": "end task"}
    others = {**tasks, "confidence": "confidence"}
    head = ["training", "updates", "confidence", "UAS"]
    head += [
        f"{name}: {what}" for name in tasks.values() for what in ("norm", *(f"cosine, {o}" for o in others.values()))
    ]
    lines, made = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"], list[str]()
    for path in sorted((README.parent / "steps").glob("*.json")):
        found = json.loads(path.read_text("utf-8"))
        for first, last in pairwise(ENDS):
            rows = [row for row in found["rows"] if first < row["update"] <= last]
            cells = [found["title"], f"{first + 1} to {last}", f"{mean(row['confidence'] for row in rows):.2f}"]
            cells.append(points(mean(row["uas"] for row in rows if "uas" in row)))
            for task in tasks:
                own = [row for row in rows if row["task"] == task]
                cells.append(significant(median(row["norm"] for row in own)) if own else "–")
                for other in others:
                    cosines = [row["cosines"][other] for row in own if other in row["cosines"]]
                    cells.append(f"{mean(cosines):.2f}".replace("-", "−") if cosines else "–")
            lines.append(f"| {' | '.join(cells)} |")
        made.append(origin(found))
    return "\n\n".join(["\n".join(lines), *dict.fromkeys(made)])


def tables(gains: Gains) -> dict[str, str]:
    """Return all tables in Markdown."""
    return {"tables": runs_tables(gains), "gradients": gradients(), "steps": steps()}


def main() -> int:
    """Rewrite or check the tables."""
    return rewrite_or_check(__doc__, {README: tables})


if __name__ == "__main__":
    sys.exit(main())
