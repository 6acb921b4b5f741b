"""Clauses: predicates by pattern, relative clauses, and clauses with a gap at any distance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from spigot.builtin.choice import Weighted
from spigot.builtin.copular import CopularPhrases
from spigot.builtin.derivation import Node, subject_of, trace
from spigot.builtin.inflection import Shape
from spigot.builtin.lexicon import modifiers
from spigot.builtin.lexicon.verbs import FRAMES, verbs
from spigot.builtin.verb_phrases import acting_on

# Weight, and cost: about the tokens that the pattern adds to a plain one.
_PATTERNS: dict[str, tuple[float, int]] = {
    "intransitive": (3, 0),
    "transitive": (11, 0),
    "passive": (2.5, 0),
    "dative": (2.5, 3),
    "prepositional": (2, 0),
    "clausal": (4, 5),
    "informing": (1.5, 5),
    "control": (2, 2),
    "raising": (1.2, 2),
    "object_control": (1.2, 3),
    "object_raising": (0.8, 3),
    "appearance": (0.8, 0),
    "becoming": (0.4, 0),
    "adjectival": (3.5, 0),
    "eager": (0.6, 2),
    "easy": (0.6, 1),
    "nominal": (1.2, 0),
    "locative": (0.8, 0),
}
_SIMPLE = ("intransitive", "transitive", "prepositional")
_PERSONAL = ("eager", "nominal")

_SUBJECTS = Weighted(
    ("person", "animal", "text", "object", "food", "event", "vehicle", "idea", "place", "container"),
    (62, 10, 6, 5, 4, 3, 4, 3, 2, 2),
)


@cache
def _patterns(subject: str, affordable: int, verbal: bool) -> Weighted[str] | None:
    """The patterns that fit a subject of the class and cost at most `affordable`."""
    possible = []
    for name, (_, cost) in _PATTERNS.items():
        if name in FRAMES:
            fits = verbs(name, subject) is not None
        elif name in ("passive", "easy"):
            fits = verbs("transitive", "person", subject) is not None
        else:
            fits = subject == "person" or name not in _PERSONAL
        if fits and cost <= affordable and (name in _SIMPLE or not verbal):
            possible.append(name)
    return Weighted(possible, [_PATTERNS[name][0] for name in possible]) if possible else None


@dataclass
class Clauses(CopularPhrases):
    """Draws clauses."""

    def predicate(self, subject: Node, shape: Shape, *, verbal: bool = False, avoid: str = "") -> Node:
        """A predicate of any pattern that fits the subject; `verbal` leaves out all but simple verbs.

        Its verb, if it has one, takes no subject of class `avoid` if there is such a verb.
        """
        table = _patterns(subject.kind, max(self.budget, 0), verbal)
        if table is None:
            raise ValueError(f"expected a predicate for a subject of class {subject.kind!r}, got none")
        pattern = self.draw.pick(table)
        self.budget -= _PATTERNS[pattern][1]
        if pattern in FRAMES:
            suited = (verbs(pattern, subject.kind, avoid=avoid) if avoid else None) or verbs(pattern, subject.kind)
            if suited is None:
                raise ValueError(f"expected a verb of frame {pattern!r} for {subject.kind!r}, got none")
            return self.verb_phrase(self.draw.pick(suited), subject, shape)
        match pattern:
            case "passive":
                return self.passive(subject, shape, avoid)
            case "eager":
                return self.eager(subject, shape)
            case "easy":
                return self.easy(subject, shape)
            case "nominal":
                return self.nominal(subject, shape)
            case "locative":
                return self.locative(subject, shape)
            case _:
                return self.adjectival(subject, shape)

    def clause(self, shape: Shape, *, light: bool = False) -> Node:
        """A clause with an overt subject, which the verb agrees with, and perhaps a second predicate."""
        subject = self.subject(light=light or self.draw.chance(0.5))
        head = self.predicate(subject, replace(shape, agreement=subject.agreement))
        if shape.mood == "finite" and not shape.inverted and self.spend(0.12, 4):
            second = self.predicate(trace(subject), self.finite(subject.agreement, modal=False))
            self.conjoin(head, second, "but" if self.draw.chance(0.35) else "and")
        return head

    def subject(self, *, light: bool = False) -> Node:
        """A noun phrase to be a subject."""
        return self.noun_phrase(frozenset((self.draw.pick(_SUBJECTS),)), "nominative", light=light)

    def finite(self, agreement: str = "sg", *, modal: bool = True, inverted: bool = False) -> Shape:
        """How a finite verb is inflected here."""
        negation = ("n't" if self.draw.chance(0.5) else "not") if self.draw.chance(0.13) else ""
        shape = Shape("finite", self.tense, agreement, negation=negation, inverted=inverted)
        choice = self.draw.uniform()
        if choice < 0.09:
            if not modal:
                return shape
            future = self.tense == "present" and choice < 0.04
            return replace(shape, modal="will" if future else self.draw.pick(modifiers.MODALS))
        return replace(shape, perfect=choice < 0.15, progressive=0.15 <= choice < 0.23)

    def content_clause(self, overt: float) -> Node:
        """A finite clause as a complement, with "that" in the share `overt` of the cases."""
        clause = self.clause(self.finite())
        if self.draw.chance(overt):
            clause.left.insert(0, _complementizer())
        return clause

    def relative_clause(self, noun: Node, avoid: str = "") -> None:
        """Attach a relative clause, better suited to the noun than to nouns of the class `avoid`."""
        as_object = verbs("transitive", "person", noun.kind) is not None
        choice = self.draw.uniform()
        if as_object and choice < 0.38:
            head, direct = self.gapped(noun, self.finite(), avoid=avoid)
            if self.draw.chance(0.55):
                pronoun = self._relative_pronoun(noun, subject=False)
                pronoun.label = "dobj" if direct else "filler"
                head.left.insert(0, pronoun)
            noun.after(head, "rcmod")
        elif as_object and choice < 0.54:
            verb = self.draw.pick(acting_on(noun, avoid))
            head = self.verb(verb, trace(noun), Shape("past participle"))
            self.after_passive(head, verb, agent=1 if self.budget < 3 or self.draw.chance(0.6) else 0)
            noun.after(head, "vmod")
        elif choice < 0.62 and _patterns(noun.kind, 0, True) is not None:
            noun.after(self.predicate(trace(noun), Shape("participle"), verbal=True, avoid=avoid), "vmod")
        else:
            pronoun = self._relative_pronoun(noun, subject=True)
            noun.after(self.predicate(pronoun, self.finite(noun.agreement), avoid=avoid), "rcmod")

    def _relative_pronoun(self, noun: Node, subject: bool) -> Node:
        if noun.kind == "person" and self.draw.chance(0.65):
            form, tag = ("who" if subject or self.draw.chance(0.5) else "whom"), "WP"
        else:
            form, tag = ("that" if self.draw.chance(0.7) else "which"), "WDT"
            if noun.kind == "person":
                form = "that"
        return Node(form, form, tag, alias=noun, kind=noun.kind, agreement=noun.agreement)

    def gapped(
        self, filler: Node, shape: Shape, subject: Node | None = None, avoid: str = "", hops: int = 2
    ) -> tuple[Node, bool]:
        """A clause that lacks an object, the filler, and whether the gap is the top verb's own object.

        The gap may lie in an infinitive or in a finite complement, at most `hops` clauses down.
        """
        if subject is None:
            subject = self.noun_phrase(frozenset(("person",)), "nominative", light=True)
            shape = replace(shape, agreement=subject.agreement)
        if hops and self.spend(0.12, 3):
            head = self._verb("control", subject, shape)
            inner, _ = self.gapped(filler, self.infinitive(), trace(subject_of(head)), avoid, hops - 1)
            head.after(inner, "xcomp")
            return head, False
        if hops and self.spend(0.16, 5):
            head = self._verb("clausal", subject, shape)
            inner, _ = self.gapped(filler, self.finite(), None, avoid, hops - 1)
            if self.draw.chance(0.45):
                inner.left.insert(0, _complementizer())
            head.after(inner, "ccomp")
            return head, False
        stranding = verbs("prepositional", "person", filler.kind)
        if stranding is not None and self.draw.chance(0.12):
            verb = self.draw.pick(stranding)
            head = self.verb(verb, subject, shape)
            head.after(self.selected(verb.preposition, trace(filler)), "prep")
            return head, False
        verb = self.draw.pick(acting_on(filler, avoid))
        head = self.verb(verb, subject, shape)
        head.after(trace(filler), "dobj")
        self.adjuncts(head, verb)
        return head, True

    def _verb(self, frame: str, subject: Node, shape: Shape) -> Node:
        table = verbs(frame, "person")
        if table is None:
            raise ValueError(f"expected verbs of frame {frame!r} for persons, got none")
        return self.verb(self.draw.pick(table), subject, shape)


def _complementizer() -> Node:
    return Node("that", "that", "IN", label="mark")
