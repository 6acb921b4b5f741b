"""DM: bi-lexical semantic dependencies, from relations and their tokens (Ivanova et al. 2012, Oepen et al. 2014)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import predicates
from .anchors import Anchors
from .semantics import Relation, Semantics
from .trees import EXPRESSION


@dataclass(frozen=True, slots=True)
class SemanticGraph:
    """A graph over tokens, counted from 1."""

    labels: dict[tuple[int, int], str]
    """The label of each arc, by (head, modifier)."""
    top: int | None

    @property
    def predicates(self) -> list[int]:
        """The tokens with an argument, in order."""
        return sorted({head for head, _ in self.labels})


def semantic_graph(semantics: Semantics, anchors: Anchors) -> SemanticGraph:
    """Return the DM graph of a sentence."""
    resolver = _Resolver(semantics, anchors)
    labels: dict[tuple[int, int], str] = {}
    for relation in semantics.relations.values():
        for head, modifier, label in resolver.arcs(relation):
            if head is not None and modifier is not None and head != modifier:
                # The format has room for one label; the first one stays.
                labels.setdefault((head + 1, modifier + 1), label)
    for part, last in anchors.expressions.items():
        labels.setdefault((last + 1, part + 1), EXPRESSION)
    top = resolver.token(semantics.top)
    return SemanticGraph(labels, None if top is None else top + 1)


def is_cyclic(graph: SemanticGraph) -> bool:
    """Whether a token can be reached from itself."""
    arcs = set(graph.labels)
    while arcs:
        heads = {head for head, _ in arcs}
        inner = {(head, modifier) for head, modifier in arcs if modifier in heads}
        if len(inner) == len(arcs):
            return True
        arcs = inner
    return False


class _Resolver:
    """The tokens of relations, or of what takes their place, and the arcs that they make."""

    def __init__(self, semantics: Semantics, anchors: Anchors):
        self.relations, self.anchored = semantics.relations, anchors.tokens

    def token(self, id: str | None, seen: frozenset[str] = frozenset()) -> int | None:
        """Return the token (from 0) of a relation, or of the relation that takes its place; None without one."""
        if id is None or id in seen or id not in self.relations:
            return None
        relation = self.relations[id]
        if id in self.anchored and not relation.is_coordination:
            return self.anchored[id]
        return self.token(relation.argument(*_substitutes(relation)), seen | {id})

    def arcs(self, relation: Relation) -> Iterator[tuple[int | None, int | None, str]]:
        """Yield (head, modifier, label) of the arcs that a relation makes; None where a token is missing."""
        predicate, roles = relation.predicate, relation.roles
        if relation.is_coordination:
            left, right = relation.argument(*predicates.LEFT), relation.argument(*predicates.RIGHT)
            # `etc.` has nothing on its right: it is linked itself.
            target = self.anchored.get(relation.id) if right is None else self.token(right)
            yield self.token(left), target, predicates.relation_label(predicate)
        elif predicate in predicates.ARITHMETIC:
            numeral = self.token(roles.get("ARG3"))
            yield self.token(roles.get("ARG2")), numeral, predicate
            yield numeral, self.token(roles.get("ARG1")), "ARG1"
        elif ends := predicates.relational_roles(predicate):
            head, dependent = (self.token(roles.get(role)) for role in ends)
            yield head, dependent, predicates.relation_label(predicate)
        elif relation.id in self.anchored:
            for role, argument in roles.items():
                label = predicates.role_label(predicate, role)
                yield self.anchored[relation.id], self.token(argument), label


def _substitutes(relation: Relation) -> tuple[str, ...]:
    """Return the roles whose argument takes the place of a relation without a token: the first that is filled."""
    if relation.is_coordination:
        return predicates.LEFT
    role = predicates.transparent_role(relation.predicate)
    return (role,) if role else predicates.relational_roles(relation.predicate) or ()
