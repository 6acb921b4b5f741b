"""Tokens in the manner of the Penn Treebank, from the initial tokens of a profile (its field p-input).

The initial tokens split words at hyphens and slashes; these are joined again. Words of WeScience keep the markup of
italics in their forms, which is removed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .drops import Dropped, Reason


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a sentence, with the characters of the raw text that it covers."""

    start: int
    end: int
    form: str
    tag: str
    space_after: bool = True

    @property
    def is_punctuation(self) -> bool:
        """Whether the form has no letter, digit or sign that is read aloud."""
        return not _SPOKEN.search(self.form)

    def overlaps(self, start: int, end: int) -> bool:
        """Whether token and span have a character in common."""
        return self.start < end and start < self.end


_SPOKEN = re.compile(r"[\w$%&#]")
_MARKUP = re.compile(r"⌊/|/⌋|⌊|⌋")
_LEFTOVER = re.compile(r"[¦⇥•∗◊×\s]")
"""White space, and the signs that stand for markup of Wikipedia pages in WeScience."""
_ESCAPED = re.compile(r"\\([/*])")

_PUNCTUATION_TAGS = {
    form: tag
    for tag, forms in {
        ",": ",",
        ":": ": ; - — – …",
        ".": ". ? ! /",
        "``": "“ ‘",
        "''": "” ’",
        "-LRB-": "( [ {",
        "-RRB-": ") ] }",
        "$": "$",
        "#": "#",
    }.items()
    for form in forms.split()
}


def tokens_of(text: str, initial: Sequence[Token]) -> list[Token]:
    """Return the tokens of a sentence.

    Args:
        text: the raw text, to which the spans refer.
        initial: the tokens of the profile's p-input.

    Raises:
        Dropped: markup or white space remains in a form, a form is empty, or two tokens overlap.
    """
    if any(right.start < left.end for left, right in pairwise(initial)):
        raise Dropped(Reason.OVERLAP)
    parts = [Token(token.start, token.end, without_markup(token.form), token.tag) for token in initial]
    words = [_join(group) for group in _groups(parts)]
    if any(not word.form or _LEFTOVER.search(word.form) for word in words):
        raise Dropped(Reason.MARKUP)
    # Markup may lie between two tokens, so a gap between spans is not yet a space.
    ends = [*(word.start for word in words[1:]), None]
    return [
        Token(word.start, word.end, word.form, word.tag, end is None or bool(re.search(r"\s", text[word.end : end])))
        for word, end in zip(words, ends, strict=True)
    ]


def without_markup(form: str) -> str:
    """Return a form without the escapes and the markup of italics."""
    return _MARKUP.sub("", _ESCAPED.sub(r"\1", form))


def _groups(parts: Sequence[Token]) -> list[list[Token]]:
    """Return the parts in groups that make one token each: a word, or word, joint, word, joint, ..., word."""
    groups: list[list[Token]] = []
    position = 0
    while position < len(parts):
        group = [parts[position]]
        position += 1
        while _is_joint(group[-1], parts[position : position + 2]):
            group += parts[position : position + 2]
            position += 2
        groups.append(group)
    return groups


def _is_joint(left: Token, following: Sequence[Token]) -> bool:
    """Whether the first of the two following parts joins the other to the part on the left."""
    if len(following) < 2:
        return False
    joint, right = following
    if (left.end, joint.end) != (joint.start, right.start):
        return False
    if joint.form in ("-", "/"):
        return bool(re.search(r"\w$", left.form) and re.match(r"\w", right.form))
    return joint.form == "–" and left.form.isdigit() and right.form.isdigit()


def _join(group: Sequence[Token]) -> Token:
    first, last = group[0], group[-1]
    form = "".join(part.form for part in group)
    tag = last.tag
    if len(group) > 1 and (tag in ("VBN", "VBD", "VBG", "JJ") or (first.tag == "CD" and tag in ("NN", "NNS"))):
        tag = "JJ"
    return Token(first.start, last.end, form, _PUNCTUATION_TAGS.get(form, tag))


def trimmed(indices: Sequence[int], tokens: Sequence[Token]) -> Sequence[int]:
    """Return indices of tokens without the punctuation at both ends; all of them if they are nothing else."""
    words = [place for place, index in enumerate(indices) if not tokens[index].is_punctuation]
    return indices[words[0] : words[-1] + 1] if words else indices


def is_lets(forms: Sequence[str]) -> bool:
    """Whether lower-cased forms are those of "let's"."""
    return list(forms) in (["let", "’s"], ["let", "'s"])
