"""Drawings as SVG: well-formed, complete in themselves, escaped; and, in a browser, legible."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

import pytest

from spigot.builtin import generate
from spigot.data.sentence import TOP, Arc, Confidence, Graph, Sentence, Tree
from spigot.drawing.arcs import DrawnArc, compared, marked, weighted_arcs
from spigot.drawing.page import page
from spigot.drawing.parses import draw
from spigot.errors import UserError

SVG = "{http://www.w3.org/2000/svg}"


def sentence(words: str, heads: tuple[int, ...], labels: str, **more) -> Sentence:
    forms = tuple(words.split())
    blank = ("_",) * len(forms)
    return Sentence("own-1", forms, blank, blank, trees={"ud": Tree(heads, tuple(labels.split()))}, **more)


COOK = sentence("The cook burned it", (2, 3, 0, 3), "det nsubj root obj")


def groups(svg: str) -> list[tuple[str, str]]:
    """Return class and description of each arc."""
    tree = ElementTree.fromstring(svg)
    return [(g.get("class"), g.find(f"{SVG}title").text) for g in tree.iter(f"{SVG}g") if "arc" in g.get("class")]


def texts(svg: str, name: str) -> list[str]:
    return [e.text for e in ElementTree.fromstring(svg).iter(f"{SVG}text") if e.get("class") == name]


def test_a_tree_is_drawn_below_the_words_and_a_graph_above():
    graph = Graph((Arc(0, 3, TOP), Arc(3, 2, "ARG1"), Arc(3, 4, "ARG2")), frozenset({3}))
    svg = draw(COOK.with_graph("dm", graph))
    assert texts(svg, "word") == ["The", "cook", "burned", "it"]
    assert texts(svg, "caption") == ["above: dm · below: ud"]
    assert sorted(groups(svg)) == [
        ("arc above", "ARG1: burned/3 → cook/2"),
        ("arc above", "ARG2: burned/3 → it/4"),
        ("arc above", "top: ROOT → burned/3"),
        ("arc below", "det: cook/2 → The/1"),
        ("arc below", "nsubj: burned/3 → cook/2"),
        ("arc below", "obj: burned/3 → it/4"),
        ("arc below", "root: ROOT → burned/3"),
    ]
    y = [float(e.get("y")) for e in ElementTree.fromstring(svg).iter(f"{SVG}text") if e.get("class") == "word"]
    labels = {
        e.text: float(e.get("y")) for e in ElementTree.fromstring(svg).iter(f"{SVG}text") if "label" in e.get("class")
    }
    assert labels["ARG1"] < y[0] < labels["nsubj"]


def test_each_further_graph_has_a_panel_with_the_words_again():
    one, other = Graph((Arc(3, 2, "a"),), frozenset({3})), Graph((Arc(3, 4, "b"),), frozenset({3}))
    svg = draw(COOK.with_graph("dm", one).with_graph("pb", other))
    assert texts(svg, "caption") == ["above: dm · below: ud", "above: pb"]
    assert texts(svg, "word") == ["The", "cook", "burned", "it"] * 2
    only = draw(COOK.with_graph("dm", one).with_graph("pb", other), graphs=["pb"], trees=[])
    assert groups(only) == [("arc above", "b: burned/3 → it/4")]


def test_text_is_escaped_and_needs_nothing_from_outside():
    forms = ("<script>alert(1)</script>", "&amp;", 'a"b\x00c\x1b', "\ud800")
    svg = draw(replace(COOK, forms=forms).with_tree("ud", Tree((2, 3, 0, 3), ("<b>", "&", '"', "]]>"))))
    assert texts(svg, "word") == [forms[0], forms[1], 'a"b\ufffdc\ufffd', "\ufffd"]
    assert {"<b>", "&", '"', "]]>"} == set(texts(svg, "label"))
    assert "<script" not in svg
    assert set(re.findall(r"https?://[^\s\"']+", svg)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"url\(|@import|href|<image|<foreignObject", svg)
    svg.encode("utf-8")


def test_what_changed_is_dashed_as_in_figure_2():
    other = COOK.with_tree("ud", Tree((3, 3, 0, 3), ("det", "nsubj", "root", "iobj")))
    arcs = dict.fromkeys(groups(draw(COOK, against=other)))
    assert set(arcs) == {
        ("arc below old", "det: cook/2 → The/1"),
        ("arc below new", "det: burned/3 → The/1"),
        ("arc below", "nsubj: burned/3 → cook/2"),
        ("arc below", "obj → iobj: burned/3 → it/4"),
        ("arc below", "root: ROOT → burned/3"),
    }
    apart = draw(COOK, against=other, apart=True, names=("before", "after"))
    assert texts(apart, "caption") == ["both", "before alone", "after alone", "ud, above: before · below: after"]
    roles = groups(apart)
    assert ("arc above old", "det: cook/2 → The/1") in roles
    assert ("arc below new", "det: burned/3 → The/1") in roles
    assert len(roles) == 8


def test_compared_arcs_keep_several_labels_of_one_pair():
    a, b, c = (DrawnArc(1, 2, label) for label in "abc")
    assert compared([a, b], [b, c]) == [b, c._replace(label="a → c")]
    assert compared([a], [a, b]) == [a, b._replace(role="new")]
    assert compared([a, b], []) == [a._replace(role="old"), b._replace(role="old")]
    assert marked([a], [b], "new") == [a]
    assert marked([a], [DrawnArc(2, 1, "a")], "new") == [a._replace(role="new")]


def test_weights_are_signed_and_the_wider_the_larger():
    arcs = weighted_arcs({(1, 2, ""): 0.5, (2, 1, "ARG1"): -1.0, (1, 3, ""): 0.001})
    assert [(arc.label, arc.role) for arc in arcs] == [("+0.50", "up"), ("ARG1 −1.00", "down")]
    assert arcs[0].width < arcs[1].width
    assert weighted_arcs({}) == []


def test_parses_of_one_tree_and_graph_are_compared_whatever_their_names():
    graph = Graph((Arc(0, 3, TOP), Arc(3, 2, "ARG1")), frozenset({3}))
    one = COOK.with_graph("dm", graph)
    two = replace(COOK, trees={"syntax": Tree((2, 3, 0, 2), COOK.trees["ud"].labels)}, graphs={"semantics": graph})
    two = two.with_confidence("syntax", Confidence((0.5, 0.5, 0.5, 0.25)))
    found = groups(draw(one, against=two))
    assert ("arc below old", "obj: burned/3 → it/4") in found
    assert ("arc below new", "obj: cook/2 → it/4; confidence 0.25") in found
    assert {kind for kind, _ in found if "above" in kind} == {"arc above"}
    # Of several graphs none is the one that is meant, and a name that is asked for is meant.
    several = one.with_graph("pb", graph)
    assert not any("above" in kind for kind, _ in groups(draw(several, against=two)))
    with pytest.raises(UserError, match=r"^graph: expected a graph of sentence 'own-1' \(none\), got 'dm'$"):
        draw(one, against=two, graphs=["dm"])
    with pytest.raises(UserError, match=r"^against: expected ud or other of sentence 'own-1', got syntax$"):
        draw(COOK.with_tree("other", COOK.trees["ud"]), against=replace(two, graphs={}))


def test_confidences_are_shown_at_the_pointer():
    from spigot.drawing.arcs import tree_arcs

    arcs = tree_arcs(COOK.trees["ud"], (0.5, 1.0, 0.25, 1.0))
    assert [arc.note for arc in arcs] == ["confidence 0.50", "confidence 1.00", "confidence 0.25", "confidence 1.00"]


def test_drawing_the_same_twice_gives_the_same():
    assert draw(COOK) == draw(COOK)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trees": ["dt"]}, r"tree: expected a tree of sentence 'own-1' \(ud\), got 'dt'"),
        ({"graphs": ["dm"]}, r"graph: expected a graph of sentence 'own-1' \(none\), got 'dm'"),
        ({"trees": []}, "sentence: expected one with a tree or a graph, got none in 'own-1'"),
        ({"against": replace(COOK, forms=("a",) * 4)}, "against: expected the tokens of sentence 'own-1'"),
    ],
)
def test_what_is_not_there_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        draw(COOK, **arguments)


def test_a_page_holds_escaped_texts():
    html = "".join(page("a < b", [("1", "x & y", "<svg/>")]))
    assert "<title>a &lt; b</title>" in html
    assert "<b>1</b> x &amp; y</figcaption>\n<svg/>\n" in html


BOXES = """() => [...document.querySelectorAll('svg')].map(svg => [...svg.querySelectorAll('NAME')].map(
    text => { const b = text.getBoundingClientRect(); return [b.left, b.right, b.top + 3, b.bottom - 3]; }))"""


@pytest.mark.parametrize(("width", "scheme"), [(900, "light"), (343, "dark")])
def test_in_a_browser_no_text_covers_another(browser, width, scheme):
    sentences = generate(30, seed=5)
    wide = max(sentences, key=len)
    crossing = sentence(
        "A hearing is scheduled on the issue today", (2, 4, 4, 0, 2, 7, 5, 4), "det nsubj aux root nmod det pobj advmod"
    )
    drawn = [draw(s, width=width) for s in (wide, *sentences[:5], crossing)]
    page_ = browser.new_page(viewport={"width": width + 32, "height": 900}, color_scheme=scheme)
    page_.set_content("<body>" + "".join(drawn))
    for name in (".label, .cut", ".word", ".tag"):
        found = page_.evaluate(BOXES.replace("NAME", name))
        assert len(found[0]) > 5
        for boxes in found:
            for (l1, r1, t1, b1), (l2, r2, t2, b2) in combinations(boxes, 2):
                assert r1 <= l2 or r2 <= l1 or b1 <= t2 or b2 <= t1
    # Behind each label the ground covers the lines, beyond the text on both sides.
    grounds = page_.evaluate(BOXES.replace("NAME", ".ground:has(+ .label)"))
    for labels, covers in zip(page_.evaluate(BOXES.replace("NAME", ".label")), grounds, strict=True):
        assert all(g[0] < t[0] and t[1] < g[1] for t, g in zip(labels, covers, strict=True))
    fills = page_.evaluate("['.paper', '.ground'].map(name => getComputedStyle(document.querySelector(name)).fill)")
    assert fills[0] == fills[1]
    background = page_.evaluate("getComputedStyle(document.querySelector('.paper')).fill")
    assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 24, 31)")
    assert page_.evaluate("document.documentElement.scrollWidth") <= width + 32
    page_.close()
