from __future__ import annotations

from spigot.builtin.derivation import Node, comma, trace
from spigot.builtin.inflection import Shape
from spigot.builtin.realization import realize
from spigot.data.sentence import TOP, Arc, Sentence
from tests.builtin.derivations import arcs, noun, verb


def test_control_shares_the_subject_and_raising_only_passes_it_on():
    def infinitive(frame: str, governor: str) -> Sentence:
        girl = noun("girl")
        root = verb(governor, frame, girl)
        root.after(verb("sleep", "intransitive", trace(girl), Shape("infinitive")), "xcomp")
        return realize(root, "own")

    control, raising = infinitive("control", "try"), infinitive("raising", "seem")
    assert control.forms == ("The", "girl", "tried", "to", "sleep")
    assert control.trees["syntax"].heads == raising.trees["syntax"].heads == (2, 3, 0, 5, 3)
    assert control.graphs["semantics"].arcs == (
        Arc(0, 3, TOP),
        Arc(1, 2, "BV"),
        Arc(3, 2, "ARG1"),
        Arc(3, 5, "ARG2"),
        Arc(5, 2, "ARG1"),
    )
    assert raising.graphs["semantics"].arcs == (Arc(0, 3, TOP), Arc(1, 2, "BV"), Arc(3, 5, "ARG1"), Arc(5, 2, "ARG1"))


def test_a_passive_with_a_modal_and_negation():
    root = verb("paint", "transitive", noun("boat"), Shape(passive=True, modal="must", negation="n't"))
    agent = root.after(Node("by", "by", "IN"), "agent")
    agent.alias = agent.after(noun("monk", determiner="a"), "pobj")
    sentence = realize(root, "own")
    assert sentence.forms == ("The", "boat", "must", "n't", "be", "painted", "by", "a", "monk")
    assert sentence.tags[2:6] == ("MD", "RB", "VB", "VBN")
    assert sentence.trees["syntax"].labels == (
        "det",
        "nsubjpass",
        "aux",
        "neg",
        "auxpass",
        "root",
        "agent",
        "det",
        "pobj",
    )
    assert arcs(sentence) == {
        ("ROOT", TOP, "must"),
        ("must", "ARG1", "painted"),
        ("n't", "neg", "must"),
        ("painted", "ARG1", "monk"),
        ("painted", "ARG2", "boat"),
        ("The", "BV", "boat"),
        ("a", "BV", "monk"),
    }


def test_a_gap_at_a_distance():
    book = noun("book", kind="text")
    outer = verb("say", "clausal", Node("I", "I", "PRP", kind="person", agreement="1sg"))
    inner = verb("read", "transitive", Node("she", "she", "PRP", kind="person"))
    inner.after(trace(book), "dobj")
    outer.after(inner, "ccomp")
    relative = Node("that", "that", "WDT", alias=book, label="filler")
    outer.left.insert(0, relative)
    book.after(outer, "rcmod")
    root = verb("vanish", "intransitive", book)
    sentence = realize(root, "own")
    assert sentence.forms == ("The", "book", "that", "I", "said", "she", "read", "vanished")
    assert sentence.trees["syntax"].heads == (2, 8, 5, 5, 2, 7, 5, 0)
    assert arcs(sentence) == {
        ("ROOT", TOP, "vanished"),
        ("The", "BV", "book"),
        ("vanished", "ARG1", "book"),
        ("said", "ARG1", "I"),
        ("said", "ARG2", "read"),
        ("read", "ARG1", "she"),
        ("read", "ARG2", "book"),
    }


def test_coordination_is_a_chain_and_the_subject_is_shared():
    first = noun("cook")
    for member, mark in (("girl", comma()), ("boy", Node("and", "and", "CC"))):
        first.after(mark, "punct" if mark.form == "," else "cc")
        first.after(noun(member, determiner="a"), "conj")
    root = verb("laugh", "intransitive", first)
    root.after(Node("but", "but", "CC"), "cc")
    root.after(verb("kneel", "intransitive", trace(first)), "conj")
    sentence = realize(root, "own")
    assert " ".join(sentence.forms) == "The cook , a girl and a boy laughed but knelt"
    assert {arc for arc in sentence.graphs["semantics"].arcs if arc.label != "BV"} == {
        Arc(0, 9, TOP),
        Arc(2, 5, "conj"),
        Arc(5, 8, "_and_c"),
        Arc(9, 2, "ARG1"),
        Arc(9, 11, "_but_c"),
        Arc(11, 2, "ARG1"),
    }


def test_commas_before_other_punctuation_are_dropped():
    root = verb("laugh", "intransitive", noun("cook"))
    root.after(comma(), "punct")
    root.after(Node(".", ".", "."), "punct")
    assert realize(root, "own").forms == ("The", "cook", "laughed", ".")
