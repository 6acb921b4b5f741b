"""Sentences: declarative, coordinated and complex ones, questions, existentials."""

from __future__ import annotations

from dataclasses import dataclass

from spigot.builtin import morphology
from spigot.builtin.choice import Draw, Weighted
from spigot.builtin.clauses import Clauses
from spigot.builtin.derivation import Node, comma, trace
from spigot.builtin.inflection import Shape
from spigot.builtin.lexicon import modifiers
from spigot.builtin.lexicon.words import kinds

_PATTERNS = Weighted(
    (
        "plain",
        "coordinated",
        "complex",
        "participial",
        "polar",
        "subject question",
        "object question",
        "existential",
    ),
    (57, 10, 10, 5, 4, 3, 6, 3),
)
_QUESTIONS = frozenset(("polar", "subject question", "object question"))
_ASKED = Weighted(("person", "text", "food", "animal", "object", "place"), (3, 2, 1, 1, 1, 1))
_EXISTING = kinds("person animal object container food vehicle text")
_LARGEST_BUDGET = 18


@dataclass
class Grammar(Clauses):
    """Draws sentences."""

    @classmethod
    def seeded(cls, key: str) -> Grammar:
        """The grammar in a state that depends on the key alone."""
        draw = Draw(key)
        budget = int(_LARGEST_BUDGET * draw.uniform() ** 1.3)
        return cls(draw, budget, "past" if draw.chance(0.65) else "present")

    def sentence(self) -> Node:
        """A derivation with its final punctuation."""
        pattern = self.draw.pick(_PATTERNS)
        match pattern:
            case "coordinated":
                root = self._coordinated()
            case "complex":
                root = self._complex()
            case "participial":
                root = self._participial()
            case "polar":
                root = self.clause(self.finite(inverted=True), light=True)
            case "subject question":
                asked = self._asked("who")
                root = self.predicate(asked, self.finite(asked.agreement))
            case "object question":
                asked = self._asked("what")
                root, direct = self.gapped(asked, self.finite(inverted=True))
                asked.label = "dobj" if direct else "filler"
                root.left.insert(0, asked)
            case "existential":
                root = self._existential()
            case _:
                root = self.clause(self.finite())
        mark = "?" if pattern in _QUESTIONS else "!" if self.draw.chance(0.04) else "."
        root.after(Node(mark, mark, "."), "punct")
        return root

    def _coordinated(self) -> Node:
        self.budget //= 2
        first = self.clause(self.finite())
        first.after(comma(), "punct")
        second = self.clause(self.finite())
        conjunction = "and" if self.draw.chance(0.5) else "but" if self.draw.chance(0.85) else "or"
        self.conjoin(first, second, conjunction)
        return first

    def _complex(self) -> Node:
        self.budget //= 2
        main, clause = self.clause(self.finite()), self.clause(self.finite())
        word = self.draw.pick(modifiers.SUBORDINATORS)
        mark = Node(word, word, "WRB" if word == "when" else "IN", roles={"main": "ARG1", "clause": "ARG2"})
        mark.label = "mark"
        mark.before(trace(main), "main")
        mark.before(trace(clause), "clause")
        clause.left.insert(0, mark)
        clause.label = "advcl"
        if self.draw.chance(0.45):
            _front(main, clause)
        else:
            main.right.append(clause)
        return main

    def _participial(self) -> Node:
        subject = self.noun_phrase(frozenset(("person",)), "nominative")
        main = self.predicate(subject, self.finite(subject.agreement))
        clause = self.predicate(trace(subject), Shape("participle"), verbal=True)
        clause.relation = "subord"
        clause.label = "advcl"
        _front(main, clause)
        return main

    def _asked(self, pronoun: str) -> Node:
        if self.draw.chance(0.5):
            kind = self.draw.pick(_ASKED)
            noun = self.noun_phrase(frozenset((kind,)), light=True)
            determined = [child for child in noun.left if child.label == "det"]
            if determined:
                determined[0].form = determined[0].lemma = "which"
                determined[0].tag = "WDT"
                return noun
        return Node(pronoun, pronoun, "WP", kind="person" if pronoun == "who" else "text")

    def _existential(self) -> Node:
        kind = self.draw.among(sorted(_EXISTING))
        thing = self.noun_phrase(frozenset((kind,)))
        while thing.tag in ("PRP", "NNP"):
            thing = self.noun_phrase(frozenset((kind,)))
        form, tag = morphology.finite("be", self.tense, thing.agreement)
        root = Node(form, "be", tag, roles={"nsubj": "ARG1"})
        root.before(Node("there", "there", "EX"), "expl")
        if self.draw.chance(0.15):
            root.after(Node("not", "not", "RB", relation="neg", reverses=True), "neg")
        root.after(thing, "nsubj")
        if self.spend(0.7, 3):
            root.after(self.prepositional_phrase("in", kinds("site")), "prep")
        return root


def _front(main: Node, clause: Node) -> None:
    mark = comma()
    mark.label = "punct"
    main.left[:0] = [clause, mark]
