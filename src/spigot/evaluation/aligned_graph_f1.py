"""Precision, recall and F1 of graphs over aligned words.

Arcs, tops and predicates are counted as `graph_score` counts them, by the names of their words in an `Alignment`. Where
sentences and tokens are equal, the counts are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from spigot.data.sentence import SEMANTICS, Arc, Graph, Sentence
from spigot.evaluation.alignment import Alignment, Names
from spigot.evaluation.counts import Counts
from spigot.evaluation.graph_f1 import GraphScore, graph_of, score_of_graphs


@dataclass(frozen=True)
class AlignedGraphScore:
    """Counts over two files."""

    whole: GraphScore
    """Those of all graphs of a file as one."""
    exact: Counts
    """Sentences of the same words with all labelled arcs and tops right, and no others."""
    exact_unlabelled: Counts


def aligned_graph_score(
    gold: Sequence[Sentence], system: Sequence[Sentence], alignment: Alignment, graph: str = SEMANTICS
) -> AlignedGraphScore:
    """Score the graphs of this name.

    Raises ValueError if a graph is missing.
    """
    ours = _read(gold, alignment.gold, graph, "gold")
    theirs = _read(system, alignment.system, graph, "system")
    exact, exact_unlabelled = (
        Counts.of(
            *(
                {_content(*pair, labels) for pair in zip(names, side, strict=True)}
                for names, side in ((alignment.gold, ours), (alignment.system, theirs))
            )
        )
        for labels in (True, False)
    )
    return AlignedGraphScore(score_of_graphs(_as_one(ours), _as_one(theirs)), exact, exact_unlabelled)


def _read(sentences: Sequence[Sentence], names: Sequence[Names], graph: str, side: str) -> list[Graph]:
    """Return the graph of each sentence, with the names of words as its nodes."""
    graphs = []
    for sentence, name in zip(sentences, names, strict=True):
        found = graph_of(sentence, graph, side)
        arcs = tuple(Arc(name[head], name[modifier], label) for head, modifier, label in found.arcs)
        graphs.append(Graph(arcs, frozenset(name[word] for word in found.predicates)))
    return graphs


def _as_one(graphs: Sequence[Graph]) -> Graph:
    arcs = chain.from_iterable(graph.arcs for graph in graphs)
    return Graph(tuple(arcs), frozenset(chain.from_iterable(graph.predicates for graph in graphs)))


def _content(names: Names, graph: Graph, labels: bool) -> tuple[Names, frozenset[tuple[int, int, str]]]:
    """Return all that must be right in a sentence; the label of a top always is."""
    arcs = graph.arcs
    return names, frozenset((head, word, label if labels and head else "") for head, word, label in arcs)
