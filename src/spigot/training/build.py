"""Make the untrained system of a recipe."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel
from torch import nn

from spigot.data.sentence import Sentence
from spigot.data.vectors import read_vectors
from spigot.signature import NamedError
from spigot.systems.base import System, Vectors
from spigot.systems.checkpoint import CheckpointError, reason
from spigot.systems.loading import load_system
from spigot.training.config import Recipe, RecipeError
from spigot.training.corpora import Corpora
from spigot.training.sizes import within_memory


def build_system(recipe: Recipe, corpora: Corpora, tell: Callable[[str], None] = lambda line: None) -> System:
    """Make the system of a recipe from the words and labels of its training data, word vectors and `init`.

    `tell` gets a line about each task's vectors: how many words of the training data have one.
    """
    if recipe.training.start is not None:
        system = _whole(recipe, recipe.training.start, corpora, tell)
    else:
        system = _new(recipe, corpora, tell)
    try:
        json.dumps(system.to_vocabulary())
    except (TypeError, ValueError) as error:
        # Else the first epoch would end with it.
        what = f"{type(system).__name__}.to_vocabulary: expected what JSON can hold"
        raise RecipeError(f"{what}, got another value: {reason(error)}") from error
    return system


def _new(recipe: Recipe, corpora: Corpora, tell: Callable[[str], None]) -> System:
    """Return the system of a recipe with new weights, but for the part that `init` gives."""
    start = _start(recipe)
    # A trained part has its own vocabulary.
    needed = [name for name in recipe.made_tasks if start is None or name != recipe.intermediate_task]
    # A parser without training data of its own knows the words of the end task.
    train = {name: corpora.train[recipe.end_task] for name, task in recipe.made_tasks.items() if not task.has_loss}
    train |= corpora.train
    paths = {name: recipe.data.vectors_of(name) for name in needed}
    read = {path: _vectors(recipe.data.root / path) for path in {*paths.values()} if path is not None}
    vectors = {name: read[path] for name, path in paths.items() if path is not None}
    for name, found in vectors.items():
        tell(_coverage(name, train[name], found, f"{recipe.data.root / str(paths[name])}"))
    try:
        with within_memory():
            return recipe.system_class.from_sentences(recipe.system, recipe.made_tasks, train, vectors, start)
    except RecipeError:
        raise
    except NamedError as error:
        raise RecipeError(".".join(["system", *_place(recipe.system, error.source), str(error)])) from error
    except ValueError as error:
        raise RecipeError(f"system.{error}") from error


def _place(table: Any, sought: object) -> list[str]:
    """Return the keys that lead from a table of the recipe to a class with arguments in it; none if it is not there."""
    values = table if isinstance(table, Mapping) else dict(table) if isinstance(table, BaseModel) else {}
    for key, value in values.items():
        if value is sought:
            return [key]
        if rest := _place(value, sought):
            return [key, *rest]
    return []


def _coverage(task: str, sentences: Iterable[Sentence], vectors: Vectors, path: str) -> str:
    """Say how many words have a vector, and how many vectors these share. Raises RecipeError if none has one."""
    counts = _words(sentences)
    known = [word for word in counts if word in vectors]
    if not known:
        raise RecipeError(f"data.vectors: expected vectors of words in the training data of {task}, got none in {path}")
    tokens = 100 * sum(counts[word] for word in known) / counts.total()
    covered = f"{task}: {len(known)} of {len(counts)} words ({tokens:.1f} % of the tokens) have a vector in {path}"
    # Small tables give near neighbours one vector: fixed ones then say nothing of the difference.
    different = len({vectors[word].numpy().tobytes() for word in known})
    return covered if different == len(known) else f"{covered}; they share {different} vectors"


def _vectors(path: Path) -> Vectors:
    words, rows = read_vectors(path)
    return dict(zip(words, torch.from_numpy(rows), strict=True))


def _whole(recipe: Recipe, path: Path, corpora: Corpora, tell: Callable[[str], None]) -> System:
    """Return the system of a recipe with the weights and the vocabulary of a whole run.

    `tell` gets a line about each task's words: how many of the training data are unknown to that run.
    """
    old = _run("training.start", path)
    if old.kind != recipe.system_class.kind:
        raise RecipeError(f"training.start: expected a run of kind {recipe.system_class.kind!r}, got {old.kind!r}")
    tasks = {name: task.model_dump(mode="json", exclude={"name"}) for name, task in recipe.made_tasks.items()}
    config = {"system": recipe.system.model_dump(mode="json"), "tasks": tasks}
    try:
        system = recipe.system_class.rebuild(config, old.to_vocabulary())
        system.load_state_dict(old.state_dict())
    except (RuntimeError, KeyError, ValueError) as error:
        differing = [*_differing(old.to_config()["system"], config["system"])]
        what = f"{path} with {', '.join(differing[:3])}" if differing else reason(error)
        raise RecipeError(f"training.start: expected a run with the [system] of this recipe, got {what}") from None
    for name, sentences in corpora.train.items():
        words, counts = system.reader(name).vocabulary.words, _words(sentences)
        new = [word for word in counts if word not in words]
        tokens = 100 * sum(counts[word] for word in new) / counts.total()
        tell(f"{name}: {len(new)} of {len(counts)} words ({tokens:.1f} % of the tokens) are unknown to {path}")
    system.admit(corpora.train)
    return system


def _differing(theirs: Any, ours: Any, key: str = "") -> Iterator[str]:
    """Yield the keys that differ in two configs, with both values."""
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.get("name") == ours.get("name"):
        for name in dict.fromkeys([*theirs, *ours]):
            yield from _differing(theirs.get(name), ours.get(name), f"{key}.{name}".removeprefix("."))
    elif theirs != ours:
        old, new = (value.get("name", "a table") if isinstance(value, dict) else value for value in (theirs, ours))
        yield f"{key} {old} (here {new})"


def _words(sentences: Iterable[Sentence]) -> Counter[str]:
    return Counter(form.lower() for sentence in sentences for form in sentence.forms)


def _run(key: str, path: Path) -> System:
    """Return the system of the run that a key of the recipe names; errors begin with the key."""
    try:
        return load_system(path)
    except CheckpointError as error:
        raise RecipeError(f"{key}: {error}") from error


def _start(recipe: Recipe) -> nn.Module | None:
    """Return the intermediate task's part of the run that `init` names, None without one."""
    path, name = recipe.intermediate.init, recipe.intermediate_task
    if path is None or name is None:
        return None
    found = _run("intermediate.init", path)
    if name not in found.tasks or not found.config.same_part(name, recipe.system):
        theirs, ours = found.config.trained_part(name), recipe.system.trained_part(name)
        differing = [*_differing(theirs, ours)] if theirs and ours else []
        what = f"{path} with {', '.join(differing[:3])}" if differing else path
        raise RecipeError(f"intermediate.init: expected a run with the same [system.{name}], got {what}")
    read = found.intermediate
    if name == found.end.name and read is not None:
        part = recipe.made_tasks[name].part_name
        raise RecipeError(f"intermediate.init: expected a {part} that reads no {read.outputs}, got {path}")
    return found.parts[name]
