"""Elementary dependencies (EDS) of a sentence: relations with spans, and roles between them.

PyDelphin converts the MRS (Oepen and Lønning 2006); this is the little of it that the rules of DM look at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from . import predicates


@dataclass(frozen=True, slots=True)
class Relation:
    """A node of an EDS."""

    id: str
    predicate: str
    start: int
    end: int
    roles: Mapping[str, str]
    """The ids of the arguments, by role, in the order of the MRS."""
    types: str = ""
    """The types of the variables in its roles, joined by "-", such as "e-x-x"."""
    is_quantifier: bool = False

    def argument(self, *roles: str) -> str | None:
        """Return the id of the argument in the first of these roles that is filled."""
        return next((self.roles[role] for role in roles if role in self.roles), None)

    @property
    def is_coordination(self) -> bool:
        """Whether the relation joins a conjunct on the left to something."""
        return predicates.is_coordination(self.predicate) and self.argument(*predicates.LEFT) is not None

    @property
    def is_initial_conjunction(self) -> bool:
        """Whether the relation is a conjunction without a left part, such as sentence-initial "But"."""
        return predicates.is_coordination(self.predicate) and not self.is_coordination

    @property
    def is_link(self) -> bool:
        """Whether the relation links two conjuncts."""
        return self.is_coordination and self.argument(*predicates.RIGHT) is not None

    @property
    def is_lexical(self) -> bool:
        """Whether the relation stands for a token if one can be found."""
        if self.is_quantifier:
            return self.predicate.startswith("_")
        return predicates.is_lexical(self.predicate) and not self.is_coordination


@dataclass(frozen=True, slots=True)
class Semantics:
    """The relations of a sentence by id, in the order of the MRS, and the id of the top."""

    relations: Mapping[str, Relation]
    top: str | None
