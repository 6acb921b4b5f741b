"""Which token each relation belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .semantics import Relation, Semantics
from .tokens import Token, is_lets, trimmed


@dataclass(frozen=True, slots=True)
class Anchors:
    """The tokens (from 0) of relations, and the expressions of several tokens."""

    tokens: Mapping[str, int]
    """The token of each relation that has one, by the relation's id."""
    expressions: Mapping[int, int]
    """For each token inside an expression of several: the last token of it, which carries its relations."""


def anchor(semantics: Semantics, tokens: Sequence[Token], leaves: Sequence[Sequence[int]]) -> Anchors:
    """Find the token of each relation.

    Args:
        semantics: the relations.
        tokens: the tokens of the sentence.
        leaves: the indices of the tokens of each leaf of the derivation.
    """
    words = {tuple(trimmed(leaf, tokens)) for leaf in leaves}
    found: dict[str, int] = {}
    expressions: dict[int, int] = {}
    for group, relations in _by_tokens(semantics, tokens).items():
        if len(group) == 1:
            found.update({relation.id: group[0] for relation in relations})
        elif group in words:
            parts = _contraction(group, relations, tokens)
            found.update(parts or {relation.id: group[-1] for relation in relations})
            # Between two conjuncts, `as well as` leaves no trace.
            if not parts and not all(relation.is_link for relation in relations):
                expressions.update(dict.fromkeys(group[:-1], group[-1]))
    found.update(_minutes(semantics, found))
    return Anchors(found, expressions)


def _by_tokens(semantics: Semantics, tokens: Sequence[Token]) -> dict[tuple[int, ...], list[Relation]]:
    """Return the relations that may have a token, by the tokens of their spans without punctuation at the ends."""
    groups: dict[tuple[int, ...], list[Relation]] = {}
    for relation in semantics.relations.values():
        span = [index for index, token in enumerate(tokens) if token.overlaps(relation.start, relation.end)]
        group = tuple(trimmed(span, tokens))
        generic = relation.predicate == "generic_entity" and len(group) == 1
        if relation.is_lexical or relation.is_coordination or generic:
            groups.setdefault(group, []).append(relation)
    return groups


def _contraction(group: Sequence[int], relations: Sequence[Relation], tokens: Sequence[Token]) -> dict[str, int]:
    """Return the token of each relation of a contracted negation or of "let's"; nothing for other words."""
    forms = [tokens[index].form.lower() for index in group]
    if is_lets(forms):
        return {relation.id: group[-1 if relation.predicate == "pron" else 0] for relation in relations}
    negation = next((index for index, form in zip(group, forms, strict=True) if form in _NEGATIONS), None)
    if negation is None or all(relation.predicate != "neg" for relation in relations):
        return {}
    host = [index for index in group if index != negation][-1]
    return {relation.id: negation if relation.predicate == "neg" else host for relation in relations}


_NEGATIONS = frozenset({"n’t", "n't", "not"})


def _minutes(semantics: Semantics, found: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Yield the token of each `minute_n`, which has no span: that of the numeral that counts it."""
    for relation in semantics.relations.values():
        argument = semantics.relations.get(relation.roles.get("ARG1", ""))
        if argument is not None and argument.predicate == "minute_n" and relation.id in found:
            yield argument.id, found[relation.id]
