"""Verb phrases: a verb in one of the lexicon's frames with its complements and adjuncts."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace

from spigot.builtin.choice import Weighted
from spigot.builtin.derivation import Node, subject_of, trace
from spigot.builtin.inflection import Shape, place
from spigot.builtin.lexicon import modifiers
from spigot.builtin.lexicon.nouns import WEEKDAYS
from spigot.builtin.lexicon.verbs import FRAMES, STATIVE, verbs
from spigot.builtin.lexicon.words import Verb, Word
from spigot.builtin.phrases import PERSON, NounPhrases

_EVENT = frozenset(("event",))


@dataclass
class VerbPhrases(NounPhrases):
    """Draws verb phrases; each takes its subject, a noun phrase or an unexpressed one, to its left."""

    @abstractmethod
    def predicate(self, subject: Node, shape: Shape, *, verbal: bool = False, avoid: str = "") -> Node:
        """A predicate of any pattern that fits the subject; `verbal` leaves out all but simple verbs."""

    @abstractmethod
    def content_clause(self, overt: float) -> Node:
        """A finite clause as a complement, with "that" in the share `overt` of the cases."""

    def verb_phrase(self, verb: Verb, subject: Node, shape: Shape) -> Node:
        """The verb with everything that belongs to it."""
        head = self.verb(verb, subject, shape)
        match verb.frame:
            case "intransitive":
                self.adjuncts(head, verb)
            case "transitive":
                attracted = self.attracts(verb)
                head.after(self.noun_phrase(verb.objects), "dobj")
                self.adjuncts(head, verb, attracted)
            case "prepositional":
                head.after(self.selected(verb.preposition, self.noun_phrase(verb.objects)), "prep")
                self.adjuncts(head, verb)
            case "dative":
                self._dative(head, verb)
            case "clausal":
                head.after(self.content_clause(overt=0.6), "ccomp")
            case "informing":
                head.after(self.noun_phrase(verb.objects, light=True), "dobj")
                head.after(self.content_clause(overt=0.9), "ccomp")
            case "control" | "raising":
                self.controlled(head, subject_of(head))
            case "object_control" | "object_raising":
                self.controlled(head, head.after(self.noun_phrase(verb.objects, light=True), "dobj"))
            case "appearance" | "becoming":
                adjective = self.draw.pick(fitting_adjectives(subject))
                head.after(self.predicative(adjective, subject, degree=0.2), "acomp")
            case _:
                raise ValueError(f"expected a frame of the lexicon, got {verb.frame!r}")
        return head

    def verb(self, verb: Verb, subject: Node, shape: Shape) -> Node:
        """A verb with its subject and auxiliaries, and perhaps an adverb before it."""
        active = verb.frame in ("transitive", "intransitive", "dative", "prepositional")
        if shape.progressive and (verb.lemma in STATIVE or not active):
            shape = replace(shape, progressive=False)
        head = Node("", verb.lemma, "", roles=FRAMES[verb.frame], polarity=verb.polarity, reverses=verb.reverses)
        place(head, subject, shape)
        if not shape.negation and shape.mood == "finite" and self.draw.chance(0.05):
            head.before(_adverb(self.draw.pick(modifiers.FREQUENCY)), "advmod")
        elif active and self.spend(0.06, 1):
            head.before(_adverb(self.draw.pick(modifiers.MANNER)), "advmod")
        return head

    def passive(self, subject: Node, shape: Shape, avoid: str = "") -> Node:
        """A passive verb, whose subject is the object of the active verb."""
        verb = self.draw.pick(acting_on(subject, avoid))
        head = self.verb(verb, subject, replace(shape, passive=True, progressive=False))
        self.after_passive(head, verb)
        return head

    def after_passive(self, head: Node, verb: Verb, agent: float = 0.5) -> None:
        """An agent, with the given probability, and adjuncts."""
        if agent == 1 or self.spend(agent, 3):
            head.after(self.selected("by", self.noun_phrase(PERSON)), "agent")
        self.adjuncts(head, verb)

    def controlled(self, head: Node, controller: Node) -> None:
        """Attach an infinitive whose unexpressed subject is the controller."""
        head.after(self.predicate(trace(controller), self.infinitive()), "xcomp")

    def infinitive(self) -> Shape:
        """How an infinitive is inflected here."""
        return Shape("infinitive", negation="not" if self.draw.chance(0.04) else "")

    def attracts(self, verb: Verb) -> bool:
        """Whether to give the verb one of its adjuncts; asked before its object spends the budget."""
        return bool(verb.adjuncts) and self.spend(0.5, 3)

    def adjuncts(self, head: Node, verb: Verb, attracted: bool | None = None) -> None:
        """Add what follows the complements: prepositional phrases, most of them attracted by the verb."""
        if attracted or (attracted is None and self.attracts(verb)):
            preposition, of = self.draw.among(verb.adjuncts)
            head.after(self.prepositional_phrase(preposition, of), "prep")
        elif self.spend(0.07, 3):
            preposition = self.draw.among(("during", "after", "before", "at"))
            head.after(self.prepositional_phrase(preposition, _EVENT), "prep")
        elif not any(child.label == "advmod" for child in head.left) and self.draw.chance(0.08):
            head.after(_adverb(self.draw.pick(modifiers.MANNER)), "advmod")
        if self.spend(0.06, 1):
            self._time(head)

    def _time(self, head: Node) -> None:
        if self.draw.chance(0.4):
            day = self.draw.pick(WEEKDAYS)
            phrase = Node("on", "on", "IN", roles={"pobj": "ARG2"}, relation="ARG1")
            phrase.after(Node(day, day, "NNP", kind="time"), "pobj")
            head.after(phrase, "prep")
        else:
            time = self.draw.pick(modifiers.PAST_TIMES if self.tense == "past" else modifiers.PRESENT_TIMES)
            head.after(Node(time, time, "RB" if time == "now" else "NN", relation="loc"), "tmod")

    def _dative(self, head: Node, verb: Verb) -> None:
        gift = self.noun_phrase(verb.objects)
        if gift.tag != "PRP" and self.draw.chance(0.5):
            head.after(self.noun_phrase(PERSON, light=True), "iobj")
            head.after(gift, "dobj")
        else:
            head.after(gift, "dobj")
            head.after(self.selected("to", self.noun_phrase(PERSON)), "prep")
        self.adjuncts(head, verb)


def acting_on(object_: Node, avoid: str = "", subject: str = "person") -> Weighted[Verb]:
    """The transitive verbs that fit the object; not those that also fit class `avoid`, if others exist."""
    table = (verbs("transitive", subject, object_.kind, avoid) if avoid else None) or verbs(
        "transitive", subject, object_.kind
    )
    if table is None:
        raise ValueError(f"expected a transitive verb for an object of class {object_.kind!r}, got none")
    return table


def _adverb(word: Word) -> Node:
    return Node(word.lemma, word.lemma, "RB", relation="ARG1", polarity=word.polarity, reverses=word.reverses)


def fitting_adjectives(subject: Node) -> Weighted[Word]:
    """The adjectives that go with the subject."""
    table = modifiers.adjectives(subject.kind)
    if table is None:
        raise ValueError(f"expected an adjective for a noun of class {subject.kind!r}, got none")
    return table
