"""Derivations made by hand."""

from __future__ import annotations

from spigot.builtin.derivation import Node
from spigot.builtin.inflection import Shape, place
from spigot.builtin.lexicon.verbs import FRAMES
from spigot.data.sentence import Sentence


def noun(form: str, *, determiner: str = "the", tag: str = "NN", kind: str = "person") -> Node:
    node = Node(form, form, tag, kind=kind)
    node.before(Node(determiner, determiner, "DT", relation="BV"), "det")
    return node


def verb(lemma: str, frame: str, subject: Node, shape: Shape | None = None) -> Node:
    head = Node("", lemma, "", roles=FRAMES[frame])
    place(head, subject, shape or Shape())
    return head


def arcs(sentence: Sentence) -> set[tuple[str, str, str]]:
    """The arcs with words for numbers, which must be distinct in the sentence."""
    words = ("ROOT", *sentence.forms)
    return {(words[arc.head], arc.label, words[arc.modifier]) for arc in sentence.graphs["semantics"].arcs}
