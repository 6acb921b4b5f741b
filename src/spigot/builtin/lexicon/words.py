"""The form of a lexicon entry, and how the word lists are written.

Words stand in decreasing frequency. A word may carry marks: `+` and `-` give its polarity, `!` says that it
reverses the polarity of what it governs, `~` that it is a mass noun.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """A lemma with its polarity (-1, 0, 1); `reverses` flips the polarity of what the word governs."""

    lemma: str
    polarity: int = 0
    reverses: bool = False
    mass: bool = False


@dataclass(frozen=True)
class Noun(Word):
    """A noun of a class (`kind`); a relational noun takes an argument of one of the classes `of`."""

    kind: str = ""
    of: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verb(Word):
    """A verb in one frame, with the classes of its subject and object and the adjuncts that it attracts.

    `preposition` is the one that the verb selects ("rely on"), "" for none.
    """

    frame: str = ""
    subjects: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()
    adjuncts: tuple[tuple[str, frozenset[str]], ...] = ()
    preposition: str = ""


def parse(text: str) -> list[Word]:
    """The words of a space-separated list."""
    return [_word(marked) for marked in text.split()]


def _word(marked: str) -> Word:
    lemma = marked.rstrip("+-!~")
    marks = marked[len(lemma) :]
    return Word(lemma, marks.count("+") - marks.count("-"), "!" in marks, "~" in marks)


_GROUPS = {
    "being": "person animal",
    "site": "place region",
    "instrument": "optical tool cutlery pen",
    "device": "object container vehicle optical tool",
    "thing": "object container vehicle food text optical tool cutlery pen",
    "edible": "food substance",
    "anything": "being object container vehicle edible text site event part idea optical tool",
}


def kinds(text: str) -> frozenset[str]:
    """The classes named by a space-separated list of classes and groups of classes."""
    return frozenset(kind for name in text.split() for kind in _members(name))


def _members(name: str) -> list[str]:
    parts = _GROUPS.get(name)
    return [name] if parts is None else [kind for part in parts.split() for kind in _members(part)]
