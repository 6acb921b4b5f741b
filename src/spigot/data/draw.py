"""Sentences with their trees and graphs as text for a terminal, one line a token."""

from __future__ import annotations

from collections.abc import Sequence

from spigot.data.cells import cells, padded, passive
from spigot.data.sentence import SEMANTICS, SYNTAX, Sentence

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
# Indexed by the sum of the directions in which a cell has a line.
_BOX = " ╵╷│╴┘┐┤─└┌├─┴┬┼"


def draw_tree(sentence: Sentence, name: str = SYNTAX) -> str:
    """The tree with its arcs on the left, then number, form, tag and label of each token.

    An arc points with `>` at its modifier; short arcs are drawn nearer to the words than long ones. Arcs that
    cross, in a non-projective tree, are drawn across each other.

            ┌> 1 The DT  det
          ┌>┴─ 2 dog NN  nsubj
        ─>┴─── 3 sat VBD root

    Raises:
        ValueError: the sentence has no tree of this name.
    """
    tree = sentence.trees.get(name)
    if tree is None:
        raise ValueError(f"sentence: expected one with a tree {name!r}, got none in {sentence.id!r}")
    arcs = _arcs(tree.heads)
    numbers = [str(token) for token in range(1, len(sentence) + 1)]
    return _table(arcs, _right(numbers), sentence.forms, sentence.tags, tree.labels)


def draw_graph(sentence: Sentence, name: str = SEMANTICS) -> str:
    """The graph as a list of each token's outgoing arcs; `*` marks the tops, `·` tokens without any arc.

          1 The   DT  BV → dog/2
          2 dog   NN
        * 3 wants VBZ ARG1 → dog/2, ARG2 → sleep/5
        · 4 to    TO
          5 sleep VB  ARG1 → dog/2

    Raises:
        ValueError: the sentence has no graph of this name.
    """
    graph = sentence.graphs.get(name)
    if graph is None:
        raise ValueError(f"sentence: expected one with a graph {name!r}, got none in {sentence.id!r}")
    tokens = range(1, len(sentence) + 1)
    outgoing: dict[int, list[str]] = {token: [] for token in tokens}
    tops = set()
    touched = set()
    arcs = sorted(graph.arcs, key=lambda arc: (arc.head, arc.label, arc.modifier))
    for head, modifier, label in arcs:
        touched |= {head, modifier}
        if head == 0:
            tops.add(modifier)
        else:
            outgoing[head].append(f"{label} → {sentence.forms[modifier - 1]}/{modifier}")
    marks = ["*" if token in tops else " " if token in touched else "·" for token in tokens]
    numbers = _right([str(token) for token in tokens])
    return _table(marks, numbers, sentence.forms, sentence.tags, [", ".join(outgoing[token]) for token in tokens])


def _arcs(heads: Sequence[int]) -> list[str]:
    """The drawing of the arcs: for each token a string, all of the same width."""
    levels = _levels(heads)
    width = max(levels.values(), default=-1) + 2  # the outermost column holds the arcs from ROOT
    lines = [[0] * width for _ in heads]
    arrows: set[tuple[int, int]] = set()
    for modifier, head in enumerate(heads, start=1):
        column = width - 1 - levels.get(modifier, width - 1)
        ends = (head, modifier) if head else (modifier,)
        for token in range(min(ends), max(ends) + 1):
            lines[token - 1][column] |= _UP * (token > min(ends)) | _DOWN * (token < max(ends))
        for token in ends:
            lines[token - 1][column] |= _RIGHT
            for inner in range(column + 1, width):
                lines[token - 1][inner] |= _LEFT | _RIGHT
        arrows.add((modifier - 1, column))
    return [
        "".join(
            _BOX[cell] + (">" if (row, column) in arrows else "─" if cell & _RIGHT else " ")
            for column, cell in enumerate(cells)
        )
        for row, cells in enumerate(lines)
    ]


def _levels(heads: Sequence[int]) -> dict[int, int]:
    """Return the column of each arc between words, by its modifier; column 0 is nearest to the words.

    A word's incoming arc lies outside its outgoing ones, and an arc outside those that it spans; arcs from
    the same head may share a column.
    """
    modifiers = [modifier for modifier, head in enumerate(heads, start=1) if head]
    modifiers.sort(key=lambda modifier: (-_depth(heads, modifier), abs(heads[modifier - 1] - modifier)))
    levels: dict[int, int] = {}
    for modifier in modifiers:
        head = heads[modifier - 1]
        start, stop = sorted((head, modifier))
        level = 0
        for other, other_level in levels.items():
            other_head = heads[other - 1]
            if start <= max(other, other_head) and min(other, other_head) <= stop:
                level = max(level, other_level + (other_head != head))
        levels[modifier] = level
    return levels


def _depth(heads: Sequence[int], token: int) -> int:
    depth = 0
    while token and depth <= len(heads):  # the bound ends the walk where the heads have a cycle
        token = heads[token - 1]
        depth += 1
    return depth


def _right(column: Sequence[str]) -> list[str]:
    width = max(map(len, column), default=0)
    return [text.rjust(width) for text in column]


def _table(*columns: Sequence[str]) -> str:
    shown = [[passive(text) for text in column] for column in columns]
    widths = [max(map(cells, column), default=0) for column in shown]
    rows = zip(*shown, strict=True)
    return "\n".join(
        " ".join(padded(text, width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
