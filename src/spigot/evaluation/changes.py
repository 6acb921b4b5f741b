"""How the trees of two systems differ, and whether with the semantic graph (Peng et al. 2018, section 5, Table 3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spigot.data.sentence import SEMANTICS, SYNTAX, Graph, Sentence
from spigot.evaluation.attachment import attachment
from spigot.evaluation.counts import Additive, Counts
from spigot.evaluation.graph_f1 import graph_score


@dataclass(frozen=True)
class Changes(Additive):
    """Counts of tokens m whose head is h in the first tree and another, h′, in the second; `Changes()` is zero.

    A change may be of more than one of the kinds (a), (b), (c); `related` counts it once.
    """

    changed: int = 0
    to_head: int = 0
    """(a): h′ is a head of m in the gold graph."""
    to_modifier: int = 0
    """(b): h′ is a modifier of m in the gold graph."""
    from_modifier: int = 0
    """(c): h is a modifier of m in the gold graph."""
    related: int = 0
    """Those of (a), (b) or (c)."""
    put_right: int = 0
    made_wrong: int = 0

    @property
    def unrelated(self) -> int:
        """The changes of none of the kinds."""
        return self.changed - self.related


def changed_heads(
    gold: Sentence, first: Sentence, second: Sentence, tree: str = SYNTAX, graph: str = SEMANTICS
) -> Changes:
    """Return the changes from the first parse of a sentence to the second. Tops, arcs from ROOT, are no heads."""
    arcs = _arcs(gold.graphs[graph])
    heads = zip(*(sentence.trees[tree].heads for sentence in (gold, first, second)), strict=True)
    total = Changes()
    for token, (right, old, new) in enumerate(heads, 1):
        if old != new:
            a, b, c = ((new, token) in arcs, (token, new) in arcs, (token, old) in arcs)
            total += Changes(1, int(a), int(b), int(c), int(a or b or c), int(new == right), int(old == right))
    return total


def linked_heads(gold: Sentence, system: Sentence, tree: str = SYNTAX, graph: str = SEMANTICS) -> Counts:
    """Return the tokens whose head in the tree is their head or modifier in the gold graph; their F1 is their share.

    Whether changed heads bring a tree nearer to the graph is the difference of two such counts: what (a) and (b) add
    less what other changes take away.
    """
    arcs = _arcs(gold.graphs[graph])
    ends = list(enumerate(system.trees[tree].heads, 1))
    return Counts(len(ends), len(ends), sum((head, m) in arcs or (m, head) in arcs for m, head in ends))


def counts_of_both(
    triples: Iterable[tuple[Sentence, Sentence, Sentence]], tree: str = SYNTAX, graph: str = SEMANTICS
) -> dict[str, tuple[list[Counts], list[Counts]]]:
    """Return the counts of each sentence of (gold, first, second), of the first and the second, by score.

    The scores are UAS, UF, LF and "linked", that of `linked_heads`; each is the F1 of its counts.
    """
    found: dict[str, tuple[list[Counts], list[Counts]]] = {name: ([], []) for name in ("UAS", "UF", "LF", "linked")}
    for gold, *parses in triples:
        for side, parse in enumerate(parses):
            score = graph_score(gold, parse, graph)
            found["UAS"][side].append(attachment(gold, parse, tree=tree).head_counts)
            found["UF"][side].append(score.unlabelled)
            found["LF"][side].append(score.labelled)
            found["linked"][side].append(linked_heads(gold, parse, tree, graph))
    return found


def _arcs(graph: Graph) -> set[tuple[int, int]]:
    return {(head, modifier) for head, modifier, _ in graph.arcs if head}


def split(
    triples: Iterable[tuple[Sentence, Sentence, Sentence]], tree: str = SYNTAX
) -> dict[str, list[tuple[Sentence, Sentence, Sentence]]]:
    """Return (gold, first, second) in two groups: SAME, where the two trees have the same heads, and DIFF."""
    groups: dict[str, list[tuple[Sentence, Sentence, Sentence]]] = {"SAME": [], "DIFF": []}
    for triple in triples:
        _, first, second = triple
        same = first.trees[tree].heads == second.trees[tree].heads
        groups["SAME" if same else "DIFF"].append(triple)
    return groups
