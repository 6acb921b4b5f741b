r"""Other spellings of a token, to find it in the vocabulary of a treebank with other conventions.

The Penn Treebank writes brackets as -LRB-, quotes as `` and '' and a slash as \/; newer treebanks keep the
characters of the text, which are often typographic ones (“ ” ’ …). The same letters may have other code points: é is
one or two, fi may be a ligature, and characters without width may stand within a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import category, normalize

_PTB = {
    "-lrb-": "(",
    "-rrb-": ")",
    "-lsb-": "[",
    "-rsb-": "]",
    "-lcb-": "{",
    "-rcb-": "}",
    "``": "“",
    "''": "”",
    "`": "‘",
    "--": "—",
    "...": "…",
}
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "—": "-", "…": "."})


def variants(text: str) -> Iterator[str]:
    """Yield other spellings of a lower-cased token, the likeliest first."""
    if text in _PTB:
        yield _PTB[text]
    if "\\" in text:
        yield text.replace("\\/", "/").replace("\\*", "*")
    if "'" in text:
        yield text.replace("'", "’")
    plain = text.translate(_PLAIN)
    if plain != text:
        yield plain
    if not text.isascii():
        visible = "".join(character for character in text if category(character) != "Cf")
        for other in (normalize("NFC", text), normalize("NFKC", visible).lower()):
            if other not in ("", text):
                yield other
