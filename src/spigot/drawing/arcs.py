"""What is drawn: arcs between words, with a role that says how they look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from spigot.data.sentence import NO_LABEL, TOP, Graph, Tree

Role: TypeAlias = Literal["plain", "old", "new", "up", "down"]
"""plain: solid; old, new: dashed, in one of two parses alone; up, down: of a weight above or below 0."""


class DrawnArc(NamedTuple):
    """One arc of a drawing. Tokens count from 1; head 0 is ROOT, whose arcs come from outside."""

    head: int
    modifier: int
    label: str = ""
    role: Role = "plain"
    width: float = 1.0
    """Factor on the width of the line."""
    note: str = ""
    """More about the arc, shown where the pointer rests on it."""


def tree_arcs(tree: Tree, confidences: Sequence[float] = ()) -> list[DrawnArc]:
    """Return the arcs of a tree, those from ROOT included; `confidences` has a number for each token, or none."""
    rows = enumerate(zip(tree.heads, tree.labels, strict=True), 1)
    arcs = [DrawnArc(head, modifier, _shown(label, "root" if head == 0 else "")) for modifier, (head, label) in rows]
    return _noted(arcs, confidences)


def graph_arcs(graph: Graph, confidences: Sequence[float] = ()) -> list[DrawnArc]:
    """Return the arcs of a graph; those from ROOT mark its tops. `confidences` has a number for each arc, or none."""
    arcs = [DrawnArc(head, modifier, _shown(label, "top" if head == 0 else "")) for head, modifier, label in graph.arcs]
    return _noted(arcs, confidences)


def _shown(label: str, otherwise: str) -> str:
    return otherwise if label in (NO_LABEL, TOP, "") else label


def _noted(arcs: list[DrawnArc], confidences: Sequence[float]) -> list[DrawnArc]:
    if not confidences:
        return arcs
    return [arc._replace(note=f"confidence {value:.2f}") for arc, value in zip(arcs, confidences, strict=True)]


def compared(old: Iterable[DrawnArc], new: Iterable[DrawnArc]) -> list[DrawnArc]:
    """Return the arcs of two parses as one drawing, in which those of one parse alone are dashed (Figure 2).

    An arc with another label in the new parse is one arc with both labels.
    """
    before, after = _by_ends(old), _by_ends(new)
    arcs = []
    for ends in sorted(before.keys() | after.keys()):
        ours, theirs = before.get(ends, {}), after.get(ends, {})
        arcs += [arc for label, arc in theirs.items() if label in ours]
        gone = [arc for label, arc in ours.items() if label not in theirs]
        come = [arc for label, arc in theirs.items() if label not in ours]
        while gone and come:
            one, other = gone.pop(0), come.pop(0)
            arcs.append(other._replace(label=f"{one.label} → {other.label}"))
        arcs += [arc._replace(role="old") for arc in gone] + [arc._replace(role="new") for arc in come]
    return arcs


def marked(arcs: Iterable[DrawnArc], others: Iterable[DrawnArc], role: Role) -> list[DrawnArc]:
    """Return the arcs of one of two parses, those that the other has not with this role."""
    theirs = _by_ends(others)
    return [arc if (arc.head, arc.modifier) in theirs else arc._replace(role=role) for arc in arcs]


def _by_ends(arcs: Iterable[DrawnArc]) -> dict[tuple[int, int], dict[str, DrawnArc]]:
    """Return arcs by head and modifier, then by label."""
    found: dict[tuple[int, int], dict[str, DrawnArc]] = {}
    for arc in arcs:
        found.setdefault((arc.head, arc.modifier), {})[arc.label] = arc
    return found


def weighted_arcs(weights: Mapping[tuple[int, int, str], float], smallest: float = 0.005) -> list[DrawnArc]:
    """Return arcs (head, modifier, label) with signed weights, drawn the wider the larger; the label has the weight.

    Weights below `smallest` in size are left out.
    """
    largest = max((abs(weight) for weight in weights.values()), default=0.0)
    arcs = []
    for (head, modifier, label), weight in weights.items():
        if abs(weight) < smallest:
            continue
        text = f"{weight:+.2f}".replace("-", "−")
        role: Role = "up" if weight > 0 else "down"
        name = f"{label} {text}" if label else text
        arcs.append(DrawnArc(head, modifier, name, role, 0.8 + 1.6 * abs(weight) / largest))
    return arcs
