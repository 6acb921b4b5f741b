"""SPIGOT's update of one sentence, step by step, and that of other surrogates beside it, as numbers and as panels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from spigot.data.sentence import Sentence
from spigot.drawing.arcs import DrawnArc, weighted_arcs
from spigot.drawing.layout import Panel
from spigot.errors import UserError
from spigot.structured import SPIGOT, Problem, Surrogate
from spigot.structured.parts.base import map_parts, tensors
from spigot.systems.base import System
from spigot.systems.decision import ArcWeights, arc_weights, decision, score_gradient

SHOWN = 0.03
"""Arcs of a smaller weight are not drawn."""
FARTHEST = 1024
"""How many times a move is repeated in search of one that changes the structure."""


class Step(NamedTuple):
    """One step: -η∇ẑL, the point after it, and its projection onto the polytope."""

    step: ArcWeights
    ahead: ArcWeights
    projected: ArcWeights


class Move(NamedTuple):
    """What one surrogate does to the scores: -∇s, and where that leads.

    `times` is how often it has to be repeated, as a power of two, until another structure scores highest; `structure`
    and `loss` are that structure and the end task's loss there. None: not within `FARTHEST` times.
    """

    scores: ArcWeights
    times: int | None
    structure: ArcWeights
    loss: float


class Update(NamedTuple):
    """All numbers of an update of one sentence, by arc."""

    sentence: Sentence
    scores: ArcWeights
    structure: ArcWeights
    """ẑ, the intermediate parser's choice."""
    loss: float
    """The end task's loss at ẑ."""
    steps: list[Step]
    moves: dict[str, Move]
    annotated: frozenset[tuple[int, int, str]]
    """The arcs of the intermediate structure that the sentence itself is annotated with, such as a gold tree's."""


def update_of(
    system: System, sentence: Sentence, spigot: SPIGOT, others: Mapping[str, Surrogate], task: str | None = None
) -> Update:
    """Return SPIGOT's update of a sentence, which is annotated for the end task, and what other surrogates move.

    `task` is the end task, by default the first of the system's `end_tasks`.

    Raises:
        ValueError: the system has no intermediate parser.
        UserError: the annotation has what the system rules out, so that the loss is infinite.
    """
    problem = decision(system, [sentence], task)
    structure = problem.argmax()
    with torch.no_grad():
        loss = float(problem.loss_at(structure))
    if not math.isfinite(loss):
        raise UserError(
            "target: expected arcs that the model can predict, got one with a role, or between tags, "
            "that its training data did not have"
        )
    path = spigot.path(problem, structure, problem.gradient_at(structure))

    def weights(parts: Any) -> ArcWeights:
        return arc_weights(system, parts)

    steps, before = [], structure
    for step in path:
        steps.append(
            Step(weights(map_parts(torch.sub, step.ahead, before)), weights(step.ahead), weights(step.projected))
        )
        before = step.projected
    surrogates = {"SPIGOT": spigot, **others}
    moves = {name: _move(system, problem, structure, surrogate) for name, surrogate in surrogates.items()}
    scores, chosen, own = weights(problem.scores), weights(structure), _annotated(system, sentence)
    return Update(sentence, scores, chosen, loss, steps, moves, own)


def _annotated(system: System, sentence: Sentence) -> frozenset[tuple[int, int, str]]:
    """Return the arcs of a sentence's tree or graph of the intermediate task, by head, modifier and label."""
    name = str(system.config.intermediate)
    if name in sentence.trees:
        return frozenset((head, modifier, "") for modifier, head in enumerate(sentence.trees[name].heads, 1))
    arcs = sentence.graphs[name].arcs if name in sentence.graphs else ()
    return frozenset((arc.head, arc.modifier, label) for arc in arcs for label in ("", arc.label))


def _move(system: System, problem: Problem[Any], structure: Any, surrogate: Surrogate) -> Move:
    gradient = score_gradient(problem, surrogate)
    times = 1
    while times <= FARTHEST:
        rate = float(times)
        found = problem.argmax(map_parts(lambda score, by: score - rate * by, problem.scores, gradient))  # noqa: B023
        if any(not torch.equal(a, b) for a, b in zip(tensors(found), tensors(structure), strict=True)):
            with torch.no_grad():
                loss = float(problem.loss_at(found))
            break
        times *= 2
    else:
        return Move(arc_weights(system, map_parts(torch.neg, gradient)), None, {}, 0.0)
    return Move(arc_weights(system, map_parts(torch.neg, gradient)), times, arc_weights(system, found), loss)


def step_panels(update: Update) -> list[Panel]:
    """Return SPIGOT's update as panels: ẑ with its scores; for each step -η∇ẑL, p̂ and z̃; then the difference."""
    chosen = [
        DrawnArc(h, m, f"{label} {update.scores.get((h, m, label), 0.0):.1f}".strip().replace("-", "−"))
        for h, m, label in update.structure
    ]
    panels = [_panel(update.sentence, (), chosen, "ẑ: the structure of highest score; each arc with its score s")]
    for number, step in enumerate(update.steps, 1):
        of = f", step {number}" if len(update.steps) > 1 else ""
        panels.append(_signed(update.sentence, step.step, f"−η∇ẑL{of}: where the end task's loss wants ẑ to go"))
        panels.append(_signed(update.sentence, step.ahead, f"p̂{of}: the point after the step, outside the polytope"))
        arcs, left_out = _unsigned(step.projected)
        panels.append(_panel(update.sentence, (), arcs, f"z̃{of}: p̂ projected onto the polytope{left_out}"))
    panels.append(move_panel(update, "SPIGOT", "z̃ − ẑ = −∇s: what SPIGOT moves"))
    return panels


def move_panel(update: Update, name: str, caption: str) -> Panel:
    """Return what one surrogate moves as a panel."""
    return _signed(update.sentence, update.moves[name].scores, caption)


def _unsigned(weights: ArcWeights) -> tuple[list[DrawnArc], str]:
    arcs = [arc._replace(label=arc.label.replace("+", ""), role="plain") for arc in weighted_arcs(weights, SHOWN)]
    return arcs, _left_out(len(weights) - len(arcs))


def _signed(sentence: Sentence, weights: ArcWeights, caption: str) -> Panel:
    """Return weights as a panel: those above 0 above the words, those below 0 below."""
    arcs = weighted_arcs(weights, SHOWN)
    above, below = ([arc for arc in arcs if arc.role == role] for role in ("up", "down"))
    return _panel(sentence, above, below, f"{caption} (above: up, below: down{_left_out(len(weights) - len(arcs))})")


def _left_out(count: int) -> str:
    return f"; {count} below {SHOWN:g} not drawn" if count else ""


def _panel(sentence: Sentence, above: Sequence[DrawnArc], below: Sequence[DrawnArc], caption: str) -> Panel:
    return Panel(sentence.forms, [], above, below, caption)
