"""Micro precision, recall and F1 of semantic dependency graphs, as SemEval 2014 and 2015 score them.

An item is an arc (head, modifier, label), unlabelled a pair (head, modifier); each top is an arc from ROOT,
whose label always agrees. Items are counted over all sentences, those without an arc included. A ratio
with denominator 0 is 0, as in mtool (the task's own scorers print NaN); two empty graphs match exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from spigot.data.sentence import SEMANTICS, Graph, Sentence
from spigot.evaluation.counts import ZERO, Additive, Counts, CountsByLabel, ratio


@dataclass(frozen=True)
class GraphScore(Additive):
    """Counts over sentences; `GraphScore()` is zero.

    `labelled` and `unlabelled` count tops as arcs, `labelled_arcs` and `unlabelled_arcs` leave them out.
    """

    sentences: int = 0
    exact: int = 0
    """Sentences with all labelled arcs and tops right, and no others."""
    exact_unlabelled: int = 0
    exact_arcs: int = 0
    """Sentences with all labelled arcs right, whatever their tops."""
    exact_unlabelled_arcs: int = 0
    labelled_arcs: Counts = ZERO
    unlabelled_arcs: Counts = ZERO
    tops: Counts = ZERO
    predicates: Counts = ZERO
    """Tokens flagged as predicates, whether or not they have arguments."""
    by_label: CountsByLabel = field(default_factory=CountsByLabel)
    """For each label, the arcs that carry it, without tops."""

    @property
    def labelled(self) -> Counts:
        """Labelled arcs and tops: LP, LR and LF."""
        return self.labelled_arcs + self.tops

    @property
    def unlabelled(self) -> Counts:
        """Unlabelled arcs and tops: UP, UR and UF."""
        return self.unlabelled_arcs + self.tops

    @property
    def lf(self) -> float:
        """Labelled F1 over arcs with tops, micro."""
        return self.labelled.f1

    @property
    def uf(self) -> float:
        """Unlabelled F1 over arcs with tops, micro."""
        return self.unlabelled.f1

    @property
    def lm(self) -> float:
        """Share of sentences with all labelled arcs and tops right."""
        return ratio(self.exact, self.sentences)

    @property
    def um(self) -> float:
        """Share of sentences with all unlabelled arcs and tops right."""
        return ratio(self.exact_unlabelled, self.sentences)


def graph_score(gold: Sentence, system: Sentence, graph: str = SEMANTICS) -> GraphScore:
    """Score one sentence's graph of this name.

    Raises ValueError if a graph is missing or the sentences differ in length.
    """
    ours, theirs = graph_of(gold, graph, "gold"), graph_of(system, graph, "system")
    if len(gold) != len(system):
        raise ValueError(f"sentence {gold.id!r}: expected {len(gold)} tokens, as in gold, got {len(system)}")
    return score_of_graphs(ours, theirs)


def score_of_graphs(ours: Graph, theirs: Graph) -> GraphScore:
    """Score one graph against a gold one, `ours`, over the same nodes, whatever numbers these have; 0 is ROOT."""
    labelled = Counts.of(_arcs(ours), _arcs(theirs))
    unlabelled = Counts.of(_pairs(ours), _pairs(theirs))
    tops = Counts.of(_tops(ours), _tops(theirs))
    return GraphScore(
        sentences=1,
        exact=_all_right(labelled, tops),
        exact_unlabelled=_all_right(unlabelled, tops),
        exact_arcs=_all_right(labelled),
        exact_unlabelled_arcs=_all_right(unlabelled),
        labelled_arcs=labelled,
        unlabelled_arcs=unlabelled,
        tops=tops,
        predicates=Counts.of(ours.predicates, theirs.predicates),
        by_label=_by_label(ours, theirs),
    )


def graph_of(sentence: Sentence, name: str, side: str) -> Graph:
    """Return the graph of this name. Raises ValueError, with the side ("gold" or "system"), if there is none."""
    if name not in sentence.graphs:
        raise ValueError(f"sentence {sentence.id!r}: expected a graph on the {side} side, got none")
    return sentence.graphs[name]


def _all_right(*kinds: Counts) -> int:
    return int(all(counts.correct == counts.gold == counts.system for counts in kinds))


def _arcs(graph: Graph) -> set[tuple[int, int, str]]:
    return {(arc.head, arc.modifier, arc.label) for arc in graph.arcs if arc.head != 0}


def _pairs(graph: Graph) -> set[tuple[int, int]]:
    return {(arc.head, arc.modifier) for arc in graph.arcs if arc.head != 0}


def _tops(graph: Graph) -> set[int]:
    return {arc.modifier for arc in graph.arcs if arc.head == 0}


def _by_label(gold: Graph, system: Graph) -> CountsByLabel:
    ours, theirs = _arcs(gold), _arcs(system)
    return CountsByLabel.of(*((label for _, _, label in arcs) for arcs in (ours, theirs, ours & theirs)))
