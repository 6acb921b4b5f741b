"""Score a finished run on test sets and put everything that a table needs into one JSON file.

    python experiments/collect.py RUN --root DATA --command "spigot train ..." --against RUN2 --out FILE.json

DATA is the folder that `data.root` named when the run was trained. `--split NAME=GRAPHS,TREES` (which may be
repeated) names a set to score: an SDP file and, to score trees, a CoNLL-U file, both in DATA; their sentences may
differ. Without it, the sets are those of the Redwoods data. `--against` adds a paired permutation test of the labelled
F1 against another run. The file also holds the counts of each sentence, as numbers separated by blanks: with them any
two runs can be compared later (`read_counts`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch

from spigot.data.conllu import read_conllu
from spigot.data.sdp import read_sdp
from spigot.data.sentence import Sentence
from spigot.evaluation.attachment import AttachmentScore, attachment
from spigot.evaluation.counts import Counts
from spigot.evaluation.graph_f1 import GraphScore, graph_score
from spigot.evaluation.report import comparison_json
from spigot.evaluation.significance import compare
from spigot.systems.streaming import parse_all, parse_stream
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics


class Split(NamedTuple):
    """A set to score: its name, and files with graphs and with trees, relative to the folder of the data."""

    name: str
    graphs: str
    trees: str | None = None

    @classmethod
    def parse(cls, text: str) -> Split:
        """Read NAME=GRAPHS or NAME=GRAPHS,TREES."""
        name, equals, files = text.partition("=")
        graphs, _, trees = files.partition(",")
        if not name or not equals or not graphs:
            raise argparse.ArgumentTypeError(f"expected NAME=GRAPHS or NAME=GRAPHS,TREES, got {text}")
        return cls(name, graphs, trees or None)


REDWOODS = [Split(name, f"redwoods/{name}.sdp", f"redwoods/{name}.dt.conllu") for name in ("dev", "test", "ood")]


def processor() -> str:
    """Name the processor, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def without_folders(value: Any) -> Any:
    """Return a recipe with absolute paths cut to their names: the folders of one machine mean nothing on another."""
    if isinstance(value, dict):
        return {key: without_folders(part) for key, part in value.items()}
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def graph_scores(model: SyntaxThenSemantics, gold: list[Sentence]) -> list[GraphScore]:
    """Score each sentence apart."""
    return [graph_score(a, b) for a, b in zip(gold, parse_stream(model.parse, gold), strict=True)]


def tree_scores(model: SyntaxThenSemantics, gold: list[Sentence]) -> list[AttachmentScore]:
    """Score each sentence's tree apart."""
    return [attachment(a, b) for a, b in zip(gold, parse_all(partial(model.parse_task, "syntax"), gold), strict=True)]


def counts_json(counts: list[Counts]) -> dict[str, str]:
    """Return the counts of all sentences, in their order."""
    return {name: " ".join(str(getattr(c, name)) for c in counts) for name in ("correct", "gold", "system")}


def read_counts(content: dict[str, str]) -> list[Counts]:
    """Return what `counts_json` wrote."""
    rows = zip(*(map(int, content[name].split()) for name in ("correct", "gold", "system")), strict=True)
    return [Counts(correct=correct, gold=gold, system=system) for correct, gold, system in rows]


def collect(run: Path, root: Path, against: Path | None, splits: Iterable[Split] = REDWOODS) -> dict[str, Any]:
    """Return scores, history and settings of a run."""
    model = SyntaxThenSemantics.from_pretrained(run)
    other = None if against is None else SyntaxThenSemantics.from_pretrained(against)
    history = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    recipe = json.loads((run / "recipe.json").read_text())
    recipe["data"].pop("root", None)
    recipe = without_folders(recipe)
    result: dict[str, Any] = {"recipe": recipe, "seed": recipe["training"].get("seed", 1), "scores": {}}
    for split in splits:
        gold = list(read_sdp(root / split.graphs))
        scores = graph_scores(model, gold)
        total = sum(scores, GraphScore())
        row: dict[str, Any] = {"uf": total.uf, "lf": total.lf, "lm": total.lm, "sentences": total.sentences}
        row["unlabelled"] = counts_json([s.unlabelled for s in scores])
        row["labelled"] = counts_json([s.labelled for s in scores])
        if model.syntax is not None and split.trees is not None:
            by_sentence = tree_scores(model, list(read_conllu(root / split.trees)))
            trees = sum(by_sentence, AttachmentScore())
            row |= {"uas": trees.uas, "uas_without_punctuation": trees.uas_without_punctuation}
            row["heads"] = counts_json([s.head_counts for s in by_sentence])
        if other is not None and against is not None:
            theirs = graph_scores(other, gold)
            test = compare([s.labelled for s in scores], [s.labelled for s in theirs])
            # Runs are called NAME or NAME-SEED.
            row[f"lf_against_{against.name.rpartition('-')[0] or against.name}"] = comparison_json(test)
        result["scores"][split.name] = row
    result["history"] = history
    result["hours"] = round(sum(row["seconds"] for row in history) / 3600, 3)
    result["conventions"] = "uas: all tokens, punctuation included; uf, lf: arcs with tops, micro"
    result["versions"] = {name: version(name) for name in ("torch-spigot", "torch", "numba", "numpy")}
    result["machine"] = f"{processor()}, {torch.get_num_threads()} threads"
    return result


def main() -> None:
    """Write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--command", required=True, help="the command that trained the run, kept beside its scores")
    parser.add_argument("--against", type=Path)
    parser.add_argument("--split", type=Split.parse, action="append", metavar="NAME=GRAPHS,TREES")
    parser.add_argument("--commit", help="that of the code which trained the run, kept beside its scores")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"command": arguments.command}
    if arguments.commit:
        result["commit"] = arguments.commit
    result |= collect(arguments.run, arguments.root, arguments.against, arguments.split or REDWOODS)
    write_json(arguments.out, result)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file, as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    os.replace(part, path)


if __name__ == "__main__":
    main()
