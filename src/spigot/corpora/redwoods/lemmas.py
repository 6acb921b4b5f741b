"""Lemmas and frames of tokens, from the predicates that belong to them.

They do not reproduce those of the official DM, which come from another version of the grammar; no score looks at them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from spigot.data.files import read_text

from .anchors import Anchors
from .semantics import Relation, Semantics
from .tokens import Token, without_markup

Synopses: TypeAlias = Mapping[str, str]
"""The types of a predicate's arguments, joined by "-", as its first synopsis in the SEM-I says."""

EMPTY = "_"

_NAMES = frozenset({"named", "named_n", "quoted", "mofy", "dofw", "season", "holiday", "era"})
"""Predicates whose tokens have their form as their lemma."""

_PARTS = {"nn": "n", "jj": "a", "rb": "a", "vb": "v"}
"""Parts of speech of unknown words, by their tags."""

# A predicate with a lemma. That of an unknown word comes with the tag that it was given: _cowbirds/nns_u_unknown.
_SURFACE = re.compile(r"_(?P<lemma>.+?)_(?P<pos>[a-z])(?:_(?P<sense>.+))?")
_SYNOPSIS = re.compile(r"^\s*(\S+) : (.+)\.\s*$", re.MULTILINE)
_ROLE = re.compile(r"\b(?!CARG)[A-Z0-9-]+ ([a-z])\b")


def read_synopses(folder: Path) -> Synopses:
    """Read a grammar's SEM-I (`surface.smi` and `abstract.smi`); files that are not there add nothing."""
    found: dict[str, str] = {}
    for path in (folder / "surface.smi", folder / "abstract.smi"):
        if path.exists():
            for predicate, roles in _SYNOPSIS.findall(read_text(path)):
                found.setdefault(predicate, "-".join(_ROLE.findall(re.sub(r"\{[^}]*\}", "", roles))))
    return found


def lemmas_and_frames(
    semantics: Semantics, anchors: Anchors, tokens: Sequence[Token], synopses: Synopses
) -> list[tuple[str, str]]:
    """Return the lemma and the frame of each token; words of an expression have those of its last word."""
    best: dict[int, Relation] = {}
    for relation in semantics.relations.values():
        token = anchors.tokens.get(relation.id)
        if token is None or relation.is_link:
            continue
        if token not in best or _rank(relation) < _rank(best[token]):
            best[token] = relation
    relations = [best.get(anchors.expressions.get(index, index)) for index in range(len(tokens))]
    return [
        (_lemma(relation, token), _frame(relation, synopses)) for relation, token in zip(relations, tokens, strict=True)
    ]


def _rank(relation: Relation) -> int:
    """Return how far down the list of a token's relations one stands; the first says what the lemma is."""
    if relation.is_quantifier:
        return 3
    if relation.predicate.startswith("_"):
        return 0
    degree = relation.predicate in ("superl", "generic_entity") or relation.predicate.startswith("comp")
    return 2 if degree else 1


def _lemma(relation: Relation | None, token: Token) -> str:
    if relation is None:
        return EMPTY if token.is_punctuation else token.form.lower()
    if surface := _SURFACE.fullmatch(relation.predicate):
        word, _, tag = surface["lemma"].rpartition("/")
        if tag and surface["sense"] == "unknown":
            return without_markup(word) or token.form.lower()
        return surface["lemma"]
    return token.form if relation.predicate in _NAMES else token.form.lower()


def _frame(relation: Relation | None, synopses: Synopses) -> str:
    """Return part of speech and sense, and the types of the arguments: in the SEM-I, else in this sentence."""
    if relation is None:
        return EMPTY
    types = synopses.get(relation.predicate, relation.types)
    surface = _SURFACE.fullmatch(relation.predicate)
    if not surface:
        return f"{relation.predicate}:{types}"
    part, sense = surface["pos"], surface["sense"]
    if sense == "unknown":
        tag = surface["lemma"].rpartition("/")[2]
        return f"{_PARTS.get(tag[:2], 'x')}:{types}"
    return f"{part}:{types}" if sense is None or sense.isdecimal() else f"{part}_{sense}:{types}"
