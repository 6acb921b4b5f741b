"""Where sentences begin in raw text, by rules over the tokens of a spaCy document."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from .tokens import END_MARKS

_DOTS = re.compile(r"\.{2,}|…+")
_ENDS = re.compile(f"{END_MARKS}|{_DOTS.pattern}")
_ITEM = re.compile(r"[0-9]{1,3}\.")
_STRAIGHT = ('"', "'", "''", "``")
"""Quotes that look the same at both ends of what they quote, or that are typed for such ones."""


def sentence_starts(doc: Any) -> list[bool]:
    """Return for each token of a `Doc` whether a sentence begins with it, by rules.

    spaCy's (`Sentencizer`) end a sentence after a full stop, question or exclamation mark and all punctuation behind
    it. Here an opening quote or bracket behind it belongs to the next sentence. No sentence ends between a closing
    quote or bracket and a word in lower case (`"Why?" he said.`), nor before a bracket that begins with a digit, as a
    year does (`A. Smith et al. (2019)`), nor behind the number of an item (`1. Open the lid.`). Dots end one before
    a capital letter alone (`Well ... I see. Well ... maybe`). White space begins no sentence but the first.
    """
    from spacy.pipeline import Sentencizer

    ends = {token.text for token in doc if _ENDS.fullmatch(token.text)}
    (starts,) = Sentencizer(punct_chars=[*Sentencizer.default_punct_chars, *ends]).predict([doc])
    starts = [*map(bool, starts)]
    begin = _behind_space(doc, 0)
    for place in [place for place in range(1, len(doc)) if starts[place]]:
        end = _opening(doc, place)
        first = _behind_space(doc, end)
        starts[place] = False
        if first == len(doc):
            break
        word = next((doc[k].text for k in range(max(first, place), len(doc)) if not _may_open(doc[k].text)), "")
        quoted = _closes(doc[end - 1].text) and doc[first].text[0].islower()
        dots = _DOTS.fullmatch(doc[end - 1].text) and not word[:1].isupper()
        item = end == begin + 2 and _ITEM.fullmatch(doc[begin].text + doc[begin + 1].text)
        # Not at the beginning of a line, where it is the number of an item.
        year = first == end and _kind(doc[first].text) == "Ps" and word[:1].isdigit()
        starts[first] = not (quoted or dots or item or year)
        if starts[first]:
            begin = first
    return starts


def _behind_space(doc: Any, place: int) -> int:
    """Return the first place from this one on that is not white space; the end of the document without one."""
    while place < len(doc) and doc[place].is_space:
        place += 1
    return place


def _kind(text: str) -> str:
    """Return the Unicode category of a token of one character: "Ps" of an opening bracket; else ""."""
    return unicodedata.category(text) if len(text) == 1 else ""


def _opening(doc: Any, place: int) -> int:
    """Return where the quotes and brackets begin that open right before a token; the token's place without any."""
    begin = place
    while begin > 1 and _may_open(doc[begin - 1].text):
        begin -= 1
    first = place
    for mark in range(begin, place):
        opened = first < place
        if not _opens(doc, mark, opened):
            first = place
        elif not opened:
            first = mark
    return first


def _may_open(text: str) -> bool:
    return _kind(text) in ("Ps", "Pi") or text in _STRAIGHT


def _opens(doc: Any, place: int, opened: bool) -> bool:
    """Return whether a quote or bracket opens, given whether the one before it does.

    White space says on which side of a quote it stands.
    """
    token, before = doc[place], doc[place - 1]
    if _kind(token.text) == "Ps":
        return True
    blank_before = opened or bool(before.whitespace_) or before.is_space
    blank_after = bool(token.whitespace_) or doc[place + 1].is_space
    return blank_before and (_kind(token.text) == "Pi" or not blank_after)


def _closes(text: str) -> bool:
    return _kind(text) in ("Pe", "Pf", "Pi") or text in _STRAIGHT
