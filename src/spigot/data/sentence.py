"""A sentence and what may be known about it: a syntactic tree, a semantic graph, a sentiment.

Tokens are numbered from 1, as in CoNLL-U and SDP; 0 is ROOT.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

TOP = "__TOP__"
"""The label of the arcs from ROOT to the tops of a semantic graph."""


class Arc(NamedTuple):
    """One labelled arc of a semantic graph; head 0 (with label `TOP`) marks a top node."""

    head: int
    modifier: int
    label: str


@dataclass(frozen=True)
class Tree:
    """A dependency tree: `heads[m - 1]` and `labels[m - 1]` belong to token m; head 0 is ROOT."""

    heads: tuple[int, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """A semantic dependency graph.

    `predicates` are the tokens flagged as such, which contain the heads of all arcs but may have no
    argument. `frames` holds one sense per token ("_" for none) or is empty.
    """

    arcs: tuple[Arc, ...]
    predicates: frozenset[int]
    frames: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sentence:
    """Tokens with their annotations; `lemmas` and `tags` hold "_" where the source had none."""

    id: str
    forms: tuple[str, ...]
    lemmas: tuple[str, ...]
    tags: tuple[str, ...]
    tree: Tree | None = None
    graph: Graph | None = None
    sentiment: int | None = None
    """0 negative, 1 positive."""
    probability: float | None = None
    """What a classifier gives its `sentiment`."""
    source: Any = field(default=None, compare=False, repr=False)
    """What the reader needs to write the sentence back unchanged (comments, multiword tokens, ...)."""

    def __len__(self) -> int:
        return len(self.forms)
