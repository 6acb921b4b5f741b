"""The steps of an epoch: batches of one task each, drawn from the union of the tasks' corpora."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from spigot.data.batching import make_batches
from spigot.data.sentence import Sentence
from spigot.training.config import Recipe
from spigot.training.corpora import Corpora


class Step(NamedTuple):
    """One update: a task, and some of its training sentences."""

    task: str
    sentences: list[Sentence]
    numbers: list[int]
    """The indices of the sentences in the task's training corpus."""


def epochs(recipe: Recipe) -> int:
    """Return the number of epochs of the whole run, pre-training included."""
    return recipe.training.epochs + (recipe.intermediate.pretrain_epochs if recipe.intermediate_task else 0)


def tasks(recipe: Recipe, epoch: int) -> list[str]:
    """Return the tasks of an epoch (from 0): the intermediate one alone in pre-training, then `joint_tasks`."""
    intermediate = recipe.intermediate_task
    if intermediate is not None and epoch < recipe.intermediate.pretrain_epochs:
        return [intermediate]
    return recipe.joint_tasks


def plan(recipe: Recipe, corpora: Corpora, epoch: int) -> list[Step]:
    """Return the steps of an epoch: every sentence of its tasks once, the tasks' batches in random order.

    In an epoch of several tasks the sentences of each may be a sample ([tasks.NAME] sample), a new one each epoch. The
    plan depends on the recipe's seed and the epoch alone. As in the original program, the next task is
    drawn in proportion to the batches that each task has left.
    """
    random = np.random.default_rng([recipe.training.seed, epoch])
    how, steps = recipe.training, list[Step]()
    now = tasks(recipe, epoch)
    for task in now:
        sentences = corpora.train[task]
        chosen = np.arange(len(sentences))
        share = recipe.made_tasks[task].sample
        if len(now) > 1 and share < 1:
            size = max(1, round(share * len(sentences)))
            chosen = np.sort(random.choice(len(sentences), size, replace=False))
        limit = how.batch_sentences or len(chosen)
        for batch in make_batches([len(sentences[k]) for k in chosen], how.batch_tokens, random, limit):
            numbers = chosen[batch].tolist()
            steps.append(Step(task, [sentences[k] for k in numbers], numbers))
    return [steps[k] for k in random.permutation(len(steps))]


def _phase(recipe: Recipe, position: float) -> tuple[float, int]:
    """Return how far the run is into pre-training or joint training, in epochs, and how long that phase is."""
    before = epochs(recipe) - recipe.training.epochs
    return (position, before) if position < before else (position - before, recipe.training.epochs)


def learning_rate(recipe: Recipe, position: float, group: str | None = None) -> float:
    """Return the learning rate of a group of parameters at `position`, in epochs from the start of the run.

    Pre-training and joint training each have the whole schedule, as separate runs would.
    """
    how = recipe.training
    here, length = _phase(recipe, position)
    rate = how.learning_rate
    if group is not None and group == recipe.intermediate_task and position >= epochs(recipe) - how.epochs:
        rate *= recipe.intermediate.learning_rate_factor
    if how.schedule == "halve":
        return rate * 0.5 ** (int(here) // how.halve_every)
    if how.schedule == "linear":
        warm = here / how.warmup_epochs if how.warmup_epochs else 1.0
        left = (length - here) / max(length - how.warmup_epochs, 1e-9)
        # Above 0, so that the first update has an effect.
        return rate * max(min(warm, left, 1.0), 1e-3)
    return rate


def end_task_weight(recipe: Recipe, position: float) -> float:
    """Return the factor on the end task's gradient at `position`, in epochs from the start of the run."""
    how = recipe.intermediate
    if not recipe.system.surrogate.named_class.passes_gradient:
        # No gradient at all: with zeros, Adam would still move the parser by its momentum.
        return 0.0
    joint, _ = _phase(recipe, position)
    ramp = min(1.0, joint / how.end_task_warmup) if how.end_task_warmup else 1.0
    return how.end_task_weight * ramp
