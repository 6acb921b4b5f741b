"""Table 1 on PropBank and on DM, in and out of the domain, and on all genres of PropBank: the runs of `table1.toml`.

python experiments/domains.py          # rewrites the tables in table1-propbank, table1-dm and table1-propbank-all
python experiments/domains.py --check  # fails if they are not up to date
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from collect import read_counts
from gains import Gains, Pair, spread
from regime import origin
from scored import rewrite_or_check

HERE = Path(__file__).parent
DOMAINS = {"test": "in", "ood": "out"}
GRADIENTS = {
    "spigot": "joint",
    "ste": "joint",
    "sa": "joint",
    "gcn-spigot": "gcn-joint",
    "gcn-ste": "gcn-joint",
    "gcn-penalty": "gcn-joint",
    "gcn-spigot-uncapped": "gcn-joint",
    "gcn-ste-capped": "gcn-joint",
    "gcn-hull": "gcn-joint",
    "gcn-perturbed": "gcn-joint",
    "tree-lstm-spigot": "tree-lstm-joint",
    "path-lstm-spigot": "path-lstm-joint",
}
"""What trains the parser through the end task, and the same without that gradient."""

CONTRASTS = [
    ("spigot", "ste"),
    ("gcn-spigot", "gcn-ste"),
    ("gcn-spigot", "spigot"),
    ("gcn-spigot", "gcn-penalty"),
    ("gcn-spigot", "gcn-pipeline"),
    ("gcn-spigot", "jackknife"),
    ("gcn-spigot", "neurbo"),
    ("gcn-spigot", "gcn-spigot-uncapped"),
    ("gcn-ste-capped", "gcn-ste"),
    ("gcn-spigot", "gcn-ste-capped"),
    ("gcn-spigot-uncapped", "gcn-ste"),
    ("gcn-hull", "gcn-spigot"),
    ("tree-lstm-spigot", "tree-lstm-pipeline"),
    ("path-lstm-spigot", "path-lstm-pipeline"),
    ("tree-lstm-pipeline", "pipeline"),
    ("path-lstm-pipeline", "pipeline"),
    ("gcn-pipeline", "pipeline"),
]
"""What else is compared."""

Runs: TypeAlias = dict[str, dict[int, dict[str, Any]]]
"""From the name of a run and its seed to its file."""


@dataclass(frozen=True)
class Corpus:
    """The runs on one corpus, whose names begin with a prefix; their scores and their page are in a folder."""

    prefix: str
    folder: Path
    splits: tuple[str, ...] = tuple(DOMAINS)

    @property
    def domains(self) -> dict[str, str]:
        """The domains that it is tested on, by their splits."""
        return {split: DOMAINS[split] for split in self.splits}

    @property
    def groups(self) -> list[dict[str, Any]]:
        """Those groups of the list that are scored."""
        groups = tomllib.loads((HERE / "table1.toml").read_text("utf-8"))["group"]
        return [group for group in groups if group.get("out") == self.folder.name]

    @property
    def labels(self) -> dict[str, str]:
        """What the runs are called in tables, by their names, in the order of the list."""
        return {run["name"]: run["label"] for group in self.groups for run in group["run"]}

    def run(self, name: str) -> str:
        """Return the name of a run of this corpus."""
        return f"{self.prefix}-{name}"

    def read(self) -> Runs:
        """Return all runs that have been scored."""
        found: Runs = {name: {} for name in self.labels}
        for path in sorted(self.folder.glob(self.run("*.json"))):
            name, _, seed = path.stem.rpartition("-")
            found[name][int(seed)] = json.loads(path.read_text("utf-8"))
        return {name: dict(sorted(runs.items())) for name, runs in found.items() if runs}

    @property
    def missing(self) -> list[str]:
        """The runs that have not been scored yet, in the order of the list."""
        wanted = [f"{run['name']}-{seed}" for group in self.groups for seed in group["seeds"] for run in group["run"]]
        return [name for name in wanted if not (self.folder / f"{name}.json").is_file()]


PROPBANK = Corpus("pbo", HERE / "table1-propbank")
DM = Corpus("dm", HERE / "table1-dm")
ALL_GENRES = Corpus("pba", HERE / "table1-propbank-all", ("test",))


def value(run: dict[str, Any], split: str, score: str) -> Any:
    """Return a score, or counts, of a run; None if it has no such task. Of several formalisms one alone is scored."""
    found = run["scores"][split]
    return next((found[key] for key in (score, f"pb.{score}", f"dm.{score}") if key in found), None)


def average(runs: Sequence[dict[str, Any]], split: str, score: str) -> str:
    """Render mean and standard deviation over seeds."""
    values = [value(run, split, score) for run in runs]
    return spread([] if None in values else values)


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


def scores_table(corpus: Corpus, runs: Runs, gains: Gains) -> str:
    """Return Table 1 in Markdown."""
    shown = {"uas": "UAS", "uf": "UF", "lf": "LF"}
    head = ["system", "seeds", *(f"{label} {domain}" for domain in corpus.domains.values() for label in shown.values())]
    head += [f"LF − PIPELINE, {domain}" for domain in corpus.domains.values()]
    lines = [row(head), "|---" * len(head) + "|"]
    pipeline = corpus.run("pipeline")
    for name, label in corpus.labels.items():
        found = runs.get(name, {})
        if found:
            cells = [label, str(len(found))]
            cells += [average([*found.values()], split, score) for split in corpus.domains for score in shown]
            for split in corpus.domains:
                both = pairs(found, runs.get(pipeline, {}), split, "labelled")
                cells.append(gain(gains, both) if name != pipeline and both else "")
            lines.append(row(cells))
    return "\n".join(lines)


def differences_table(
    corpus: Corpus, runs: Runs, gains: Gains, names: Sequence[tuple[str, str]], splits: Mapping[str, str], *first: str
) -> str:
    """Return in Markdown by how much runs are ahead of others, both given by name.

    The first columns are the two systems, as far as `first` has titles for them, then how many seeds both have.
    """
    shown = {"heads": "UAS", "unlabelled": "UF", "labelled": "LF"}
    head = [*first, "seeds", *(f"{label} {domain}" for domain in splits.values() for label in shown.values())]
    lines = [row(head), "|---" * len(head) + "|"]
    for each in names:
        ours, theirs = map(corpus.run, each)
        if not {ours, theirs} <= corpus.labels.keys():
            continue
        both = {
            (split, score): pairs(runs.get(ours, {}), runs.get(theirs, {}), split, score)
            for split in splits
            for score in shown
        }
        number = max(map(len, both.values()))
        if number:
            labels = [corpus.labels[ours], corpus.labels[theirs]][: len(first)]
            lines.append(row([*labels, str(number), *(gain(gains, found) if found else "" for found in both.values())]))
    return "\n".join(lines)


def each_table(corpus: Corpus, runs: Runs, gains: Gains) -> str:
    """Return the scores of each run in Markdown, and what the tests of its sentences say within its seed.

    It is compared with PIPELINE, and with the run without the end task's gradient where there is one.
    """
    shown, counts = {"uas": "UAS", "uf": "UF", "lf": "LF"}, {"heads": "UAS", "labelled": "LF"}
    splits = {"dev": "dev", **corpus.domains}
    head = ["system", "seed", *(f"{label} {domain}" for domain in splits.values() for label in shown.values())]
    others = ("PIPELINE", "no gradient")
    domains = corpus.domains.values()
    head += [f"{c} − {other}, {domain}" for other in others for domain in domains for c in counts.values()]
    lines = [row(head), "|---" * len(head) + "|"]
    without = {corpus.run(name): corpus.run(other) for name, other in GRADIENTS.items()}
    for name, label in corpus.labels.items():
        for seed, run in runs.get(name, {}).items():
            cells = [label, str(seed), *(average([run], split, score) for split in splits for score in shown)]
            for other in (corpus.run("pipeline"), without.get(name, name)):
                theirs = runs.get(other, {}) if other != name else {}
                compared = [pairs({seed: run}, theirs, split, score) for split in corpus.domains for score in counts]
                cells += [gain(gains, both) if both else "" for both in compared]
            lines.append(row(cells))
    return "\n".join(lines)


def tables(corpus: Corpus, gains: Gains) -> dict[str, str]:
    """Return the tables in Markdown; what has not been run is named."""
    runs = corpus.read()
    made = [run for found in runs.values() for run in found.values()]
    return {
        "scores": scores_table(corpus, runs, gains),
        "gradients": differences_table(
            corpus,
            runs,
            gains,
            [*GRADIENTS.items()],
            {"dev": "dev", **corpus.domains},
            "minus joint training without the gradient",
        ),
        "contrasts": differences_table(corpus, runs, gains, CONTRASTS, corpus.domains, "system", "minus"),
        "runs": each_table(corpus, runs, gains),
        "missing": f"Not yet run: {', '.join(f'`{name}`' for name in corpus.missing) or 'nothing'}.",
        "origin": "\n\n".join(dict.fromkeys(map(origin, made))),
    }


def main() -> int:
    """Rewrite or check the tables."""
    pages = {corpus.folder / "README.md": partial(tables, corpus) for corpus in (PROPBANK, DM, ALL_GENRES)}
    return rewrite_or_check(__doc__, pages)


if __name__ == "__main__":
    sys.exit(main())
