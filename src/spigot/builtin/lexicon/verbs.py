"""Verbs by frame: what they take, and which adjuncts they attract.

A frame maps the dependency labels of a verb's arguments to their roles; passive labels are in it too.
"""

from __future__ import annotations

from functools import cache

from spigot.builtin.choice import Weighted, zipf
from spigot.builtin.lexicon.words import Verb, kinds, parse

_ACTIVE = {"nsubj": "ARG1"}
_TRANSITIVE = {"nsubj": "ARG1", "dobj": "ARG2", "nsubjpass": "ARG2", "agent": "ARG1"}

FRAMES: dict[str, dict[str, str]] = {
    "intransitive": _ACTIVE,
    "transitive": _TRANSITIVE,
    "dative": _TRANSITIVE | {"iobj": "ARG3", "prep": "ARG3"},
    "prepositional": _ACTIVE | {"prep": "ARG2"},
    "clausal": _ACTIVE | {"ccomp": "ARG2"},
    "informing": _TRANSITIVE | {"ccomp": "ARG3"},
    "control": _ACTIVE | {"xcomp": "ARG2"},
    "raising": {"xcomp": "ARG1"},
    "object_control": _TRANSITIVE | {"xcomp": "ARG3"},
    "object_raising": {"nsubj": "ARG1", "xcomp": "ARG2", "agent": "ARG1"},
    "appearance": {"acomp": "ARG1"},
    "becoming": {"nsubj": "ARG1", "acomp": "ARG2"},
    "existential": {"nsubj": "ARG1"},
}

# Frame, share within the frame, subjects, objects (or the preposition and its objects), adjuncts, verbs.
_VERBS: list[tuple[str, float, str, str, str, str]] = [
    (
        "intransitive",
        3,
        "person",
        "",
        "in:site near:place with:person",
        "work sleep wait laugh sing cry dance smile swim run travel shine+ complain- relax pray cough kneel sneeze",
    ),
    (
        "intransitive",
        2,
        "animal",
        "",
        "in:site behind:object",
        "sleep run bark howl swim growl hide escape yawn",
    ),
    ("intransitive", 2, "vehicle", "", "near:place in:region", "stop arrive crash- vanish sink-"),
    ("intransitive", 2, "object container optical tool", "", "in:place", "fall break- vanish burn- shine+"),
    ("intransitive", 2, "event", "", "in:site", "begin end fail- succeed+"),
    (
        "transitive",
        3,
        "being",
        "being thing place",
        "with:optical from:place",
        "see watch notice observe spy",
    ),
    ("transitive", 1, "person", "being place vehicle", "with:optical in:site", "photograph film examine"),
    (
        "transitive",
        3,
        "person",
        "device",
        "with:tool in:place",
        "break- repair open hit smash- fix+ cut pry dismantle",
    ),
    ("transitive", 2, "being", "edible", "with:cutlery in:place", "eat taste finish devour swallow"),
    ("transitive", 1, "person", "edible", "for:person in:place", "cook make bake prepare burn- spoil-"),
    ("transitive", 2, "person", "being place object", "with:pen", "draw paint sketch depict"),
    (
        "transitive",
        3,
        "person",
        "text",
        "in:place at:event",
        "read write publish translate recite plagiarize-",
    ),
    ("transitive", 2, "person", "thing animal", "from:person for:person", "buy steal- borrow take collect"),
    ("transitive", 2, "person", "thing animal", "to:site", "bring carry move drag transport"),
    (
        "transitive",
        2,
        "being",
        "being",
        "in:site near:place",
        "meet find follow catch chase attack- approach",
    ),
    (
        "transitive",
        2,
        "person",
        "idea text",
        "with:person at:event",
        "discuss explain mention present debate",
    ),
    ("transitive", 2, "person", "anything", "", "know remember keep own ignore- forget describe recognize"),
    (
        "transitive",
        5,
        "person",
        "anything",
        "",
        "love+ like+ hate- enjoy+ admire+ praise+ dislike- criticize- recommend+ mock- condemn- adore+ "
        "despise- celebrate+ resent- applaud+",
    ),
    (
        "transitive",
        2,
        "person",
        "person",
        "at:event in:place",
        "help+ thank+ invite hire insult- greet betray- fire",
    ),
    (
        "transitive",
        2,
        "text event idea food animal place",
        "person",
        "",
        "please+ annoy- surprise impress+ bore- delight+ disappoint- amuse+ disgust- enchant+",
    ),
    ("transitive", 1, "vehicle", "person vehicle animal object", "in:region", "hit pass follow block"),
    ("dative", 1, "person", "thing animal", "at:event", "give send show offer sell lend hand"),
    ("prepositional", 2, "being", "at being thing site", "with:optical in:place", "look stare"),
    ("prepositional", 2, "being", "for person vehicle animal", "in:place near:place", "wait search"),
    ("prepositional", 2, "person", "on person tool vehicle idea", "", "rely+ depend insist"),
    (
        "prepositional",
        2,
        "person",
        "about anything",
        "with:person at:event",
        "talk complain- dream worry- boast",
    ),
    ("prepositional", 2, "person", "to person animal", "in:place", "listen speak apologize"),
    ("prepositional", 1, "person", "in idea person", "", "believe+ confide"),
    ("prepositional", 1, "person", "with person", "at:event", "agree+ quarrel- argue-"),
    (
        "clausal",
        1,
        "person",
        "",
        "",
        "say think know hope believe claim notice doubt! fear- admit regret- deny! boast",
    ),
    ("informing", 1, "person", "person", "", "tell remind inform warn- assure convince"),
    (
        "control",
        2,
        "person",
        "",
        "",
        "want try decide refuse! fail! plan hope promise manage decline! forget! hesitate",
    ),
    ("control", 1, "animal", "", "", "want try refuse! fail!"),
    ("raising", 1, "anything", "", "", "seem appear tend happen continue"),
    ("object_control", 1, "person", "person", "", "ask persuade order force- allow teach forbid! encourage+"),
    ("object_raising", 1, "person", "person animal", "", "want expect need"),
    ("appearance", 1, "anything", "", "", "seem look appear"),
    ("becoming", 1, "person animal food place", "", "", "become remain"),
]

STATIVE = frozenset(
    [
        "see",
        "know",
        "own",
        "love",
        "like",
        "hate",
        "dislike",
        "adore",
        "despise",
        "resent",
        "remember",
        "forget",
        "recognize",
        "notice",
    ]
)
"""Verbs that the grammar never puts in the progressive."""


def _adjuncts(text: str) -> tuple[tuple[str, frozenset[str]], ...]:
    pairs = (pair.split(":") for pair in text.split())
    return tuple((preposition, kinds(kind)) for preposition, kind in pairs)


@cache
def verbs(frame: str, subject: str = "", object_: str = "", avoid: str = "") -> Weighted[Verb] | None:
    """The verbs of a frame that take a subject and an object of the given classes, if any; "" is any class.

    Left out are verbs that would also take a subject (or, when `object_` is given, an object) of class
    `avoid`.
    """
    items: list[Verb] = []
    weights: list[float] = []
    for name, share, subjects, selected, adjuncts, text in _VERBS:
        preposition, _, rest = selected.partition(" ") if name == "prepositional" else ("", "", selected)
        subject_kinds, object_kinds = kinds(subjects), kinds(rest)
        fits = (not subject or subject in subject_kinds) and (not object_ or object_ in object_kinds)
        if name != frame or not fits or (avoid and avoid in (object_kinds if object_ else subject_kinds)):
            continue
        row = zipf(
            [
                Verb(
                    w.lemma,
                    w.polarity,
                    w.reverses,
                    False,
                    frame,
                    subject_kinds,
                    object_kinds,
                    _adjuncts(adjuncts),
                    preposition,
                )
                for w in parse(text)
            ]
        )
        items += row.items
        weights += [share * weight for weight in row.weights]
    return Weighted(items, weights) if items else None
