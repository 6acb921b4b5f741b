"""Predicates with the copula: adjectives, nouns and places."""

from __future__ import annotations

from dataclasses import dataclass, replace

from spigot.builtin.derivation import Node, trace
from spigot.builtin.inflection import Shape, place
from spigot.builtin.lexicon import modifiers
from spigot.builtin.lexicon.nouns import nouns
from spigot.builtin.lexicon.words import Word, kinds
from spigot.builtin.phrases import PERSON
from spigot.builtin.verb_phrases import VerbPhrases, acting_on, fitting_adjectives

_SITE = kinds("site")


@dataclass
class CopularPhrases(VerbPhrases):
    """Draws predicates whose head is not a verb."""

    def adjectival(self, subject: Node, shape: Shape) -> Node:
        """Like "the soup is stale and cold"."""
        table = fitting_adjectives(subject)
        word, other = self.draw.pick(table), self.draw.pick(table)
        head = _adjective(word, {"nsubj": "ARG1"})
        _copula(head, subject, shape)
        if self.draw.chance(0.2):
            degree = self.draw.pick(modifiers.DEGREE)
            head.before(Node(degree, degree, "RB", relation="ARG1"), "advmod")
        if other.lemma != word.lemma and self.spend(0.2, 2):
            second = self.predicative(other, subject, degree=0.1)
            self.conjoin(head, second, "but" if word.polarity * other.polarity < 0 else "and")
        return head

    def eager(self, subject: Node, shape: Shape) -> Node:
        """Like "The boy is eager to please": the subject acts."""
        word = self.draw.pick(modifiers.CONTROL_ADJECTIVES)
        head = _adjective(word, {"nsubj": "ARG1", "xcomp": "ARG2"})
        _copula(head, subject, shape)
        self.controlled(head, subject)
        return head

    def easy(self, subject: Node, shape: Shape) -> Node:
        """Like "The boy is easy to please": the subject is acted upon."""
        head = _adjective(self.draw.pick(modifiers.TOUGH_ADJECTIVES), {"xcomp": "ARG1"})
        _copula(head, subject, shape)
        verb = self.draw.pick(acting_on(subject))
        anyone = Node("", "", "", kind="person")
        action = head.after(self.verb(verb, anyone, Shape("infinitive")), "xcomp")
        action.after(trace(subject), "dobj")
        return head

    def nominal(self, subject: Node, shape: Shape) -> Node:
        """Like "The boy is a friend of the doctor": the copula relates the two."""
        plural = subject.agreement == "pl" and subject.lemma != "you"
        noun = self.draw.pick(nouns(PERSON))
        head = self.common_noun(noun, 2 if plural else 1, determiner="" if plural else "a")
        own, head.left = head.left, []
        _copula(head, subject, replace(shape, modal=""))
        head.left += own
        copula = next(child for child in head.left if child.label == "cop")
        copula.relation, copula.roles = "ARG2", {"nsubj": "ARG1"}
        copula.before(trace(subject), "nsubj")
        head.outer = copula
        if noun.of:
            head.after(self.selected("of", self.noun_phrase(noun.of)), "prep")
        return head

    def locative(self, subject: Node, shape: Shape) -> Node:
        """Like "The boy is in the garden": the preposition relates the two."""
        preposition = self.draw.among(("in", "near", "behind"))
        head = Node(preposition, preposition, "IN", roles={"nsubj": "ARG1", "pobj": "ARG2"})
        _copula(head, subject, shape)
        head.after(self.noun_phrase(_SITE), "pobj")
        return head


def _adjective(word: Word, roles: dict[str, str]) -> Node:
    return Node(word.lemma, word.lemma, "JJ", roles=roles, polarity=word.polarity, reverses=word.reverses)


def _copula(head: Node, subject: Node, shape: Shape) -> None:
    place(head, subject, replace(shape, progressive=False, perfect=False), lemma="be")
