"""How wide a text is, without a font: by the widths of Helvetica, which the fonts of the drawings resemble."""

from __future__ import annotations

import unicodedata

from spigot.data.cells import character_cells

_WIDTHS = {
    0.24: "ijl'|",
    0.30: "ft.,:;!/I[] ()`",
    0.37: 'r-"{}*°·',
    0.52: "cksvxyzJ",
    0.58: "abdeghnopqu0123456789?$_#+<>=~−→",
    0.64: "LFTZ",
    0.70: "ABEKPSVXYCDHNRU&",
    0.78: "wGOQ",
    0.86: "mM%",
    1.00: "W@—…",
}
_WIDTH = {character: width for width, characters in _WIDTHS.items() for character in characters}
_SLACK = 1.06
"""Other fonts are up to this much wider."""


def text_width(text: str, size: float) -> float:
    """Return the width of a text in pixels, at a font size in pixels."""
    return _SLACK * size * sum(_character(character) for character in text)


def _character(character: str) -> float:
    known = _WIDTH.get(character)
    if known is not None:
        return known
    cells = character_cells(character)
    if cells != 1:
        return cells / 2
    base = _WIDTH.get(unicodedata.normalize("NFD", character)[0])
    return base if base is not None else 0.70
