"""Noun phrases: determiners, adjectives, compounds, prepositional phrases, relative clauses, coordination."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from spigot.builtin import morphology
from spigot.builtin.choice import Draw
from spigot.builtin.derivation import Node, comma, trace
from spigot.builtin.lexicon import modifiers as words
from spigot.builtin.lexicon.nouns import COMPOUNDS, NAMES, POSTMODIFIERS, nouns
from spigot.builtin.lexicon.words import Noun, Word, kinds

PERSON = frozenset(("person",))

_INNER = {"part": kinds("place substance"), "person": kinds("place material")}
"""Classes of first nouns that modify the second noun of a compound, not its head, by the class of the head."""


@dataclass
class NounPhrases(ABC):
    """Draws noun phrases; `budget` is about how many tokens may still be spent on optional material."""

    draw: Draw
    budget: int
    tense: str

    @abstractmethod
    def relative_clause(self, noun: Node, avoid: str = "") -> None:
        """Attach a relative clause, better suited to the noun than to nouns of the class `avoid`."""

    def spend(self, probability: float, cost: int) -> bool:
        """Whether to build something optional; takes its cost from the budget if so."""
        if self.budget < cost or not self.draw.chance(probability):
            return False
        self.budget -= cost
        return True

    def noun_phrase(self, of: frozenset[str], case: str = "accusative", *, light: bool = False) -> Node:
        """A noun phrase of the given classes; a `light` one has no phrase or clause after its noun."""
        if "person" in of and self.draw.chance(0.16 if case == "nominative" else 0.06):
            return self._pronoun(case)
        first = self._conjunct(of, light)
        if not light and first.tag != "PRP" and self.spend(0.12, 4):
            self._coordinate(first)
        return first

    def prepositional_phrase(self, preposition: str, of: frozenset[str]) -> Node:
        """A preposition that relates its object to the word that it modifies."""
        tag = "TO" if preposition == "to" else "IN"
        node = Node(preposition, preposition, tag, roles={"pobj": "ARG2"}, relation="ARG1")
        node.after(self.noun_phrase(of), "pobj")
        return node

    def selected(self, preposition: str, object_: Node, label: str = "prep") -> Node:
        """A preposition without meaning: its object is an argument of the word that selects it."""
        tag = "TO" if preposition == "to" else "IN"
        node = Node(preposition, preposition, tag, alias=object_, label=label)
        node.after(object_, "pobj")
        return node

    def _pronoun(self, case: str) -> Node:
        nominative, accusative, _, agreement = self.draw.pick(words.PRONOUNS)
        form = nominative if case == "nominative" else accusative
        return Node(form, nominative, "PRP", kind="person", agreement=agreement)

    def _conjunct(self, of: frozenset[str], light: bool) -> Node:
        if "person" in of and self.draw.chance(0.14):
            return self._named(light)
        noun = self.draw.pick(nouns(of))
        count = 2 if not noun.mass and noun.kind not in ("feature", "part") and self.draw.chance(0.27) else 1
        if count == 2 and not light and self.spend(0.08, 2):
            return self._partitive(noun)
        node = self.common_noun(noun, count)
        if not light:
            self._postmodify(node, noun)
        return node

    def _named(self, light: bool) -> Node:
        name = self.draw.pick(NAMES[self.draw.among(("she", "he"))])
        node = Node(name, name, "NNP", kind="person")
        if not light and self.spend(0.25, 5):
            node.after(comma(), "punct")
            noun = self.draw.pick(nouns(PERSON))
            apposition = self.common_noun(noun, 1, determiner="a")
            apposition.relation = "appos"
            node.after(apposition, "appos")
            self._postmodify(apposition, noun)
            node.after(comma(), "punct")
        return node

    def _partitive(self, noun: Noun) -> Node:
        quantifier = self.draw.pick(words.PARTITIVES)
        whole = self.common_noun(noun, 2, determiner="the")
        tag = {"some": "DT", "one": "CD", "two": "CD"}.get(quantifier, "JJ")
        number = "sg" if quantifier == "one" else "pl"
        node = Node(quantifier, quantifier, tag, roles={"prep": "part"}, kind=noun.kind, agreement=number)
        node.after(self.selected("of", whole), "prep")
        return node

    def common_noun(self, noun: Noun, count: int, determiner: str | None = None) -> Node:
        """A noun with what precedes it; `determiner` None draws one."""
        form, tag = (morphology.plural(noun.lemma), "NNS") if count > 1 else (noun.lemma, "NN")
        roles = {"prep": "ARG1"} if noun.of else {}
        node = Node(form, noun.lemma, tag, roles=roles, kind=noun.kind, polarity=noun.polarity)
        node.agreement = "pl" if count > 1 else "sg"
        self._determine(node, noun, determiner)
        self._premodify(node)
        self._compound(node, noun)
        return node

    def _determine(self, node: Node, noun: Noun, determiner: str | None) -> None:
        number = "mass" if noun.mass else "plural" if node.agreement == "pl" else "singular"
        if determiner is None and self.draw.chance(0.13):
            self._possessor(node)
        else:
            chosen = determiner if determiner is not None else self.draw.pick(words.DETERMINERS[number])
            tag = words.DETERMINER_TAGS.get(chosen, "DT")
            if tag == "JJ":
                node.before(Node(chosen, chosen, tag, relation="ARG1"), "amod")
            elif chosen:
                lemma = {"these": "this", "those": "that"}.get(chosen, chosen)
                node.before(Node(chosen, lemma, tag, relation="BV"), "det")
            if tag == "JJ" or chosen == "some":
                return
        if number == "plural" and self.draw.chance(0.12):
            numeral = self.draw.pick(words.NUMERALS)
            node.before(Node(numeral, numeral, "CD", relation="ARG1"), "num")

    def _possessor(self, node: Node) -> None:
        if self.spend(0.4, 2):
            owner = self.noun_phrase(PERSON, light=True)
            if owner.tag != "PRP":
                owner.relation = "poss"
                suffix = "'" if owner.form.endswith("s") and owner.agreement == "pl" else "'s"
                owner.after(Node(suffix, "'s", "POS"), "possessive")
                node.before(owner, "poss")
                return
        nominative, _, possessive, _ = self.draw.pick(words.PRONOUNS)
        node.before(Node(possessive, nominative, "PRP$", relation="poss"), "poss")

    def _premodify(self, node: Node) -> None:
        table = words.adjectives(node.kind)
        if table is None or not self.draw.chance(0.3):
            return
        first = self.adjective(self.draw.pick(table), degree=0.12)
        first.relation = "ARG1"
        second = self.draw.pick(table)
        if self.draw.chance(0.15) and second.lemma != first.lemma and not first.left:
            opposed = first.polarity * second.polarity < 0
            if opposed or self.draw.chance(0.5):
                self.conjoin(first, self.predicative(second, node), "but" if opposed else "and")
            else:
                stacked = self.adjective(second)
                stacked.relation = "ARG1"
                node.before(stacked, "amod")
        node.before(first, "amod")

    def predicative(self, word: Word, subject: Node, degree: float = 0.0) -> Node:
        """An adjective with an unexpressed subject as its argument."""
        node = self.adjective(word, degree)
        node.roles = {"nsubj": "ARG1"}
        node.before(trace(subject), "nsubj")
        return node

    def adjective(self, word: Word, degree: float = 0.0) -> Node:
        """An adjective, with the given probability of an adverb of degree."""
        node = Node(word.lemma, word.lemma, "JJ", polarity=word.polarity)
        if self.draw.chance(degree):
            adverb = self.draw.pick(words.DEGREE)
            node.before(Node(adverb, adverb, "RB", relation="ARG1"), "advmod")
        return node

    def _compound(self, node: Node, noun: Noun) -> None:
        of = COMPOUNDS.get(noun.kind, frozenset()) if not noun.of or noun.kind == "part" else noun.of
        if not of or not self.draw.chance(0.14):
            return
        inner = self._compounded(of, noun.lemma)
        outer_kinds = COMPOUNDS.get(inner.kind, frozenset())
        attracted = outer_kinds & _INNER.get(noun.kind, frozenset())
        if attracted and self.draw.chance(0.35):
            inner.before(self._compounded(attracted, inner.lemma), "nn")
        elif inner.kind not in ("material", "region") and self.draw.chance(0.2):
            distant = of & kinds("material region")
            if distant:
                node.before(self._compounded(distant, inner.lemma), "nn")
        node.before(inner, "nn")

    def _compounded(self, of: frozenset[str], not_lemma: str) -> Node:
        noun = self.draw.pick(nouns(of))
        while noun.lemma == not_lemma:
            noun = self.draw.pick(nouns(of))
        return Node(noun.lemma, noun.lemma, "NN", relation="compound", kind=noun.kind, polarity=noun.polarity)

    def _postmodify(self, node: Node, noun: Noun) -> None:
        inner: Node | None = None
        if noun.of and self.spend(0.6, 3):
            inner = self.noun_phrase(noun.of)
            node.after(self.selected("of", inner), "prep")
        elif noun.kind in POSTMODIFIERS and self.spend(0.22, 3):
            preposition, of = self.draw.pick(POSTMODIFIERS[noun.kind])
            phrase = self.prepositional_phrase(preposition, of)
            inner = phrase.right[0]
            node.after(phrase, "prep")
        # After another phrase the clause stands nearer to a rival noun, so its verb must suit this one.
        if self.spend(0.14 if inner is None else 0.25, 4):
            self.relative_clause(node, avoid=inner.kind if inner is not None and inner.kind != node.kind else "")

    def conjoin(self, first: Node, second: Node, conjunction: str) -> None:
        """Attach a conjunction and a second conjunct."""
        first.after(Node(conjunction, conjunction, "CC"), "cc")
        first.after(second, "conj")

    def _coordinate(self, first: Node) -> None:
        # Conjuncts share a class: that of the next conjunct shows what is coordinated.
        of = frozenset((first.kind,))
        if self.spend(0.3, 4):
            first.after(comma(), "punct")
            first.after(self._conjunct(of, light=True), "conj")
        conjunction = "and" if self.draw.chance(0.8) else "or"
        last = self._conjunct(of, light=False)
        self.conjoin(first, last, conjunction)
        first.agreement = "pl" if conjunction == "and" else last.agreement
