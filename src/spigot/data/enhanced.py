"""Enhanced dependencies: the column DEPS of CoNLL-U, as arcs between the words of a sentence.

DEPS holds `head:label` pairs, separated by "|"; a head may be 0, a word, or an empty node such as 8.1
(https://universaldependencies.org/format.html, "Syntactic Annotation"; de Marneffe et al. 2021, section 4).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from .blocks import Block, is_number
from .errors import DataError, WriteError, shown
from .sentence import TOP, Arc, Graph, Sentence

DEPS = 8
_NODE = re.compile(r"[0-9]+(?:\.[0-9]+)?")


class EnhancedArc(NamedTuple):
    """One pair of DEPS; nodes are written as in the file ("8", "8.1"; "0" is ROOT)."""

    head: str
    modifier: str
    label: str


def read_enhanced(block: Block) -> list[EnhancedArc]:
    """Return the pairs in the DEPS column of a block of CoNLL-U, those of empty nodes included.

    Raises:
        DataError: a pair is not `head:label`, or its head is no node of the sentence.
    """
    rows = [(line, text.split("\t")) for line, text in block.lines() if not text.startswith("#")]
    nodes = {"0", *(columns[0] for _, columns in rows)}
    arcs = []
    for line, columns in rows:
        if columns[DEPS] in ("", "_"):
            continue
        for pair in columns[DEPS].split("|"):
            head, colon, label = pair.partition(":")
            if not (colon and label and _NODE.fullmatch(head)):
                raise DataError(block.path, line, f"expected head:label pairs in DEPS, got {shown(pair)}")
            if head not in nodes or not is_number(head.replace(".", "")):
                raise DataError(block.path, line, f"expected a head of this sentence in DEPS, got {shown(head)}")
            arcs.append(EnhancedArc(head, columns[0], label))
    return arcs


def arcs_between_words(
    enhanced: Iterable[EnhancedArc], relabel: Callable[[str], str] = lambda label: label
) -> list[Arc]:
    """Return sorted arcs between words, empty nodes taken out, at most one arc from a token to another.

    A path through empty nodes becomes one arc that carries the labels on its way, joined by ">"; a path that
    ends where it began is left out. Arcs from ROOT are `Arc(0, token, TOP)`. Of several arcs between two tokens
    the one with the fewest empty nodes stays, of equals the first.

    Args:
        enhanced: the pairs of one sentence.
        relabel: what to make of each label before they are joined.
    """
    leaving: dict[str, list[EnhancedArc]] = defaultdict(list)
    for arc in enhanced:
        leaving[arc.head].append(arc)
    chosen: dict[tuple[int, int], tuple[str, ...]] = {}
    for start in [node for node in leaving if "." not in node]:
        paths: list[tuple[str, tuple[str, ...], frozenset[str]]]
        paths = [(arc.modifier, (relabel(arc.label),), frozenset()) for arc in leaving[start]]
        for node, labels, passed in paths:  # grows while it is read: shorter paths come first
            if "." not in node:
                if node != start:
                    chosen.setdefault((int(start), int(node)), labels)
            elif node not in passed:
                paths += [
                    (arc.modifier, (*labels, relabel(arc.label)), passed | {node}) for arc in leaving.get(node, ())
                ]
    return sorted(Arc(head, modifier, ">".join(labels) if head else TOP) for (head, modifier), labels in chosen.items())


def graph_of_arcs(arcs: Sequence[Arc]) -> Graph:
    """Return a graph whose predicates are the tokens with outgoing arcs; it has no frames."""
    return Graph(tuple(arcs), frozenset(arc.head for arc in arcs if arc.head))


def deps_columns(sentence: Sentence, graph: Graph) -> list[str]:
    """Return what DEPS says of each token.

    Raises:
        ValueError: a token outside the sentence, or a label that the column cannot hold; the message names the
            sentence.
    """
    pairs: list[list[str]] = [[] for _ in sentence.forms]
    for head, modifier, label in sorted(graph.arcs):
        if not (0 <= head <= len(pairs) and 1 <= modifier <= len(pairs)):
            raise WriteError(f"sentence {sentence.id}: expected arcs between its tokens, got {head} to {modifier}")
        if not label or "|" in label or any(map(str.isspace, label)):
            raise WriteError(f"sentence {sentence.id}: expected labels without blanks and |, got {label!r}")
        pairs[modifier - 1].append(f"{head}:{'root' if head == 0 else label}")
    return ["|".join(cell) or "_" for cell in pairs]
