"""What structured operations take of a training step of the second system: graphs in the middle of a classifier.

Run `python benchmarks/sentiment.py --help`. Steps are those of `spigot train modern/sentiment-spigot`, in the order of
its first joint epoch; evaluation, and the pruner's one pass before the first step, are left out.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tables
from common import finish, options, progress, start
from training import watched

from spigot import SPIGOT
from spigot.structured.structures.semantic_graph import SemanticGraph
from spigot.training import plan
from spigot.training.loop import Trainer
from spigot.training.recipe import load_recipe

STRUCTURED = (
    (SemanticGraph, "argmax", "argmax"),
    (SemanticGraph, "decode", "decoding for the parser's loss"),
    (SPIGOT, "backward", "projection"),
)
"""Methods, and what they are called in the table. The layer's argmax calls `decode`, and is counted as a whole."""


def prepare(data: Sequence[str], described: str | None, folder: Path) -> Trainer:
    """Return a trainer at the start of joint training."""
    trainer = Trainer(load_recipe("modern/sentiment-spigot", data, described), folder, device="cpu")
    trainer.accelerator.init_trackers("tensorboard")
    while trainer.epoch < trainer.recipe.intermediate.pretrain_epochs:
        trainer._run_epoch()
    trainer.model.train()
    trainer._prepare()
    return trainer


def shares(trainer: Trainer, warm_up: int, most: int) -> list[dict[str, Any]]:
    """Time the first steps of the epoch, each kind for itself, with clocks around the structured operations."""
    steps = plan.plan(trainer.recipe, trainer.corpora, trainer.epoch)[: warm_up + most]
    seconds: dict[str, float] = defaultdict(float)
    spent: dict[tuple[str, str], float] = defaultdict(float)
    counts: dict[str, list[int]] = defaultdict(list)
    task, inside = "", False

    def clock(label: str, call: Callable[[], Any]) -> Any:
        nonlocal inside
        if inside:
            return call()
        inside, began = True, time.perf_counter()
        try:
            return call()
        finally:
            spent[task, label] += time.perf_counter() - began
            inside = False

    with watched(clock, STRUCTURED):
        for number, step in enumerate(steps):
            task = step.task
            began = time.perf_counter()
            trainer.updates.update(trainer._batch(step), trainer.epoch, number, trainer.epoch + number / len(steps))
            if number < warm_up:
                spent.clear()
            else:
                seconds[task] += time.perf_counter() - began
                counts[task].append(len(step.sentences))
    kinds = {name: [name] for name in counts} | {"all": list(counts)}
    return [
        {
            "steps_of": kind,
            "steps": sum(len(counts[name]) for name in names),
            "sentences": sum(sum(counts[name]) for name in names),
            "seconds": sum(seconds[name] for name in names),
            "share": {
                label: sum(spent[name, label] for name in names) / sum(seconds[name] for name in names)
                for _, _, label in STRUCTURED
            },
        }
        for kind, names in kinds.items()
    ]


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--root", metavar="DATA", help="folder of the corpora; without it, the built-in corpus")
    parser.add_argument("--run", help="a trained parser (modern/neurbo); without it, one epoch of training comes first")
    arguments = parser.parse_args()
    result = start(arguments)
    quick = arguments.quick
    if arguments.root is None:
        size = 100 if quick else 1000
        sizes = f"data.builtin={{train={{semantics={size}, sentiment={size}}}, dev=20}}"
        data, described = [sizes, "tasks.semantics.min_role_count=1"], None
    else:
        data, described = [f"data.root={arguments.root}"], "data/sst"
    pretraining = 1 if arguments.run is None else 0
    data += [f"intermediate.pretrain_epochs={pretraining}"]
    data += [] if arguments.run is None else [f"intermediate.init={arguments.run}"]
    with tempfile.TemporaryDirectory() as folder:
        progress("the parser, and what it leaves of the sentences")
        trainer = prepare(data, described, Path(folder) / "run")
        progress("joint training")
        result["corpus"] = "built-in" if arguments.root is None else "SST, and DM graphs of a quarter of Redwoods"
        result["parser"] = "one epoch" if arguments.run is None else "trained"
        result["shares"] = shares(trainer, *((1, 2) if quick else (10, 120)))
        trainer.accelerator.end_training()
    print(tables.sentiment(result))
    finish(arguments, result)


if __name__ == "__main__":
    main()
