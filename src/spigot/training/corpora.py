"""The training and development sentences of a recipe."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from spigot.builtin import splits
from spigot.data.errors import DataError
from spigot.data.files import fingerprint, read_text
from spigot.data.sentence import Sentence
from spigot.evaluation.matching import match
from spigot.systems.checkpoint import CONFIG, VOCABULARY, WEIGHTS
from spigot.tasks import TASKS
from spigot.tasks.base import Task
from spigot.training.config import BuiltinConfig, DataConfig, RecipeError, TaskDataConfig

log = logging.getLogger(__name__)


class Corpora(NamedTuple):
    """Training and development sentences of each task, by its name."""

    train: dict[str, list[Sentence]]
    dev: dict[str, list[Sentence]]


def load_corpora(config: DataConfig, tasks: Mapping[str, Task], trained: str | None = None) -> Corpora:
    """Read the sentences of some tasks; the files of other tasks are not opened.

    `trained` is a task whose part is trained and frozen: it needs no training sentences. A task without a loss needs
    neither these nor, if it is not to be scored, development sentences.
    """
    if config.builtin is not None:
        return _builtin(config.builtin, tasks)
    corpora = Corpora({}, {})
    for name, task in tasks.items():
        if name != trained and task.has_loss:
            corpora.train[name] = _train(config, task)
        if task.has_loss or _files(config, task).dev is not None:
            corpora.dev[name] = list(_read(config, task, "dev"))
    return corpora


def check_selection(selection: Iterable[str], tasks: Mapping[str, Task], corpora: Corpora) -> None:
    """Raise a RecipeError for a dev score, of those that decide which epoch is kept, that cannot be measured."""
    for name, task in tasks.items():
        for score in selection:
            if score in task.score_names and name not in corpora.dev:
                expected = f'expected a score of a task with development sentences, got "{score}"'
                raise RecipeError(f"training.selection: {expected} without data.{name}.dev")


def check_labels(
    selection: Iterable[str], tasks: Mapping[str, Task], parts: Mapping[str, Any], corpora: Corpora
) -> None:
    """Say how many labels in the files of development sentences the parts can never predict.

    Raises:
        RecipeError: that is all of them, and their score alone decides which epoch is kept.
    """
    for name, sentences in corpora.dev.items():
        task = tasks[name]
        found = task.unknown(parts[name], sentences)
        if found is None:
            continue
        key = f"data.{name}.dev"
        number, total, things, known = found
        if number == total and {*selection} == {task.score_names[-1]}:
            raise RecipeError(f"{key}: expected {things} with a {known}, got none of {total}")
        if number:
            log.warning("%s: %d of %d %s have no %s", key, number, total, things, known)


def _builtin(sizes: BuiltinConfig, tasks: Mapping[str, Task]) -> Corpora:
    """Cut the corpus into training sets that do not overlap, in an order that does not depend on `tasks`."""
    places: dict[str, slice] = {}
    end = 0
    for name in dict.fromkeys([*TASKS, *tasks]):
        places[name] = slice(end, end := end + sizes.train_size(name))
    needed = max(places[name].stop for name in tasks)
    drawn = splits(train=needed, dev=sizes.dev, test=sizes.test, seed=sizes.seed)
    train = {name: drawn["train"][places[name]] for name, task in tasks.items() if task.has_loss}
    return Corpora(train, dict.fromkeys(tasks, drawn["dev"]))


def _files(config: DataConfig, task: Task) -> TaskDataConfig:
    return config.tasks.get(task.name, TaskDataConfig())


def _read(config: DataConfig, task: Task, split: Literal["train", "dev"]) -> Iterable[Sentence]:
    path = getattr(_files(config, task), split)
    if path is None:
        raise RecipeError(f"data.{task.name}.{split}: expected a file (or [data.builtin]), got none")
    return task.read_gold(config.root / path)


def _train(config: DataConfig, task: Task) -> list[Sentence]:
    sentences, key = list(_read(config, task, "train")), f"data.{task.name}"
    ids = _files(config, task).train_ids
    if ids is not None:
        path = config.root / ids
        wanted = _ids(path)
        sentences = [sentence for sentence in sentences if sentence.id in wanted]
        if not sentences:
            raise RecipeError(f"{key}.train_ids: expected ids of training sentences, got none in {path}")
        missing = len(wanted - {sentence.id for sentence in sentences})
        if missing:
            log.warning("%s.train_ids: %d of %d ids are not in the training data", key, missing, len(wanted))
    limit = config.max_length
    kept = [sentence for sentence in sentences if limit is None or len(sentence) <= limit]
    if not kept:
        raise RecipeError(f"{key}.train: expected training sentences of at most {limit} tokens, got none")
    if len(kept) < len(sentences):
        left_out = len(sentences) - len(kept)
        log.warning("%s.train: %d sentences of more than %d tokens are left out", key, left_out, limit)
    return kept


def with_trees(
    config: DataConfig, path: Path, train: Sequence[Sentence], end: Task, intermediate: Task
) -> list[Sentence]:
    """Return the end task's training sentences with the trees of a file, which may hold more sentences."""
    ids, path = {sentence.id for sentence in train}, config.root / path
    found = [sentence for sentence in intermediate.read_gold(path) if sentence.id in ids]
    if not found:
        key = "intermediate.trees"
        raise RecipeError(f"{key}: expected trees of the training sentences of {end.name}, got none in {path}")
    pairs = match(train, found, config.root / str(_files(config, end).train), path)
    return [sentence.with_tree(intermediate.name, tree.trees[intermediate.name]) for sentence, tree in pairs]


def _ids(path: Path) -> set[str]:
    """Return the ids of a file with one on each line; an id may hold blanks."""
    try:
        return {line.strip() for line in read_text(path).split("\n")} - {""}
    except OSError as error:
        raise DataError(path, None, error.strerror or str(error)) from None


def fingerprints(config: DataConfig, tasks: Mapping[str, Task], *others: Path | None) -> dict[str, str]:
    """Return a checksum of each file that training on these tasks reads, and of other files, by its path."""
    found: dict[str, str] = {}
    paths = list(others)
    for name, task in tasks.items():
        files = _files(config, task)
        paths += [files.train, files.train_ids] if task.has_loss else []
        paths += [files.dev, config.vectors_of(name)]
    for path in paths:
        if path is not None and (config.root / path).is_file():  # a pipe can be read once only
            found[str(config.root / path)] = fingerprint(config.root / path)
    return found


def fingerprints_of_runs(*folders: Path | None) -> dict[str, str]:
    """Return a checksum of each file of a model in the folders of runs, by its path."""
    files = [folder / name for folder in folders if folder is not None for name in (CONFIG, VOCABULARY, WEIGHTS)]
    return {str(path): fingerprint(path) for path in files if path.is_file()}


def check_unchanged(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raise a RecipeError that names the first file whose content is not that of an interrupted run."""
    for path in [*before, *now]:
        if before.get(path) != now.get(path):
            raise RecipeError(f"--resume: expected {path} as it was when the run began, got another content")
