"""Changed heads and their kinds, on a worked example."""

from dataclasses import replace

from spigot.data.sentence import TOP, Arc, Graph, Sentence, Tree
from spigot.evaluation.attachment import attachment
from spigot.evaluation.changes import Changes, changed_heads, counts_of_both, linked_heads, split
from spigot.evaluation.counts import Counts
from spigot.evaluation.graph_f1 import graph_score

BLANK = ("_",) * 6
GRAPH = Graph(
    (Arc(0, 3, TOP), Arc(3, 2, "ARG1"), Arc(1, 2, "BV"), Arc(6, 3, "loc"), Arc(5, 4, "x")), frozenset({1, 3, 5, 6})
)


def parsed(*heads: int) -> Sentence:
    return Sentence("own-1", tuple("abcdef"), BLANK, BLANK, {"syntax": Tree(heads, BLANK)}, {"semantics": GRAPH})


GOLD = parsed(2, 3, 0, 5, 3, 3)
FIRST = parsed(2, 5, 0, 3, 4, 3)


def test_each_kind_of_change_is_counted():
    second = parsed(2, 3, 6, 5, 3, 0)
    # 2: 5 -> 3, a head of 2 in the graph: (a), right. 3: 0 -> 6, a head of 3: (a), wrong.
    # 4: 3 -> 5, a head of 4: (a), right. 5: 4 -> 3; 4 was a modifier of 5: (c), right.
    # 6: 3 -> 0; 3 was a modifier of 6: (c), wrong.
    changes = changed_heads(GOLD, FIRST, second)
    assert changes == Changes(changed=5, to_head=3, from_modifier=2, related=5, put_right=3, made_wrong=2)
    assert changes.unrelated == 0
    # The same wrong head twice is no change.
    assert changed_heads(GOLD, FIRST, FIRST) == Changes()


def test_a_change_may_be_of_two_kinds_and_of_none():
    # 6: 1 -> 3, a modifier of 6: (b). 1: 2, its modifier, -> 6: (c). 5: 4, its modifier, -> 1: (c), wrong still.
    changes = changed_heads(GOLD, parsed(2, 3, 0, 1, 4, 1), parsed(6, 3, 0, 6, 1, 3))
    assert changes == Changes(changed=4, to_modifier=1, from_modifier=2, related=3, put_right=1, made_wrong=1)
    assert changes.unrelated == 1  # 4: 1 -> 6
    # 5: 4 -> 6 with arcs 6 -> 5 and 5 -> 4: (a) and (c), related once.
    both = GOLD.with_graph("semantics", replace(GRAPH, arcs=(Arc(6, 5, "y"), Arc(5, 4, "x"))))
    assert changed_heads(both, parsed(2, 3, 0, 5, 4, 3), parsed(2, 3, 0, 5, 6, 3)) == Changes(1, 1, 0, 1, 1, 0, 0)


def test_the_top_of_a_graph_is_no_head():
    first, second = parsed(2, 3, 2, 5, 3, 3), parsed(2, 3, 0, 5, 3, 3)
    graph = replace(GRAPH, arcs=(Arc(0, 3, TOP),))
    assert changed_heads(GOLD.with_graph("semantics", graph), first, second).related == 0


def test_linked_heads_are_neighbours_in_the_graph():
    # In GOLD's tree 1 <- 2 (its modifier), 2 <- 3 (its head), 4 <- 5 (its head), 6 <- 3 (its modifier).
    assert linked_heads(GOLD, GOLD) == Counts(6, 6, 4)
    second = parsed(2, 3, 6, 5, 3, 0)
    change, back = changed_heads(GOLD, FIRST, second), changed_heads(GOLD, second, FIRST)
    gained = change.to_head + change.to_modifier - back.to_head - back.to_modifier
    assert linked_heads(GOLD, second).correct - linked_heads(GOLD, FIRST).correct == gained == 1


def test_counts_of_both_are_those_of_each_sentence():
    other = parsed(2, 3, 6, 5, 3, 0).with_graph("semantics", Graph((Arc(0, 3, TOP), Arc(3, 2, "ARG2")), frozenset({3})))
    found = counts_of_both([(GOLD, FIRST, other), (GOLD, other, other)])
    assert found["UAS"] == (
        [attachment(GOLD, s).head_counts for s in (FIRST, other)],
        [attachment(GOLD, other).head_counts] * 2,
    )
    assert found["LF"] == (
        [graph_score(GOLD, s).labelled for s in (FIRST, other)],
        [graph_score(GOLD, other).labelled] * 2,
    )
    assert found["UF"][1][0] == graph_score(GOLD, other).unlabelled != found["LF"][1][0]
    assert found["linked"] == ([linked_heads(GOLD, s) for s in (FIRST, other)], [linked_heads(GOLD, other)] * 2)


def test_sentences_are_split_by_heads_alone():
    relabelled = FIRST.with_tree("syntax", Tree(FIRST.trees["syntax"].heads, ("x",) * 6))
    same, different = (GOLD, FIRST, relabelled), (GOLD, FIRST, GOLD)
    assert split([different, same]) == {"SAME": [same], "DIFF": [different]}
