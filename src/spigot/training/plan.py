"""What an epoch consists of: batches of one task each, drawn from the union of the two corpora."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spigot.data.batching import make_batches
from spigot.data.sentence import Sentence
from spigot.models.config import Task
from spigot.training.corpora import Corpora
from spigot.training.recipe import Recipe


class Step(NamedTuple):
    """One update: the task, and its sentences."""

    task: Task
    sentences: list[Sentence]


def epochs(recipe: Recipe) -> int:
    """Return the number of epochs of the whole run, pre-training included."""
    return recipe.training.epochs + (recipe.intermediate.pretrain_epochs if recipe.middle else 0)


def tasks(recipe: Recipe, epoch: int) -> list[Task]:
    """Return the tasks of an epoch (from 0): first that of the parser in the middle alone, then both.

    If that parser is frozen, the end task alone.
    """
    how, middle, end = recipe.intermediate, recipe.middle, recipe.end
    if middle is None:
        return [end]
    if epoch < how.pretrain_epochs:
        return [middle]
    return [end] if how.frozen else [middle, end]


def plan(recipe: Recipe, corpora: Corpora, epoch: int) -> list[Step]:
    """Return the steps of an epoch: every sentence of its tasks once, the tasks' batches in random order.

    In joint training the middle parser's sentences may be a sample (`intermediate.sample`), another each epoch.
    Depends on the recipe's seed and the epoch alone. Which task comes next is thus drawn in proportion to
    what is left of each corpus, as in the original program.
    """
    random = np.random.default_rng([recipe.training.seed, epoch])
    how, steps = recipe.training, list[Step]()
    now = tasks(recipe, epoch)
    for task in now:
        sentences = corpora.train(task)
        if len(now) > 1 and task == recipe.middle and recipe.intermediate.sample < 1:
            size = max(1, round(recipe.intermediate.sample * len(sentences)))
            chosen = np.sort(random.choice(len(sentences), size, replace=False))
            sentences = [sentences[k] for k in chosen]
        limit = how.batch_sentences or len(sentences)
        batches = make_batches([len(s) for s in sentences], how.batch_tokens, random, limit)
        steps += [Step(task, [sentences[k] for k in batch]) for batch in batches]
    return [steps[k] for k in random.permutation(len(steps))]


def _phase(recipe: Recipe, position: float) -> tuple[float, int]:
    """Return how far the run is into pre-training or joint training, in epochs, and how long that phase is."""
    before = epochs(recipe) - recipe.training.epochs
    return (position, before) if position < before else (position - before, recipe.training.epochs)


def learning_rate(recipe: Recipe, position: float, task: Task | None = None) -> float:
    """Return the learning rate of a task's part at `position`, in epochs from the start of the run.

    Pre-training and joint training each have the whole schedule, as separate runs would.
    """
    how = recipe.training
    here, length = _phase(recipe, position)
    rate = how.learning_rate
    if task is not None and task == recipe.middle and position >= epochs(recipe) - how.epochs:
        rate *= recipe.intermediate.learning_rate_factor
    if how.schedule == "halve":
        return rate * 0.5 ** (int(here) // how.halve_every)
    if how.schedule == "linear":
        warm = here / how.warmup_epochs if how.warmup_epochs else 1.0
        left = (length - here) / max(length - how.warmup_epochs, 1e-9)
        # Never quite 0: the very first update counts.
        return rate * max(min(warm, left, 1.0), 1e-3)
    return rate


def end_task_weight(recipe: Recipe, position: float) -> float:
    """Return the factor on the end task's gradient at `position`, in epochs from the start of the run."""
    how = recipe.intermediate
    if not recipe.system.surrogate.passes_gradient:
        # Not even zeros: Adam would go on moving the parser by its momentum.
        return 0.0
    joint, _ = _phase(recipe, position)
    ramp = min(1.0, joint / how.end_task_warmup) if how.end_task_warmup else 1.0
    return how.end_task_weight * ramp
