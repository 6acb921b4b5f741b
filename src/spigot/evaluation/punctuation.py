"""Rules for what is punctuation when attachment is scored without it.

The choice changes UAS by up to a point, and a rule that does not fit the data's tags silently excludes
nothing. So each rule has a name, and reports print it with the number of tokens that it excludes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

TAGS = ("``", "''", ",", ".", ":", "-LRB-", "-RRB-", "PUNCT")
"""Punctuation tags of the Penn Treebank, brackets included, and of Universal Dependencies."""

ESCAPES = frozenset({"``", "`", "-LRB-", "-RRB-", "-LSB-", "-RSB-", "-LCB-", "-RCB-"})
"""Penn Treebank spellings of quotes and brackets whose characters are not all Unicode punctuation."""


@dataclass(frozen=True)
class PunctuationRule:
    """A named test of a gold token's form and tag."""

    name: str
    description: str
    test: Callable[[str, str], bool]


def _by_form(form: str, tag: str) -> bool:
    if form in ESCAPES:
        return True
    return bool(form) and all(unicodedata.category(character).startswith("P") for character in form)


def _by_tag(form: str, tag: str) -> bool:
    return tag in TAGS


FORMS_RULE = PunctuationRule(
    "forms", "forms of Unicode punctuation only (P*), or Penn Treebank quotes and brackets", _by_form
)
TAGS_RULE = PunctuationRule("tags", "gold tags " + " ".join(TAGS), _by_tag)

PUNCTUATION_RULES = {rule.name: rule for rule in (FORMS_RULE, TAGS_RULE)}
"""`forms` needs no tags, as in the CoNLL-X scorer; `tags` is the rule of most work on the Penn Treebank."""
