"""Table 3: where trees change when the end task trains them, and whether towards the semantic graph.

    python experiments/compare.py score --data DATA --runs RUNS  # compares what is missing, of what is there
    python experiments/compare.py table          # rewrites the tables in experiments/table3/README.md
    python experiments/compare.py table --check  # fails if they are not up to date

`spigot compare` prints the same figures for one pair of runs. Here each run is compared with its pipeline and with
joint training without a gradient, and the counts of each sentence are kept: with them the changes under a gradient are
compared with those without one. Of runs of `table1.toml` the predictions are compared that `run.py` keeps
(RUNS/predictions), of others those of the checkpoints.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from collect import counts_json, machine, read_counts, write_json
from domains import DM, PROPBANK, Corpus
from gains import Gains, points
from on_test import AGAINST, finished, half
from scored import score_or_rewrite

from spigot.cli.gold import read_together
from spigot.data.sentence import Sentence
from spigot.evaluation.changes import Changes, changed_heads, counts_of_both
from spigot.evaluation.counts import Counts
from spigot.systems.loading import load_system
from spigot.systems.parser import bare
from spigot.systems.streaming import parse_all

OUT = Path(__file__).parent / "table3"


@dataclass(frozen=True)
class Family:
    """Runs that are compared with each other: joint training under gradients and without one, from one pipeline."""

    pipeline: str
    control: str
    under_gradient: tuple[str, ...]
    labels: Mapping[str, str]
    """What the runs are called in tables."""
    seeds: tuple[int, ...]
    graphs: str
    trees: str
    """The gold files, in the folder of the data (DATA/) or in that of the runs (RUNS/)."""

    @property
    def names(self) -> tuple[str, ...]:
        """All runs; one comes after those that it is compared with."""
        return self.pipeline, self.control, *self.under_gradient

    @property
    def command(self) -> str:
        """What prints the figures of two runs."""
        return f"spigot compare {{}} {{}} --sdp {self.graphs} --conllu {self.trees}"

    def before(self, name: str) -> tuple[str, ...]:
        """Return what a run is compared with."""
        return {self.pipeline: (), self.control: (self.pipeline,)}.get(name, (self.pipeline, self.control))


def half_of_propbank() -> Family:
    """Return the runs on half of PropBank, compared on its test set."""
    weak = (
        "spigot-warm-w0.03 spigot-nocap-warm-w0.01 spigot-warm-w0.3 ste-cap-warm-w0.03 ste-warm-w0.001 ste-warm-w0.03"
    )
    others = "hull-warm-w0.03 ce-warm-w0.03 eg-warm-w0.03 imle-warm-w0.03 perturbed-warm-w0.03 jacobian-warm-w0.03"
    pipeline, control = AGAINST["pipeline"], AGAINST["no gradient"]
    labels = {run["name"]: run["label"] for run in half()["run"]} | {
        pipeline: "pipeline",
        control: "joint, no gradient",
    }
    names = tuple(f"pbh-{name}" for name in f"{weak} {others}".split())
    files = "DATA/propbank/test.sdp", "DATA/ewt/en_ewt-ud-test.conllu"
    return Family(pipeline, control, names, labels, tuple(half()["seeds"]), *files)


def outside(corpus: Corpus, pipeline: str, control: str, *under_gradient: str) -> Family:
    """Return runs on a corpus, compared out of its domain: on reviews, or on the Brown corpus."""
    files = {
        PROPBANK: ("RUNS/outside.sdp", "RUNS/outside.conllu"),
        DM: ("DATA/redwoods/ood.sdp", "DATA/redwoods/ood.dt.conllu"),
    }
    names = tuple(map(corpus.run, under_gradient))
    return Family(corpus.run(pipeline), corpus.run(control), names, corpus.labels, (1, 2, 3, 4, 5), *files[corpus])


def families() -> dict[str, Family]:
    """Return all families by the names of their tables."""
    return {
        "half": half_of_propbank(),
        "outside": outside(PROPBANK, "pipeline", "joint", "spigot", "ste", "sa"),
        "outside-convolved": outside(PROPBANK, "gcn-pipeline", "gcn-joint", "gcn-spigot", "gcn-ste", "gcn-penalty"),
        "dm": outside(DM, "pipeline", "joint", "spigot", "ste", "sa"),
        "dm-convolved": outside(DM, "gcn-pipeline", "gcn-joint", "gcn-spigot", "gcn-ste", "gcn-penalty"),
    }


KINDS = {"(a)": "to_head", "(b)": "to_modifier", "(c)": "from_modifier", "(a), (b) or (c)": "related"}
ENDS = {"put right": "put_right", "made wrong": "made_wrong"}

KEPT = ("ood.semantics.sdp", "ood.syntax.conllu")
"""The predictions of a run that are compared."""

Runs = dict[str, dict[str, Any]]
"""From the name of a run, with its seed, to its file."""


def changes_json(changes: Sequence[Changes]) -> dict[str, str]:
    """Return the changes in all sentences, in their order."""
    return {field.name: " ".join(str(getattr(each, field.name)) for each in changes) for field in fields(Changes)}


def read_changes(content: dict[str, str]) -> Sequence[Changes]:
    """Return what `changes_json` wrote."""
    return _changes(*(content[field.name] for field in fields(Changes)))


@cache  # each table asks for them again
def _changes(*columns: str) -> tuple[Changes, ...]:
    return tuple(Changes(*row) for row in zip(*(map(int, column.split()) for column in columns), strict=True))


def there(runs: Path, run: str) -> bool:
    """Return whether the predictions of a run, or its checkpoint, are there."""
    return all((runs / "predictions" / run / file).is_file() for file in KEPT) or finished(runs / run)


def predicted(runs: Path, run: str, given: Sequence[Sentence]) -> list[Sentence]:
    """Return what a run predicts for sentences."""
    files = [runs / "predictions" / run / file for file in KEPT]
    if not all(file.is_file() for file in files):
        return parse_all(load_system(runs / run).parse, given)
    found = {sentence.id: sentence for sentence in read_together([str(file) for file in files])}
    return [found[sentence.id] for sentence in given]


def score(data: Path, runs: Path) -> None:
    """Compare the runs that are there and have not been compared yet."""
    for family in families().values():
        folders = {"DATA": data, "RUNS": runs}
        files = [folders[file.split("/")[0]] / file.split("/", 1)[1] for file in (family.graphs, family.trees)]
        if all(file.is_file() for file in files):
            compare_family(family, runs, read_together([str(file) for file in files]))


def compare_family(family: Family, runs: Path, gold: Sequence[Sentence]) -> None:
    """Compare the runs of a family on gold sentences."""
    given = [bare(sentence) for sentence in gold]
    parsed = cache(lambda run: predicted(runs, run, given))
    for name, seed in ((name, seed) for name in family.names for seed in family.seeds):
        run, out = f"{name}-{seed}", OUT / f"{name}-{seed}.json"
        others = [other for first in family.before(name) if there(runs, other := f"{first}-{seed}")]
        known = json.loads(out.read_text("utf-8"))["against"] if out.is_file() else None
        if not there(runs, run) or (known is not None and known.keys() >= set(others)):
            continue
        result: dict[str, Any] = {"run": run, "seed": seed, "sentences": len(gold), "against": {}}
        for other in others:
            changes = [changed_heads(*triple) for triple in zip(gold, parsed(other), parsed(run), strict=True)]
            command = family.command.format(f"RUNS/{other}", f"RUNS/{run}")
            result["against"][other] = {"command": command} | changes_json(changes)
        counts = counts_of_both(zip(gold, parsed(run), parsed(run), strict=True))
        result["scores"] = {key: counts_json(each) for key, (each, _) in counts.items()}
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


def percent(counts: Sequence[Counts]) -> str:
    """Render the F1 of counts in points of 100."""
    # Column by column: a table adds up millions, which `Counts` does field by field.
    total = Counts(*(sum(getattr(each, name) for each in counts) for name in ("gold", "system", "correct")))
    return points(total.f1)


def row(cells: Iterable[object]) -> str:
    """Return a row in Markdown."""
    return f"| {' | '.join(map(str, cells))} |"


def table(*lines: list[str]) -> str:
    """Return a table in Markdown, whose first line is its head."""
    return "\n".join([row(lines[0]), "|---" * len(lines[0]) + "|", *map(row, lines[1:])])


def pairs(family: Family, runs: Runs) -> list[tuple[str, str, str, dict[str, Any], dict[str, Any]]]:
    """Return the labels, seed and files of all pairs: those from the pipeline first, then those from the control."""
    shown, found = family.labels, []
    for first in (family.pipeline, family.control):
        for name in family.names:
            for seed in family.seeds:
                run, other = runs.get(f"{name}-{seed}"), runs.get(f"{first}-{seed}")
                if run is not None and other is not None and other["run"] in run["against"]:
                    found.append((f"{shown[first]} → {shown[name]}", str(seed), other["run"], other, run))
    return found


def split_table(family: Family, runs: Runs, gains: Gains) -> str:
    """Return Table 3 in Markdown: scores where the trees are the same, and where not."""
    lines = [["before → after", "seed"]]
    lines[0] += ["SAME: sentences", "UAS", "LF", "LF gain", "DIFF: sentences", "UAS", "UAS gain", "LF", "LF gain"]
    for label, seed, name, first, second in pairs(family, runs):
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


def changes_table(family: Family, runs: Runs, gains: Gains) -> str:
    """Return what changed heads are, in Markdown, and how many heads the graph links before and after."""
    lines = [["before → after", "seed", "changed heads", *KINDS, "the rest", *ENDS, "linked heads", "gain"]]
    for label, seed, name, first, second in pairs(family, runs):
        changes = read_changes(second["against"][name])
        total = sum(changes, Changes())
        cells = [label, seed, f"{total.changed}"]
        cells += [percent(of_changed(changes, kind)) for kind in (*KINDS.values(), "unrelated", *ENDS.values())]
        old, new = (read_counts(run["scores"]["linked"]) for run in (first, second))
        lines.append([*cells, f"{percent(old)} → {percent(new)}", gains.of(new, old)])
    return table(*lines)


def control_table(family: Family, runs: Runs, gains: Gains) -> str:
    """Return how changes under a gradient differ from those without one, in Markdown; both from the pipeline."""
    lines = [["under the gradient of", "seed", *(f"{kind}, minus without" for kind in KINDS), "linked heads"]]
    for name in family.under_gradient:
        found: dict[str, list[tuple[list[Counts], list[Counts]]]] = {}
        for seed in family.seeds:
            both = [runs.get(f"{each}-{seed}") for each in (name, family.control)]
            present = [run for run in both if run is not None]
            if len(present) < 2 or any(f"{family.pipeline}-{seed}" not in run["against"] for run in present):
                continue
            cells = [family.labels[name], str(seed)]
            changes = [read_changes(run["against"][f"{family.pipeline}-{seed}"]) for run in present]
            for kind in KINDS.values():
                found.setdefault(kind, []).append((of_changed(changes[0], kind), of_changed(changes[1], kind)))
            ours, theirs = (read_counts(run["scores"]["linked"]) for run in present)
            found.setdefault("linked", []).append((ours, theirs))
            lines.append([*cells, *(gains.of(*counts[-1]) for counts in found.values())])
        if any(len(counts) > 1 for counts in found.values()):
            lines.append([family.labels[name], "mean", *map(gains.mean, found.values())])
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
    runs = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(OUT.glob("*-*.json"))}
    made = {"split": split_table, "changes": changes_table, "control": control_table}
    found = {
        f"{kind}-{name}": make(family, runs, gains)
        for name, family in families().items()
        for kind, make in made.items()
    }
    return found | {"origin": origins(runs)}


def main() -> int:
    """Compare runs, or rewrite or check the tables."""
    return score_or_rewrite(__doc__, score, OUT / "README.md", tables)


if __name__ == "__main__":
    sys.exit(main())
