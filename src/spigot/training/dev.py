"""The scores on the development sets, one task's after another's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from spigot.data.sentence import Sentence
from spigot.models.config import Task
from spigot.systems.scoring import score_graphs, score_sentiment, score_trees

SCORES: dict[Task, tuple[str, ...]] = {"syntax": ("uas",), "semantics": ("uf", "lf"), "sentiment": ("accuracy",)}
"""What each task is scored by."""


def dev_scores(
    model: Any,
    tasks: Iterable[Task],
    sentences: Callable[[Task], Sequence[Sentence]],
    total: Callable[[Any], Any],
    known: Mapping[str, float],
    parsed: bool = False,
) -> dict[str, float]:
    """Score a system's tasks.

    Args:
        model: a system that has a part for each task.
        tasks: what to score.
        sentences: this process's share of a task's sentences.
        total: adds a score up over all processes.
        known: scores that need not be found out again.
        parsed: whether the sentences of the sentiment task carry the graphs that the parser makes of them.
    """
    scores: dict[str, float] = {}
    for task in tasks:
        if all(name in known for name in SCORES[task]):
            found = [known[name] for name in SCORES[task]]
        elif task == "syntax":
            found = [total(score_trees(model, sentences(task))).uas]
        elif task == "semantics":
            graphs = total(score_graphs(model, sentences(task)))
            found = [graphs.uf, graphs.lf]
        else:
            found = [total(score_sentiment(model, sentences(task), parsed)).accuracy]
        scores |= dict(zip(SCORES[task], found, strict=True))
    return scores
