from __future__ import annotations

from textwrap import dedent

import pytest

from spigot.cli.demo import _beside
from spigot.data.draw import draw_graph, draw_tree
from spigot.data.sentence import TOP, Arc, Graph, Sentence, Tree


def drawing(text: str) -> str:
    return dedent(text).strip("\n")


def sentence(words: str, tags: str, **annotations) -> Sentence:
    forms = tuple(words.split())
    return Sentence("own-1", forms, ("_",) * len(forms), tuple(tags.split()), **annotations)


def test_short_arcs_are_nearest_to_the_words_and_point_at_the_modifier():
    tree = Tree((2, 3, 0, 5, 3, 3), ("det", "nsubj", "root", "det", "dobj", "punct"))
    drawn = draw_tree(sentence("The cook burned the pie .", "DT NN VBD DT NN .", trees={"syntax": tree}))
    assert drawn == drawing("""
          ┌> 1 The    DT  det
        ┌>┴─ 2 cook   NN  nsubj
      ─>┼─── 3 burned VBD root
        │ ┌> 4 the    DT  det
        ├>┴─ 5 pie    NN  dobj
        └>── 6 .      .   punct
    """)


def test_incoming_arcs_lie_outside_outgoing_ones():
    tree = Tree((0, 4, 4, 1), ("root", "det", "amod", "dobj"))
    drawn = draw_tree(sentence("Eat the old pie", "VB DT JJ NN", trees={"syntax": tree}))
    assert drawn == drawing("""
      ─>┬─── 1 Eat VB root
        │ ┌> 2 the DT det
        │ ├> 3 old JJ amod
        └>┴─ 4 pie NN dobj
    """)


def test_crossing_arcs_cross():
    tree = Tree((3, 4, 0, 3), ("a", "b", "root", "d"))
    assert draw_tree(sentence("w x y z", "A B C D", trees={"syntax": tree})) == drawing("""
      ┌>── 1 w A a
      │ ┌> 2 x B b
    ─>┼─┼─ 3 y C root
      └>┴─ 4 z D d
    """)


def test_numbers_are_aligned_and_several_roots_are_drawn():
    n = 10
    drawn = draw_tree(sentence(" ".join("w" * n), " ".join("T" * n), trees={"syntax": Tree((0,) * n, ("root",) * n)}))
    lines = drawn.split("\n")
    assert lines[0] == "─>  1 w T root"
    assert lines[9] == "─> 10 w T root"


def test_graph_lists_the_arguments_of_each_token():
    graph = Graph(
        (
            Arc(0, 3, TOP),
            Arc(1, 2, "BV"),
            Arc(3, 2, "ARG1"),
            Arc(5, 2, "ARG1"),
            Arc(3, 5, "ARG2"),
        ),
        frozenset((1, 3, 5)),
    )
    drawn = draw_graph(sentence("The cook wants to sleep .", "DT NN VBZ TO VB .", graphs={"semantics": graph}))
    assert drawn == drawing("""
          1 The   DT  BV → cook/2
          2 cook  NN
        * 3 wants VBZ ARG1 → cook/2, ARG2 → sleep/5
        · 4 to    TO
          5 sleep VB  ARG1 → cook/2
        · 6 .     .
    """)


def test_arcs_of_a_token_come_in_the_order_of_their_labels():
    graph = Graph((Arc(2, 1, "ARG2"), Arc(2, 3, "ARG1")), frozenset((2,)))
    assert (
        draw_graph(sentence("a b c", "A B C", graphs={"semantics": graph}))
        == "  1 a A\n  2 b B ARG1 → c/3, ARG2 → a/1\n  3 c C"
    )


def test_the_empty_sentence_is_drawn_as_nothing():
    empty = Sentence("own-0", (), (), (), trees={"syntax": Tree((), ())}, graphs={"semantics": Graph((), frozenset())})
    assert draw_tree(empty) == ""
    assert draw_graph(empty) == ""


@pytest.mark.parametrize(("draw", "what"), [(draw_tree, "tree 'syntax'"), (draw_graph, "graph 'semantics'")])
def test_a_sentence_without_the_annotation_is_an_error_that_names_it(draw, what):
    with pytest.raises(ValueError, match=f"expected one with a {what}, got none in 'own-1'"):
        draw(sentence("w", "T"))


def test_columns_are_as_wide_as_a_terminal_shows_them():
    tree, forms = Tree((2, 0, 2), ("nsubj", "root", "obj")), "我们 e\u0301te\u0301 ｂ"
    graph = Graph((Arc(2, 1, "ARG1"),), frozenset({2}))
    made = sentence(forms, "PN VV NN", trees={"syntax": tree}, graphs={"semantics": graph})
    drawn = drawing("""
          ┌> 1 我们 PN nsubj
        ─>┼─ 2 e\u0301te\u0301  VV root
          └> 3 ｂ   NN obj
    """)
    assert draw_tree(made) == drawn
    assert _beside(drawn, "x\ny\nz").splitlines()[1:] == [
        "─>┼─ 2 e\u0301te\u0301  VV root   |  y",
        "  └> 3 ｂ   NN obj    |  z",
    ]
    assert draw_graph(made).splitlines()[1] == "  2 e\u0301te\u0301  VV ARG1 → 我们/1"


def test_no_character_moves_the_cursor_or_other_text():
    forms = ("\x1b[31mred", "a\u202eb", "\u200fx\u2028", "क्\u200dष", "👩\u200d🔬", "c\x9bd")
    graph = Graph((Arc(2, 1, "A\x07"),), frozenset({2}))
    made = Sentence("own-1", forms, ("_",) * 6, ("T",) * 6, trees={"syntax": Tree((0,) * 6, ("x\x00",) * 6)})
    drawn = draw_tree(made) + draw_graph(made.with_graph("semantics", graph))
    assert not set(drawn) & set("\x1b\u202e\u200f\u2028\x9b\x07\x00")
    assert all(each in drawn for each in ("\ufffd[31mred", "a\ufffdb", "\ufffdx\ufffd", forms[3], forms[4], "A\ufffd"))
