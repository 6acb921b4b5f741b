"""Verb groups: auxiliaries, modals, negation and the form of the main verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spigot.builtin import morphology
from spigot.builtin.derivation import Node

_CONTRACTED = frozenset(
    ["do", "does", "did", "is", "was", "were", "are", "has", "have", "had", "could", "should", "must"]
)
_INFLECTIONS: dict[str, Callable[[str], str]] = {
    "VB": str,
    "VBG": morphology.gerund,
    "VBN": morphology.participle,
}
_CLIPPED = {"can": "ca", "will": "wo"}


@dataclass(frozen=True)
class Shape:
    """How a verb group is inflected; `mood` is "finite", "infinitive", "participle" (-ing) or
    "past participle".
    """

    mood: str = "finite"
    tense: str = "past"
    agreement: str = "sg"
    modal: str = ""
    perfect: bool = False
    progressive: bool = False
    passive: bool = False
    negation: str = ""
    """"not", "n't" or ""."""
    inverted: bool = False


@dataclass(frozen=True)
class Part:
    """One verb of a group."""

    form: str
    lemma: str
    tag: str


def conjugate(lemma: str, shape: Shape) -> list[Part]:
    """The verbs of the group in order, the main verb last."""
    chain: list[tuple[str, str]] = []  # lemma and the form that it requires of the next verb
    if shape.modal:
        chain.append((shape.modal, "VB"))
    if shape.perfect:
        chain.append(("have", "VBN"))
    if shape.progressive:
        chain.append(("be", "VBG"))
    if shape.passive:
        chain.append(("be", "VBN"))
    finite = shape.mood == "finite"
    if finite and not chain and lemma != "be" and (shape.negation or shape.inverted):
        chain.append(("do", "VB"))
    chain.append((lemma, ""))

    parts: list[Part] = []
    wanted = {"finite": "", "infinitive": "VB", "participle": "VBG", "past participle": "VBN"}[shape.mood]
    for verb, governs in chain:
        if verb == shape.modal:
            form, tag = verb, "MD"
        elif wanted == "":
            form, tag = morphology.finite(verb, shape.tense, shape.agreement)
        else:
            form, tag = _INFLECTIONS[wanted](verb), wanted
        parts.append(Part(form, verb, tag))
        wanted = governs
    return parts


def place(head: Node, subject: Node, shape: Shape, lemma: str = "") -> None:
    """Put subject, auxiliaries and negation to the left of a predicate's head.

    The head is a verb, whose form and tag are set here, or with a `lemma` another word, to which that verb is
    a copula.
    """
    parts = conjugate(lemma or head.lemma, shape)
    if not lemma:
        head.form, head.tag = parts[-1].form, parts[-1].tag
    labels = ["aux"] * (len(parts) - 1)
    if shape.passive:
        labels[-1] = "auxpass"
    labels.append("cop")
    children = [Node(part.form, part.lemma, part.tag) for part in (parts if lemma else parts[:-1])]
    subject_label = "nsubjpass" if shape.passive or shape.mood == "past participle" else "nsubj"
    negation = Node("not", "not", "RB", relation="neg", reverses=True) if shape.negation else None

    if shape.mood == "infinitive":
        head.before(subject, subject_label)
        if negation:
            head.before(negation, "neg")
        head.before(Node("to", "to", "TO"), "aux")
    elif not shape.inverted:
        head.before(subject, subject_label)
    for position, (child, label) in enumerate(zip(children, labels, strict=False)):
        head.before(child, label)
        if position == 0 and shape.mood == "finite":
            if negation and shape.negation == "n't" and _contract(child, negation):
                head.before(negation, "neg")
                negation = None
            if shape.inverted:
                head.before(subject, subject_label)
            if negation:
                head.before(negation, "neg")
    if shape.modal and shape.modal != "will":
        head.outer = children[0]
        children[0].relation = "ARG1"


def _contract(auxiliary: Node, negation: Node) -> bool:
    if auxiliary.form not in _CONTRACTED and auxiliary.form not in _CLIPPED:
        return False
    auxiliary.form = _CLIPPED.get(auxiliary.form, auxiliary.form)
    negation.form = "n't"
    return True
