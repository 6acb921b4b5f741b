"""Score a finished run on test sets and put everything that a table needs into one JSON file.

    python experiments/collect.py RUN --root DATA --command "spigot train ..." --against RUN2 --out FILE.json

DATA is the folder that `data.root` named when the run was trained; the test sets are those of the Redwoods
data. `--against` adds a paired permutation test of the labelled F1 against another run.
"""

from __future__ import annotations

import argparse
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from spigot.data.conllu import read_conllu
from spigot.data.sdp import read_sdp
from spigot.data.sentence import Sentence
from spigot.evaluation.attachment import AttachmentScore
from spigot.evaluation.graph_f1 import GraphScore, graph_score
from spigot.evaluation.report import comparison_json
from spigot.evaluation.significance import compare
from spigot.systems.streaming import parse_stream
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics

SETS = ("dev", "test", "ood")


def processor() -> str:
    """Name the processor, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def graph_scores(model: SyntaxThenSemantics, gold: list[Sentence]) -> list[GraphScore]:
    """Score each sentence apart."""
    return [graph_score(a, b) for a, b in zip(gold, parse_stream(model.parse, gold), strict=True)]


def collect(run: Path, root: Path, against: Path | None) -> dict[str, Any]:
    """Return scores, history and settings of a run."""
    model = SyntaxThenSemantics.from_pretrained(run)
    other = None if against is None else SyntaxThenSemantics.from_pretrained(against)
    history = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    recipe = json.loads((run / "recipe.json").read_text())
    # Where things lay on one machine means nothing on another.
    recipe["data"].pop("root", None)
    if "init" in recipe.get("intermediate", {}):
        recipe["intermediate"]["init"] = Path(recipe["intermediate"]["init"]).name
    result: dict[str, Any] = {"recipe": recipe, "seed": recipe["training"].get("seed", 1), "scores": {}}
    for name in SETS:
        gold = list(read_sdp(root / "redwoods" / f"{name}.sdp"))
        scores = graph_scores(model, gold)
        total = sum(scores, GraphScore())
        row: dict[str, Any] = {"uf": total.uf, "lf": total.lf, "lm": total.lm, "sentences": total.sentences}
        if model.syntax is not None:
            trees: AttachmentScore = model.score("syntax", list(read_conllu(root / "redwoods" / f"{name}.dt.conllu")))
            row |= {"uas": trees.uas, "uas_without_punctuation": trees.uas_without_punctuation}
        if other is not None and against is not None:
            theirs = graph_scores(other, gold)
            test = compare([s.labelled for s in scores], [s.labelled for s in theirs])
            # Runs are called NAME or NAME-SEED.
            row[f"lf_against_{against.name.rpartition('-')[0] or against.name}"] = comparison_json(test)
        result["scores"][name] = row
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
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    result = {"command": arguments.command, **collect(arguments.run, arguments.root, arguments.against)}
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
