"""Table 3: where trees change when the end task trains them, and whether towards the semantic graph.

    python experiments/compare.py score --data DATA --runs RUNS  # compares what is missing, of runs that are there
    python experiments/compare.py table          # rewrites the tables in experiments/table3/README.md
    python experiments/compare.py table --check  # fails if they are not up to date

`spigot compare` prints the same figures for one pair of runs. Here each run is compared with its pipeline and with
joint training without a gradient, and the counts of each sentence are kept: with them the changes under a gradient are
compared with those without one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from collect import counts_json, machine, read_counts, write_json
from gains import Gains, points
from on_test import finished, half
from scored import score_or_rewrite

from spigot.cli.gold import read_together
from spigot.data.sentence import Sentence
from spigot.evaluation.changes import Changes, changed_heads, counts_of_both
from spigot.evaluation.counts import ZERO, Counts
from spigot.systems.loading import load_system
from spigot.systems.parser import bare
from spigot.systems.streaming import parse_all

OUT = Path(__file__).parent / "table3"
GRAPHS, TREES = "propbank/test.sdp", "ewt/en_ewt-ud-test.conllu"
COMMAND = f"spigot compare RUNS/{{}} RUNS/{{}} --sdp DATA/{GRAPHS} --conllu DATA/{TREES}"
PIPELINE, CONTROL = "pbh-again-pipeline", "pbh-again-warm-w0"
UNDER_GRADIENT = (
    "pbh-spigot-warm-w0.03",
    "pbh-spigot-nocap-warm-w0.01",
    "pbh-spigot-warm-w0.3",
    "pbh-ste-cap-warm-w0.03",
    "pbh-ste-warm-w0.001",
    "pbh-ste-warm-w0.03",
    "pbh-hull-warm-w0.03",
    "pbh-ce-warm-w0.03",
    "pbh-eg-warm-w0.03",
    "pbh-imle-warm-w0.03",
    "pbh-perturbed-warm-w0.03",
    "pbh-jacobian-warm-w0.03",
)
"""Joint training with a gradient; its parser starts from the pipeline's, as that of the control does."""
KINDS = {"(a)": "to_head", "(b)": "to_modifier", "(c)": "from_modifier", "(a), (b) or (c)": "related"}
ENDS = {"put right": "put_right", "made wrong": "made_wrong"}

Runs = dict[str, dict[str, Any]]
"""From the name of a run, with its seed, to its file."""


def changes_json(changes: Sequence[Changes]) -> dict[str, str]:
    """Return the changes in all sentences, in their order."""
    return {field.name: " ".join(str(getattr(each, field.name)) for each in changes) for field in fields(Changes)}


def read_changes(content: dict[str, str]) -> list[Changes]:
    """Return what `changes_json` wrote."""
    rows = zip(*(map(int, content[field.name].split()) for field in fields(Changes)), strict=True)
    return [Changes(*row) for row in rows]


def before(name: str) -> tuple[str, ...]:
    """Return what a run is compared with."""
    return {PIPELINE: (), CONTROL: (PIPELINE,)}.get(name, (PIPELINE, CONTROL))


def score(data: Path, runs: Path, names: Iterable[str] = (PIPELINE, CONTROL, *UNDER_GRADIENT)) -> None:
    """Compare the runs that are there and have not been compared yet."""
    gold = read_together([str(data / GRAPHS), str(data / TREES)])
    given = [bare(sentence) for sentence in gold]
    known: dict[str, list[Sentence]] = {}

    def parsed(run: str) -> list[Sentence]:
        if run not in known:
            known[run] = parse_all(load_system(runs / run).parse, given)
        return known[run]

    for name, seed in ((name, seed) for name in names for seed in half()["seeds"]):
        run, out = f"{name}-{seed}", OUT / f"{name}-{seed}.json"
        if out.is_file() or not finished(runs / run):
            continue
        result: dict[str, Any] = {"run": run, "seed": seed, "sentences": len(gold), "against": {}}
        for other in (f"{other}-{seed}" for other in before(name)):
            changes = [changed_heads(*triple) for triple in zip(gold, parsed(other), parsed(run), strict=True)]
            result["against"][other] = {"command": COMMAND.format(other, run)} | changes_json(changes)
        counts = counts_of_both(zip(gold, parsed(run), parsed(run), strict=True))
        result["scores"] = {key: counts_json(ours) for key, (ours, _) in counts.items()}
        result["versions"] = {package: version(package) for package in ("torch-spigot", "torch", "numba", "numpy")}
        result["machine"] = machine()
        write_json(out, result)
        print(out.name, flush=True)


def counts_in(run: dict[str, Any], measure: str, kept: Sequence[bool]) -> list[Counts]:
    """Return the counts of a score in the sentences that are kept."""
    return [counts for counts, keep in zip(read_counts(run["scores"][measure]), kept, strict=True) if keep]


def of_changed(changes: Sequence[Changes], kind: str) -> list[Counts]:
    """Return the changed heads of a kind as counts whose F1 is their share of all changed heads.

    There is no gold side: two runs have other numbers of changed heads in a sentence.
    """
    return [Counts(0, 2 * each.changed, getattr(each, kind)) for each in changes]


def percent(counts: Iterable[Counts]) -> str:
    """Render the F1 of counts in points of 100."""
    return points(sum(counts, ZERO).f1)


def row(cells: Iterable[object]) -> str:
    """Return a row in Markdown."""
    return f"| {' | '.join(map(str, cells))} |"


def table(*lines: list[str]) -> str:
    """Return a table in Markdown, whose first line is its head."""
    return "\n".join([row(lines[0]), "|---" * len(lines[0]) + "|", *map(row, lines[1:])])


def labels() -> dict[str, str]:
    """Return what the runs are called in tables."""
    return {run["name"]: run["label"] for run in half()["run"]} | {PIPELINE: "pipeline", CONTROL: "joint, no gradient"}


def pairs(runs: Runs) -> list[tuple[str, str, str, dict[str, Any], dict[str, Any]]]:
    """Return the labels, seed and files of all pairs: those from the pipeline first, then those from the control."""
    shown, found = labels(), []
    for first in (PIPELINE, CONTROL):
        for name in (CONTROL, *UNDER_GRADIENT):
            for seed in half()["seeds"]:
                run, other = runs.get(f"{name}-{seed}"), runs.get(f"{first}-{seed}")
                if first in before(name) and run is not None and other is not None:
                    found.append((f"{shown[first]} → {shown[name]}", str(seed), other["run"], other, run))
    return found


def split_table(runs: Runs, gains: Gains) -> str:
    """Return Table 3 in Markdown: scores where the trees are the same, and where not."""
    lines = [["before → after", "seed"]]
    lines[0] += ["SAME: sentences", "UAS", "LF", "LF gain", "DIFF: sentences", "UAS", "UAS gain", "LF", "LF gain"]
    for label, seed, name, first, second in pairs(runs):
        same = [each.changed == 0 for each in read_changes(second["against"][name])]
        cells = [label, seed]
        for kept in (same, [not each for each in same]):
            cells.append(str(sum(kept)))
            for measure in ("UAS", "LF"):
                old, new = (counts_in(run, measure, kept) for run in (first, second))
                # Where trees are the same, so is UAS.
                changed = measure == "LF" or kept is not same
                cells += [f"{percent(old)} → {percent(new)}", gains.of(new, old)] if changed else [percent(old)]
        lines.append(cells)
    return table(*lines)


def changes_table(runs: Runs, gains: Gains) -> str:
    """Return what changed heads are, in Markdown, and how many heads the graph links before and after."""
    lines = [["before → after", "seed", "changed heads", *KINDS, "the rest", *ENDS, "linked heads", "gain"]]
    for label, seed, name, first, second in pairs(runs):
        changes = read_changes(second["against"][name])
        total = sum(changes, Changes())
        cells = [label, seed, f"{total.changed}"]
        cells += [percent(of_changed(changes, kind)) for kind in (*KINDS.values(), "unrelated", *ENDS.values())]
        old, new = (read_counts(run["scores"]["linked"]) for run in (first, second))
        lines.append([*cells, f"{percent(old)} → {percent(new)}", gains.of(new, old)])
    return table(*lines)


def control_table(runs: Runs, gains: Gains) -> str:
    """Return how changes under a gradient differ from those without one, in Markdown; both from the pipeline."""
    lines = [["under the gradient of", "seed", *(f"{kind}, minus without" for kind in KINDS), "linked heads"]]
    for name in UNDER_GRADIENT:
        found: dict[str, list[tuple[list[Counts], list[Counts]]]] = {}
        for seed in half()["seeds"]:
            both = [runs.get(f"{each}-{seed}") for each in (name, CONTROL)]
            present = [run for run in both if run is not None]
            if len(present) < 2:
                continue
            cells = [labels()[name], str(seed)]
            changes = [read_changes(run["against"][f"{PIPELINE}-{seed}"]) for run in present]
            for kind in KINDS.values():
                found.setdefault(kind, []).append((of_changed(changes[0], kind), of_changed(changes[1], kind)))
            ours, theirs = (read_counts(run["scores"]["linked"]) for run in present)
            found.setdefault("linked", []).append((ours, theirs))
            lines.append([*cells, *(gains.of(*counts[-1]) for counts in found.values())])
        if any(len(counts) > 1 for counts in found.values()):
            lines.append([labels()[name], "mean", *map(gains.mean, found.values())])
    return table(*lines)


def origins(runs: Runs) -> str:
    """Return what made the files, a line each."""
    versions = (
        ", ".join(f"{name} {number}" for name, number in run["versions"].items()) + f". {run['machine']}."
        for run in runs.values()
    )
    return "\n\n".join(dict.fromkeys(versions))


def tables(gains: Gains) -> dict[str, str]:
    """Return all tables in Markdown."""
    runs = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(OUT.glob("pbh-*.json"))}
    return {
        "split": split_table(runs, gains),
        "changes": changes_table(runs, gains),
        "control": control_table(runs, gains),
        "origin": origins(runs),
    }


def main() -> int:
    """Compare runs, or rewrite or check the tables."""
    return score_or_rewrite(__doc__, score, OUT / "README.md", tables)


if __name__ == "__main__":
    sys.exit(main())
