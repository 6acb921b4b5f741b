"""Sentences as panels: a graph above the words, a tree below; one parse, or two and what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from spigot.data.sentence import Sentence
from spigot.errors import UserError

from .arcs import DrawnArc, compared, graph_arcs, marked, tree_arcs
from .layout import Panel
from .svg import WIDTH, svg


def draw(
    sentence: Sentence,
    *,
    trees: Sequence[str] | None = None,
    graphs: Sequence[str] | None = None,
    against: Sentence | None = None,
    names: tuple[str, str] = ("first", "second"),
    apart: bool = False,
    width: float = WIDTH,
) -> str:
    """Return a sentence as SVG: a tree below the words, a graph above; further trees and graphs in panels of their own.

    Args:
        sentence: what to draw.
        trees: the names of the trees to draw; None: all. Of two parses, those that both have; if each has only one,
            they are compared whatever they are called.
        graphs: the same of graphs.
        against: the same sentence with another parse. Arcs that only one of the two has are dashed.
        names: what the two parses are called.
        apart: whether the first parse is drawn above the words and the second below them, with a panel for each tree
            and graph; otherwise the two are one drawing.
        width: the greatest width in pixels; longer sentences are wrapped.

    Raises:
        UserError: the sentence has no tree or graph of such a name, or nothing to draw; the two have different tokens.
    """
    if against is not None and against.forms != sentence.forms:
        raise UserError(f"against: expected the tokens of sentence {sentence.id!r}, got those of {against.id!r}")
    if against is not None:
        against = named_alike(sentence, against, trees is None, graphs is None)
    both = (sentence,) if against is None else (sentence, against)
    tree_names = _names("tree", [s.trees for s in both], trees, sentence.id)
    graph_names = _names("graph", [s.graphs for s in both], graphs, sentence.id)
    if not tree_names and not graph_names:
        held = [*sentence.trees, *sentence.graphs]
        if against is not None and held:
            other = ", ".join([*against.trees, *against.graphs]) or "none"
            raise UserError(f"against: expected {' or '.join(held)} of sentence {sentence.id!r}, got {other}")
        raise UserError(f"sentence: expected one with a tree or a graph, got none in {sentence.id!r}")
    if against is not None and apart:
        panels = _mirrored(sentence, against, tree_names, graph_names, names)
    else:
        panels = _stacked(both, tree_names, graph_names)
    key = () if against is None else _key(names)
    return svg(panels, width=width, title=" ".join(sentence.forms), key=key)


def draw_words(sentence: Sentence, width: float = WIDTH) -> str:
    """Return the words and tags of a sentence as SVG, without arcs."""
    return svg([Panel(sentence.forms, sentence.tags, (), ())], width=width, title=" ".join(sentence.forms))


def named_alike(first: Sentence, second: Sentence, trees: bool = True, graphs: bool = True) -> Sentence:
    """Return the second parse with its only tree, and its only graph, under the name of the first one's only one.

    A file's tree has a general name, a model's that of its task. `trees` and `graphs` False leave those as they are.
    """
    for kind in ("trees",) * trees + ("graphs",) * graphs:
        (ours, theirs) = getattr(first, kind), getattr(second, kind)
        if len(ours) == len(theirs) == 1:
            second = _renamed(second, kind, *theirs, *ours)
    return second


def _renamed(sentence: Sentence, kind: str, old: str, new: str) -> Sentence:
    """Return a sentence with its only tree or graph, and the confidences of that, under another name."""
    sure = {name: each for name, each in sentence.confidences.items() if name not in (old, new)}
    if old in sentence.confidences:
        sure[new] = sentence.confidences[old]
    changes: Any = {kind: {new: getattr(sentence, kind)[old]}, "confidences": sure}
    return replace(sentence, **changes)


def _stacked(both: Sequence[Sentence], trees: Sequence[str], graphs: Sequence[str]) -> list[Panel]:
    """Return a panel for each tree below the words and the graph above them; of two parses as one drawing."""
    panels = []
    for graph, tree in zip_longest(graphs, trees):
        above = [_graph(s, graph) for s in both]
        below = [_tree(s, tree) for s in both]
        shown = [f"{place}: {name}" for place, name in (("above", graph), ("below", tree)) if name is not None]
        if len(both) == 2:
            above, below = [compared(*above)], [compared(*below)]
        panels.append(Panel(both[0].forms, both[0].tags, above[0], below[0], " · ".join(shown)))
    return panels


def _mirrored(
    first: Sentence, second: Sentence, trees: Sequence[str], graphs: Sequence[str], names: tuple[str, str]
) -> list[Panel]:
    """Return a panel for each annotation, with the first parse above the words and the second below them."""
    panels = []
    for name, arcs in [*((name, _graph) for name in graphs), *((name, _tree) for name in trees)]:
        old, new = arcs(first, name), arcs(second, name)
        caption = f"{name}, above: {names[0]} · below: {names[1]}"
        sides = marked(old, new, "old"), marked(new, old, "new")
        panels.append(Panel(first.forms, first.tags, *sides, caption))
    return panels


def _key(names: tuple[str, str]) -> list[DrawnArc]:
    old, new = (f"{name} alone" for name in names)
    return [DrawnArc(1, 2, "both"), DrawnArc(1, 2, old, "old"), DrawnArc(1, 2, new, "new")]


def _names(kind: str, held: Sequence[Mapping[str, object]], wanted: Sequence[str] | None, sentence: str) -> list[str]:
    """Return the names of trees or graphs to draw: those wanted, or all that every parse has."""
    common = [name for name in held[0] if all(name in other for other in held)]
    if wanted is None:
        return common
    for name in wanted:
        if name not in common:
            known = ", ".join(common) or "none"
            raise UserError(f"{kind}: expected a {kind} of sentence {sentence!r} ({known}), got {name!r}")
    return list(wanted)


def _tree(sentence: Sentence, name: str | None) -> list[DrawnArc]:
    return [] if name is None else tree_arcs(sentence.trees[name], _sure(sentence, name))


def _graph(sentence: Sentence, name: str | None) -> list[DrawnArc]:
    return [] if name is None else graph_arcs(sentence.graphs[name], _sure(sentence, name))


def _sure(sentence: Sentence, name: str) -> tuple[float, ...]:
    """Return the confidences of the arcs of a tree or graph, none if they were not asked for."""
    return sentence.confidences[name].arcs if name in sentence.confidences else ()
