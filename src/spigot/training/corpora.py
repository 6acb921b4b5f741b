"""The sentences that a recipe trains and selects on."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from spigot.builtin import splits
from spigot.data.errors import DataError
from spigot.data.gold import read_gold
from spigot.data.sentence import Sentence
from spigot.models.config import Task
from spigot.training.recipe import BuiltinConfig, DataConfig, RecipeError

ANNOTATION: dict[Task, Literal["tree", "graph", "sentiment"]] = {
    "syntax": "tree",
    "semantics": "graph",
    "sentiment": "sentiment",
}
"""What the sentences of a task must have."""

log = logging.getLogger(__name__)


class Corpora(NamedTuple):
    """Training and development sentences of each task; none of a task that is not needed."""

    syntax_train: list[Sentence]
    semantics_train: list[Sentence]
    sentiment_train: list[Sentence]
    syntax_dev: list[Sentence]
    semantics_dev: list[Sentence]
    sentiment_dev: list[Sentence]

    def train(self, task: Task) -> list[Sentence]:
        """Return the training sentences of a task."""
        return getattr(self, f"{task}_train")

    def dev(self, task: Task) -> list[Sentence]:
        """Return the development sentences of a task."""
        return getattr(self, f"{task}_dev")


def load_corpora(config: DataConfig, tasks: Iterable[Task], scored_only: Task | None = None) -> Corpora:
    """Read what the recipe names for some tasks; the files of others are not touched.

    `scored_only` is the task of a part that comes trained: it needs no training sentences.
    """
    read: dict[str, list[Sentence]] = {}
    tasks = list(tasks)
    if config.builtin is not None:
        drawn = _builtin(config.builtin, "sentiment" in tasks)
        for task in tasks:
            read |= {f"{task}_train": drawn.train(task), f"{task}_dev": drawn.dev(task)}
        return _corpora(read)
    wanted = None if config.train_ids is None else _ids(config.root / config.train_ids)
    for task in tasks:
        if task != scored_only:
            read[f"{task}_train"] = _train(config, task, None if task == "sentiment" else wanted)
        read[f"{task}_dev"] = list(_read(config, task, "dev"))
    return _corpora(read)


def _corpora(read: dict[str, list[Sentence]]) -> Corpora:
    return Corpora(**{field: read.get(field, []) for field in Corpora._fields})


def _builtin(sizes: BuiltinConfig, with_sentiment: bool) -> Corpora:
    # Sentiment comes last: the other tasks' sentences are the same with it and without.
    first, second = sizes.semantics_train, sizes.semantics_train + sizes.syntax_train
    total = second + (sizes.sentiment_train if with_sentiment else 0)
    drawn = splits(train=total, dev=sizes.dev, test=sizes.test, seed=sizes.seed)
    train, dev = drawn["train"], drawn["dev"]
    return Corpora(train[first:second], train[:first], train[second:], dev, dev, dev)


def _read(config: DataConfig, task: Task, part: Literal["train", "dev"]) -> Iterable[Sentence]:
    path: Path | None = getattr(config, f"{task}_{part}")
    if path is None:
        raise RecipeError(f"data.{task}_{part}: expected a file (or [data.builtin]), got none")
    return read_gold(config.root / path, ANNOTATION[task])


def _train(config: DataConfig, task: Task, wanted: set[str] | None) -> list[Sentence]:
    sentences = [s for s in _read(config, task, "train") if wanted is None or s.id in wanted]
    kept = [s for s in sentences if config.max_length is None or len(s) <= config.max_length]
    if len(kept) < len(sentences):
        log.warning(
            "data.%s_train: %d sentences of more than %d tokens are left out",
            task,
            len(sentences) - len(kept),
            config.max_length,
        )
    if not kept:
        raise RecipeError(
            f"data.{task}_train: expected training sentences, got none that train_ids and max_length allow"
        )
    return kept


def _ids(path: Path) -> set[str]:
    try:
        return set(path.read_text("utf-8").split())
    except OSError as error:
        raise DataError(path, None, error.strerror or str(error)) from None
