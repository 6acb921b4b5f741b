"""What the server answers, in JSON types."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from spigot.data.sentence import SENTIMENTS, Sentence, column_of
from spigot.drawing.arcs import graph_arcs, tree_arcs
from spigot.drawing.layout import Columns, Panel, common_columns
from spigot.drawing.parses import draw, draw_words, named_alike
from spigot.drawing.svg import svg
from spigot.models.config import NamedSurrogate
from spigot.structured import SPIGOT
from spigot.systems.base import System
from spigot.tasks.tags import Tags
from spigot.view.request import classes_of
from spigot.view.update import Move, Update, move_panel, step_panels

ROWS = 600
"""So many arcs have their numbers on the page: those that are chosen or annotated, and the largest gradients."""


def model_answer(name: str, system: System) -> dict[str, Any]:
    """Return what the page has to know of a system."""
    layer = system.parse_layer
    return {
        "name": name,
        "kind": system.config.kind,
        "tasks": list(system.tasks),
        "end_tasks": {name: system.tasks[name].kind for name in system.end_tasks},
        "classes": {name: classes_of(name, system) for name in system.end_tasks},
        "surrogate": None if layer is None else _in_short(system.config.surrogate),
        "settings": _settings(None if layer is None else layer.surrogate),
    }


def _in_short(surrogate: NamedSurrogate) -> str:
    """Return the name of a surrogate, and those of its settings that are not the defaults: "SPIGOT(max_norm=1.0)"."""
    defaults = inspect.signature(surrogate.named_class).parameters
    own = surrogate.arguments.items()
    given = [f"{key}={value!r}" for key, value in own if key not in defaults or value != defaults[key].default]
    name = surrogate.named_class.__name__
    return f"{name}({', '.join(given)})" if given else name


def _settings(surrogate: Any) -> dict[str, Any]:
    """Return the settings of SPIGOT that the page begins with: the system's own, if it has that surrogate."""
    found = surrogate if isinstance(surrogate, SPIGOT) else SPIGOT()
    cap = found.max_norm if isinstance(surrogate, SPIGOT) else getattr(surrogate, "max_norm", None)
    return {"step_size": found.step_size, "max_norm": cap, "steps": found.steps, "hull": found.polytope == "hull"}


def gold_answer(number: int, sentence: Sentence, systems: Iterable[System]) -> dict[str, Any]:
    """Return how the page lists a gold sentence, with the tasks of the systems whose annotation it has."""
    tasks = {name for system in systems for name, task in system.tasks.items() if task.has_gold(sentence)}
    return {"number": number, "id": sentence.id, "text": text_of(sentence), "tasks": sorted(tasks)}


def text_of(sentence: Sentence) -> str:
    """Return the tokens of a sentence between blanks."""
    return " ".join(sentence.forms)


def parse_answer(name: str, system: System, found: Sentence, width: int) -> dict[str, Any]:
    """Return what a system predicted for a sentence: drawn, how sure it is, and a sentiment or class in the title."""
    title = name
    if found.sentiment is not None and found.probability is not None:
        title += f": {SENTIMENTS[found.sentiment]} ({found.probability:.2f})"
    title += "".join(f": {category}" for category in found.categories.values())
    drawing = draw(found, width=width) if found.trees or found.graphs else draw_words(found, width)
    return {"title": title, "svg": drawing, "confidences": confidence_rows(system, found)}


def confidence_rows(system: System, found: Sentence) -> list[list[Any]]:
    """Return a row for each arc, tag and class of whose confidence the system has a number.

    A row has the name of the task; head, modifier and label of an arc, or None, token and tag, or None, None and the
    class; and the confidences of arc and label, None where there is none.
    """
    rows: list[list[Any]] = []
    for name, sure in found.confidences.items():
        task = system.tasks[name]
        said: list[tuple[Any, ...]]
        if name in found.trees:
            said = [arc[:3] for arc in tree_arcs(found.trees[name])]
        elif name in found.graphs:
            said = [arc[:3] for arc in graph_arcs(found.graphs[name])]
        elif isinstance(task, Tags):
            said = [(None, token, tag) for token, tag in enumerate(column_of(found, task.column), 1)]
        elif name in found.categories:
            said = [(None, None, found.categories[name])]
        else:  # a task of one's own: what its numbers are of is not known here
            continue
        rows += [[name, *what, *numbers] for what, numbers in zip(said, zip_longest(*sure), strict=True)]
    return rows


def comparison_answers(
    first: tuple[str, Sentence], second: tuple[str, Sentence], apart: bool, width: int
) -> list[dict[str, Any]]:
    """Return one drawing of the trees and graphs that two parses have in common; none if there are none."""
    (old, one), (new, other) = first, second
    other = named_alike(one, other)
    trees, graphs = [n for n in one.trees if n in other.trees], [n for n in one.graphs if n in other.graphs]
    if not trees and not graphs:
        return []
    drawn = draw(one, trees=trees, graphs=graphs, against=other, names=(old, new), apart=apart, width=width)
    return [{"title": f"{old} and {new}: what differs is dashed", "svg": drawn}]


def update_answer(update: Update, width: int) -> dict[str, Any]:
    """Return an update as drawings and, by arc, as numbers: s, ẑ, -η∇ẑL, p̂ and z̃ of the last step, and both moves.

    Of more than `ROWS` arcs, those of ẑ and of the sentence's own annotation come first, then those with the largest
    gradients; `arcs` is the number of all.
    """
    panels = [*step_panels(update), move_panel(update, "STE", "−∇ẑL = −∇s: what STE moves")]
    columns = common_columns(panels)  # once, not for each drawing
    last = update.steps[-1]
    keys = {**update.structure, **update.moves["STE"].scores, **update.moves["SPIGOT"].scores, **last.projected}
    kept = (update.structure.keys() | update.annotated) & keys.keys()
    gradient = update.moves["STE"].scores
    rows = sorted(keys, key=lambda key: (key not in kept, -abs(gradient.get(key, 0.0))))[: max(ROWS, len(kept))]
    numbers = [update.scores, update.structure, last.step, last.ahead, last.projected]
    numbers += [update.moves["SPIGOT"].scores, update.moves["STE"].scores]
    return {
        "tokens": list(update.sentence.forms),
        "loss": update.loss,
        "drawings": [_titled(panel, columns, width) for panel in panels],
        "moves": {name: _outcome(move, update) for name, move in update.moves.items()},
        "arcs": len(keys),
        "rows": [[*key, *(each.get(key, 0.0) for each in numbers)] for key in sorted(rows)],
    }


def _titled(panel: Panel, columns: Columns, width: int) -> dict[str, Any]:
    return {"title": panel.caption, "svg": svg([replace(panel, caption="")], width=width, columns=columns)}


def _outcome(move: Move, update: Update) -> dict[str, Any]:
    """Return where a move leads, in JSON types."""
    gone = [list(key) for key in update.structure if key not in move.structure]
    come = [list(key) for key in move.structure if key not in update.structure]
    arcs = {"gone": gone, "come": come} if move.times is not None else {"gone": [], "come": []}
    return {"times": move.times, "loss": move.loss, "moved": len(move.scores), **arcs}
