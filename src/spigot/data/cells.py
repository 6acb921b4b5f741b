"""Texts in a terminal: how many cells they take, and which characters would do more than stand in one."""

from __future__ import annotations

import re
import unicodedata

# Control characters, breaks of lines and paragraphs, halves of pairs, and marks of the direction of writing. Joiners
# and variation selectors stay: emoji and the scripts of India need them.
_ACTIVE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def character_cells(character: str) -> int:
    """Return how many cells a character takes: 0 for one that is written onto others, 2 for a wide one, else 1."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cells(text: str) -> int:
    """Return how many cells a text takes."""
    return sum(map(character_cells, text))


def padded(text: str, width: int) -> str:
    """Return a text with blanks after it, up to `width` cells."""
    return text + " " * (width - cells(text))


def passive(text: str) -> str:
    """Return a text with U+FFFD for the characters that would move the cursor or other text, or break the line."""
    return _ACTIVE.sub("\ufffd", text)
