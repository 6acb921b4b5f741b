"""Score a finished run on test sets and put everything that a table needs into one JSON file.

    python experiments/collect.py RUN --root DATA --split NAME=FILE,... --command "spigot train ..." --out FILE.json

DATA is the folder that `data.root` named when the run was trained, RUN a run of any system. `--split`, which may be
repeated, names a set to score (`test=redwoods/test.sdp,redwoods/test.dt.conllu`): files whose sentences may differ. A
file belongs to the one task of the system that reads files of its ending; `TASK:FILE` says which, where there are
several. `--against RUN2` adds a paired permutation test against another run, of LF, and of UAS where there are trees.
The file also holds the counts of each sentence, as numbers separated by blanks: with them any two runs can be compared
later (`read_counts`). `--predictions` keeps what was predicted: FOLDER/SPLIT.TASK.conllu or .sdp.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch

from spigot.data.conllu import write_conllu
from spigot.data.sdp import write_sdp
from spigot.data.sentence import Sentence
from spigot.errors import UserError
from spigot.evaluation.counts import Counts
from spigot.evaluation.report import as_json, comparison_json
from spigot.evaluation.significance import compare
from spigot.systems.base import System
from spigot.systems.loading import load_system
from spigot.systems.streaming import parse_all
from spigot.tasks import TASKS
from spigot.tasks.base import Task

COUNTS: dict[str, dict[str, Callable[[Any], Counts]]] = {
    "graphs": {"unlabelled": lambda score: score.unlabelled, "labelled": lambda score: score.labelled},
    "trees": {"heads": lambda score: score.head_counts},
    "categories": {"right": lambda score: Counts(1, 1, score.correct)},
    "sentiments": {"right": lambda score: Counts(1, 1, score.correct)},
}
"""The counts that are kept of each sentence, by what a task predicts."""
COMPARED = {
    "graphs": ("lf", "labelled"),
    "trees": ("uas", "heads"),
    **dict.fromkeys(("categories", "sentiments"), ("accuracy", "right")),
}
"""The score that `--against` compares, and its counts."""


class Split(NamedTuple):
    """A set to score: its name, and its files, each with its task or None."""

    name: str
    files: tuple[tuple[str | None, str], ...]

    @classmethod
    def parse(cls, text: str) -> Split:
        """Read NAME=FILE,TASK:FILE."""
        name, equals, files = text.partition("=")
        if not name or not equals or not all(files.split(",")):
            raise argparse.ArgumentTypeError(f"expected NAME=FILE,... or NAME=TASK:FILE,..., got {text}")
        pairs = (file.rpartition(":") for file in files.split(","))
        return cls(name, tuple((task or None, file) for task, _, file in pairs))

    def of(self, system: System) -> dict[str, str]:
        """Return the file of each task of a system, leaving out kinds of task that it lacks. Raises ValueError."""
        found = {}
        for task, file in self.files:
            if task in TASKS and task not in system.tasks:
                continue  # a system without that part, beside others that have it
            ending = file.removesuffix(".gz").rpartition(".")[2]
            fitting = [name for name, each in system.tasks.items() if task in (name, None) and each.format == ending]
            names = [task] if task in system.tasks else fitting
            if len(names) != 1:
                known = ", ".join(system.tasks)
                raise ValueError(f"split {self.name}: expected TASK:{file} with one task of {known}, got {task}:{file}")
            found[str(names[0])] = file
        return found


def processor() -> str:
    """Name the processor, where the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def device() -> torch.device:
    """Return what to score on: the GPU, if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def machine() -> str:
    """Name what scores were computed on."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{processor()}, {torch.get_num_threads()} threads{gpu}"


def environment() -> dict[str, Any]:
    """Return the versions and the machine that a result was made with."""
    versions = {name: version(name) for name in ("torch-spigot", "torch", "numba", "numpy")}
    return {"versions": versions, "machine": machine()}


def this_command() -> str:
    """Return the command line of this script, with absolute paths cut to their names: see `without_folders`."""
    script, *arguments = sys.argv
    cut = [re.sub(r"(?<![^\s=\"':])/(?:[^/\s=]+/)*(?=[^/])", "", argument) for argument in arguments]
    return f"python experiments/{Path(script).name} {shlex.join(cut)}"


def without_folders(value: Any) -> Any:
    """Return a recipe with absolute paths cut to their names: the folders of one machine mean nothing on another."""
    if isinstance(value, dict):
        return {key: without_folders(part) for key, part in value.items()}
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def scores_of(system: System, name: str, gold: list[Sentence], kept: Path | None = None) -> list[Any]:
    """Score one task on each sentence apart; `kept` is a file for the predictions."""
    task = system.tasks[name]
    parsed = parse_all(partial(system.parse_task, name), gold)
    if kept is not None:
        write_predictions(kept, task, parsed)
    return [task.score([one], [other]) for one, other in zip(gold, parsed, strict=True)]


def write_predictions(path: Path, task: Task, parsed: list[Sentence]) -> None:
    """Write trees or graphs in the task's format; other predictions are left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if task.outputs == "graphs":
        write_sdp(parsed, path, graph=task.name)
    elif task.outputs == "trees":
        write_conllu(parsed, path, tree=task.name)


def row_of(task: Task, scores: list[Any]) -> dict[str, Any]:
    """Return the scores of a task and the counts of each sentence, under the names that training has for its scores."""
    total = sum(scores, task.score([], []))
    row: dict[str, Any] = dict(zip(task.score_names, task.values(total), strict=True))
    row[key(task, "measures")] = as_json(task.measures(total))
    for name, counts in COUNTS.get(task.outputs, {}).items():
        row[key(task, name)] = counts_json([counts(score) for score in scores])
    return row


def key(task: Task, name: str) -> str:
    """Return the key of something that is known of a task."""
    return name if task.name == task.kind else f"{task.name}.{name}"


def counts_json(counts: list[Counts]) -> dict[str, str]:
    """Return the counts of all sentences, in their order."""
    return {name: " ".join(str(getattr(c, name)) for c in counts) for name in ("correct", "gold", "system")}


def read_counts(content: dict[str, str]) -> Sequence[Counts]:
    """Return what `counts_json` wrote."""
    return _counts(content["correct"], content["gold"], content["system"])


@cache  # a table asks for the counts of a run once for each other run that it is compared with
def _counts(*columns: str) -> tuple[Counts, ...]:
    rows = zip(*(map(int, column.split()) for column in columns), strict=True)
    return tuple(Counts(correct=correct, gold=gold, system=system) for correct, gold, system in rows)


def collect(
    run: Path, root: Path, against: Path | None, splits: Iterable[Split], predictions: Path | None = None
) -> dict[str, Any]:
    """Return scores, history and settings of a run; `predictions` is a folder for what it predicts."""
    system = load_system(run).to(device())
    other = None if against is None else load_system(against).to(device())
    history = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    recipe = json.loads((run / "recipe.json").read_text())
    recipe["data"].pop("root", None)
    recipe = without_folders(recipe)
    result: dict[str, Any] = {"recipe": recipe, "seed": recipe["training"].get("seed", 1), "scores": {}}
    for split in splits:
        row: dict[str, Any] = {}
        for name, file in split.of(system).items():
            task = system.tasks[name]
            gold = list(task.read_gold(root / file))
            kept = None if predictions is None else predictions / f"{split.name}.{name}.{task.format}"
            scores = scores_of(system, name, gold, kept)
            row |= row_of(task, scores)
            if other is not None and against is not None and name in other.tasks and task.outputs in COMPARED:
                score, counts = COMPARED[task.outputs]
                counted = COUNTS[task.outputs][counts]
                ours, theirs = ([counted(s) for s in each] for each in (scores, scores_of(other, name, gold)))
                # Runs are called NAME or NAME-SEED.
                label = f"{score}_against_{against.name.rpartition('-')[0] or against.name}"
                row[key(task, label)] = comparison_json(compare(ours, theirs))
        result["scores"][split.name] = row
    result["history"] = history
    result["hours"] = round(sum(row["seconds"] for row in history) / 3600, 3)
    return result | environment()


def main() -> None:
    """Write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--command", required=True, help="the command that trained the run, kept beside its scores")
    parser.add_argument("--against", type=Path)
    parser.add_argument("--split", type=Split.parse, action="append", required=True, metavar="NAME=[TASK:]FILE,...")
    parser.add_argument("--predictions", type=Path, metavar="FOLDER")
    parser.add_argument("--commit", help="that of the code which trained the run, kept beside its scores")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"command": arguments.command}
    if arguments.commit:
        result["commit"] = arguments.commit
    try:
        result |= collect(arguments.run, arguments.root, arguments.against, arguments.split, arguments.predictions)
    except (UserError, ValueError) as error:
        parser.error(str(error))
    except FileNotFoundError as error:
        parser.error(f"{error.filename}: no such file or directory")
    write_json(arguments.out, result)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file, as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    os.replace(part, path)


if __name__ == "__main__":
    main()
