r"""Other spellings of a token, to find it in the vocabulary of a treebank with other conventions.

The Penn Treebank writes brackets as -LRB-, quotes as `` and '' and a slash as \/; newer treebanks keep the
characters of the text, which are often typographic ones (“ ” ’ …).
"""

from __future__ import annotations

from collections.abc import Iterator

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
