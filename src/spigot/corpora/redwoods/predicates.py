"""What the predicates of the grammar become in DM: tokens, arcs between two of their arguments, or nothing.

The tables have the predicates of `etc/dm.cfg` in the grammar's repository (the settings that made the official DM), and
those of later versions of the grammar.
"""

from __future__ import annotations


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


_LEXICAL = _set(
    """
    named named_n card ord fraction dofm dofw mofy yofc year_range season holiday era numbered_hour basic_numbered_hour
    meas_np timezone_p
    pron person person_n thing place_n time time_n temp manner reason property recip_pro part_of generic_nom quoted
    abstr_deg
    much-many_a little-few_a one+more_a neg comp more_comp superl approx_grad
    generic_verb v_event ellipsis ellipsis_ref ellipsis_expl greet polite excl interval interval_p_start interval_p_end
    """
)

_TRANSPARENT = {
    "nominalization": "ARG1",
    "eventuality": "ARG1",
    "comp_equal": "ARG1",
    "unknown": "ARG",
}

_FROM_SECOND_TO_FIRST = _set(
    """
    compound appos poss subord measure loc_nonsp loc_sp of_p with_p temp_loc_x unspec_manner parenthetical refl_mod mod
    prpstn_to_prop discourse addressee fw_seq num_seq
    """
)
_FROM_FIRST_TO_SECOND = frozenset({"ne_x"})

ARITHMETIC = frozenset({"times", "plus", "minus"})
"""Sums and products of numerals: ARG2 and ARG3 are numerals, and ARG1 is what they count."""

LEFT = ("L-HNDL", "L-INDEX", "ARG1")
RIGHT = ("R-HNDL", "R-INDEX", "ARG2")
"""Roles of the conjuncts: those of older grammars, and that of today's; handles come before indices."""


def is_lexical(predicate: str) -> bool:
    """Whether a relation that is no coordination stands for a token."""
    if predicate.startswith("_") or predicate in _LEXICAL or predicate.endswith("_comp"):
        return True
    return predicate.startswith("comp_") and predicate != "comp_equal"


def is_coordination(predicate: str) -> bool:
    """Whether a relation joins conjuncts."""
    return predicate.endswith("_c") or predicate == "implicit_conj"


def transparent_role(predicate: str) -> str | None:
    """Return the role of the argument that takes a relation's place, if there is one."""
    return "ARG3" if predicate in ARITHMETIC else _TRANSPARENT.get(predicate)


def relational_roles(predicate: str) -> tuple[str, str] | None:
    """Return the roles (head, dependent) between which a two-place relation is an arc; None for other relations."""
    if predicate in _FROM_SECOND_TO_FIRST:
        return "ARG2", "ARG1"
    return ("ARG1", "ARG2") if predicate in _FROM_FIRST_TO_SECOND else None


def relation_label(predicate: str) -> str:
    """Return the label of the arc that a two-place relation or a coordination makes."""
    if predicate == "implicit_conj":
        return "conj"
    return predicate if predicate.startswith("_") else predicate.partition("_")[0]


def role_label(predicate: str, role: str) -> str:
    """Return the label of the arc from a token's relation to the argument in one of its roles."""
    comparison = _comparison(predicate)
    if role == "ARG1":
        if predicate in ("neg", "superl"):
            return predicate
        if predicate == "part_of":
            return "part"
        return comparison or role
    if role == "ARG2" and comparison in ("comp", "comp_less"):
        return "than"
    return role


def _comparison(predicate: str) -> str | None:
    """Return the label of what a comparative relation compares; None for other relations."""
    if predicate in ("comp", "more_comp", "_more_x_comp"):
        return "comp"
    if predicate in ("_so_x_comp", "_too_x_comp", "_enough_x_comp", "_less_x_comp"):
        return "comp_" + predicate.split("_")[1]
    return predicate if predicate.startswith("comp_") else None
