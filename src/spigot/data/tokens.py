"""The tokens of raw text as UD's treebanks have them, where spaCy's rules differ."""

from __future__ import annotations

import re
from typing import Any

END_MARKS = r"(?<![!?])[!?]{2,}"
RUNS = (r"(?P<mark>[!?*=$<>#+~/&%@,;:^|\\_`])(?<!(?P=mark)(?P=mark))(?P=mark)+", END_MARKS)
"""A run of one mark, or of end marks, is one token ("!!!", "====", "?!"); spaCy's rules know those of . and - alone.

None begins inside a run, or a search for one that ends a word would begin at each of its marks.
"""
INSIDE = (r"[()\[\]{}\"]",)
"""Brackets and quotes are tokens of their own within a word, too ("account(s)")."""

ENGLISH_SUFFIXES = (r"(?<=[0-9])(?:[aApP][mM]|[kK])",)
"""What is cut from numbers ("7:30PM", "10k")."""
ENGLISH_WHOLE = (r"[eE]-mails?", r"[0-9]{3}-[0-9]{3}-[0-9]{4}", r"(?:Capt|Col|Ft|Lt|Maj|Sgt)\.")
"""Words, telephone numbers and short titles that stay whole."""
ENGLISH_PARTS = ("wan na", "out ta", "du n no", "gim me", "lem me", "and / or")
"""Words that are cut, in small letters and with a capital."""


def as_in_treebanks(nlp: Any) -> None:
    """Let the tokeniser of a blank spaCy pipeline cut as UD's treebanks do, if it goes by rules."""
    from spacy.tokenizer import Tokenizer
    from spacy.util import compile_infix_regex, compile_prefix_regex, compile_suffix_regex

    if not isinstance(nlp.tokenizer, Tokenizer):
        return
    defaults, tokenizer, english = nlp.Defaults, nlp.tokenizer, nlp.lang == "en"
    suffixes = [*RUNS, *(ENGLISH_SUFFIXES if english else ()), *(defaults.suffixes or ())]
    tokenizer.prefix_search = compile_prefix_regex([*RUNS, *(defaults.prefixes or ())]).search
    tokenizer.suffix_search = compile_suffix_regex(suffixes).search
    tokenizer.infix_finditer = compile_infix_regex([*INSIDE, *(defaults.infixes or ())]).finditer
    if english:
        tokenizer.token_match = re.compile("|".join(ENGLISH_WHOLE)).fullmatch
        for text in ENGLISH_PARTS:
            for parts in (text.split(), text.capitalize().split()):
                _cut(tokenizer, parts)
        _cut_in_capitals(tokenizer)


def _cut_in_capitals(tokenizer: Any) -> None:
    """Cut short forms in capital letters ("DON'T") like those in small ones, which are all that spaCy lists."""
    from spacy.attrs import ORTH

    listed = tokenizer.rules
    for word, parts in list(listed.items()):
        capitals = [part[ORTH].upper() for part in parts]
        if "'" in word and "".join(capitals) not in listed:
            _cut(tokenizer, capitals)


def _cut(tokenizer: Any, parts: list[str]) -> None:
    from spacy.attrs import ORTH

    tokenizer.add_special_case("".join(parts), [{ORTH: part} for part in parts])
