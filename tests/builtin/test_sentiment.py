from __future__ import annotations

from spigot.builtin.derivation import Node
from spigot.builtin.inflection import Shape, place
from spigot.builtin.lexicon.verbs import FRAMES
from spigot.builtin.sentiment import polarity
from tests.builtin.derivations import noun


def opinion(value: int, *, negated: bool = False, subject: Node | None = None) -> Node:
    head = Node("", "praise" if value > 0 else "mock", "", roles=FRAMES["transitive"], polarity=value)
    place(head, subject or noun("cook"), Shape(negation="not" if negated else ""))
    return head


def test_negation_and_but_turn_the_polarity():
    assert polarity(opinion(1)) > 0 > polarity(opinion(1, negated=True))
    both = opinion(1)
    both.after(Node("but", "but", "CC"), "cc")
    both.after(opinion(-1), "conj")
    assert polarity(both) < 0


def test_negation_leaves_the_subject_alone():
    hero = noun("hero")
    hero.polarity = 1
    plain = Node("", "sleep", "", roles=FRAMES["intransitive"])
    place(plain, hero, Shape(negation="not"))
    assert polarity(plain) > 0


def test_a_reversing_verb_turns_what_it_governs():
    refuse = Node("", "refuse", "", roles=FRAMES["control"], reverses=True)
    place(refuse, noun("cook"), Shape())
    refuse.after(opinion(1), "xcomp")
    assert polarity(refuse) < 0
