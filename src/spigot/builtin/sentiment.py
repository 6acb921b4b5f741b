"""The polarity of a sentence, composed along its derivation.

A word's value is its own polarity and the discounted values of its dependents. A reversing dependent ("not",
"never") or a reversing predicate ("refuse", "impossible") flips the sign of everything below the word but its
subject and its clausal adjuncts. After "but" the last conjunct counts in full and the others little; a clause
under "although" counts little.
"""

from __future__ import annotations

from spigot.builtin.derivation import Node

_CONCEDED = 0.2
_DISCOUNT = {"rcmod": 0.4, "vmod": 0.4, "prep": 0.4, "advcl": 0.5, "appos": 0.6, "poss": 0.3, "nsubj": 0.6}
_OUT_OF_SCOPE = frozenset(("nsubj", "nsubjpass", "advcl", "conj"))
_ORDINARY = 0.8


def polarity(node: Node) -> float:
    """The polarity of the phrase, about 0 when it expresses none."""
    scope, outside = float(node.polarity), 0.0
    but = any(child.label == "cc" and child.lemma == "but" for child in node.dependents)
    conjuncts = 0.0
    negative = node.reverses
    for child in node.dependents:
        if child.reverses and child.label in ("neg", "advmod"):
            negative = not negative
            continue
        value = polarity(child) * _DISCOUNT.get(child.label, _ORDINARY)
        if child.label == "conj":
            conjuncts += value
        elif child.label == "advcl" and any(word.lemma == "although" for word in child.left):
            outside += _CONCEDED * value
        elif child.label in _OUT_OF_SCOPE:
            outside += value
        else:
            scope += value
    value = outside + (-scope if negative else scope)
    return conjuncts + (_CONCEDED * value if but else value)
