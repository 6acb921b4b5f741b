r"""The text of a sentence, and the place of each token in it, whatever the sentence was read from.

In CoNLL-U they stand in the comment `text` and in MISC: `SpaceAfter=No`, `SpacesAfter` for white space other than one
blank (\s, \t, \r, \n, \p for |, \\), and `TokenRange=start:end` for the place in the document, as UDPipe writes them
(https://universaldependencies.org/format.html, https://ufal.mff.cuni.cz/udpipe/2/users-manual).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from .blocks import Block, Source, source_of
from .sentence import Sentence, Surface

_ESCAPES = {" ": r"\s", "\t": r"\t", "\r": r"\r", "\n": r"\n", "|": r"\p", "\\": r"\\"}
_UNESCAPES = {escape[1]: character for character, escape in _ESCAPES.items()}
_ESCAPE = re.compile(r"\\([strnp\\])")
_RANGE = re.compile(r"([0-9]{1,12}):([0-9]{1,12})")


class SurfaceToken(NamedTuple):
    """A token as it stands in the text."""

    form: str
    words: list[str]
    """The forms of its words: its own, or those of the multiword token."""
    multiword: bool


def surface_of(sentence: Sentence) -> Surface:
    """Return the text of a sentence and the spans of its tokens.

    They are those of the raw text, of the CoNLL-U or MRP that the sentence was read from, or else of its forms with
    blanks between them.
    """
    if sentence.surface is not None:
        return sentence.surface
    source = sentence.source
    if isinstance(source, Source) and source.same_forms(sentence):
        if source.format == "conllu":
            return _of_conllu(source.block)
        if source.format == "mrp":
            return _of_mrp(source.block, sentence.forms)
    return joined(sentence.forms)


def surface_tokens(sentence: Sentence) -> list[SurfaceToken]:
    """Return the tokens of a sentence's text; their words are the sentence's tokens, in order.

    Multiword tokens are those of the CoNLL-U that the sentence was read from, or else words that have a span in common.
    """
    source = source_of(sentence, "conllu")
    if sentence.surface is None and source is not None and source.same_forms(sentence):
        return _tokens_of_conllu(source.block)[0]
    surface = surface_of(sentence)
    groups = groupby(zip(surface.spans, sentence.forms, strict=True), key=lambda pair: pair[0])
    words = [(span, [form for _, form in group]) for span, group in groups]
    return [SurfaceToken(surface.text[start:end], forms, len(forms) > 1) for (start, end), forms in words]


def joined(forms: Sequence[str], spaces: Sequence[str] | None = None) -> Surface:
    """Return the surface of forms with these strings after them, by default blanks."""
    after = [" "] * len(forms) if spaces is None else spaces
    spans, position = [], 0
    for form, space in zip(forms, after, strict=True):
        spans.append((position, position + len(form)))
        position += len(form) + len(space)
    text = "".join(form + space for form, space in zip(forms, after, strict=True))
    return Surface(text[: spans[-1][1]] if spans else "", tuple(spans), after=after[-1] if forms else " ")


def spaces_after(surface: Surface) -> list[str]:
    """Return the white space after each token, "" for the inner words of a multiword token."""
    starts = [start for start, _ in surface.spans[1:]]
    inner = [surface.text[end:start] for (_, end), start in zip(surface.spans, starts, strict=False)]
    return [*inner, surface.after] if surface.spans else []


def misc_of_space(space: str) -> list[str]:
    """Return what MISC says of the white space after a token; nothing of one blank."""
    if space == " ":
        return []
    return ["SpacesAfter=" + "".join(_ESCAPES.get(c, c) for c in space)] if space else ["SpaceAfter=No"]


def _of_conllu(block: Block) -> Surface:
    """Return what the comments and the columns FORM and MISC of a block say."""
    text, paragraph = None, False
    for _, line in block.lines():
        if line.startswith("#"):
            key, _, value = line[1:].partition("=")
            text = value.strip() if key.strip() == "text" else text
            paragraph = paragraph or key.split()[:1] in (["newpar"], ["newdoc"])
    tokens, cells = _tokens_of_conllu(block)
    forms = [token.form for token in tokens]
    misc = [_misc(cell) for cell in cells]
    surface = _aligned(forms, text) if text is not None and not any("SpacesAfter" in m for m in misc) else None
    spaces = [_space(values) for values in misc]
    surface = (surface or joined(forms, spaces))._replace(after=spaces[-1] if spaces else " ", paragraph=paragraph)
    spans = [part for span, token in zip(surface.spans, tokens, strict=True) for part in _split(span, token)]
    place = _RANGE.fullmatch(misc[0].get("TokenRange", "")) if misc else None
    return surface._replace(spans=tuple(spans), start=int(place[1]) if place else 0)


def _tokens_of_conllu(block: Block) -> tuple[list[SurfaceToken], list[str]]:
    """Return the surface tokens of a block, and what stands in MISC of each."""
    tokens: list[SurfaceToken] = []
    misc: list[str] = []
    inside = 0  # the last word of the multiword token that was read last
    for _, line in block.lines():
        columns = line.split("\t")
        if line.startswith("#") or "." in columns[0]:
            continue
        first, dash, last = columns[0].partition("-")
        if dash:
            inside = int(last)
        elif int(first) <= inside:
            tokens[-1].words.append(columns[1])
            continue
        tokens.append(SurfaceToken(columns[1], [] if dash else [columns[1]], bool(dash)))
        misc.append(columns[9])
    return tokens, misc


def _misc(cell: str) -> dict[str, str]:
    return {key: value for key, _, value in (item.partition("=") for item in cell.split("|"))}


def _space(misc: dict[str, str]) -> str:
    if "SpacesAfter" in misc:
        return _ESCAPE.sub(lambda match: _UNESCAPES[match[1]], misc["SpacesAfter"])
    return "" if misc.get("SpaceAfter") == "No" else " "


def _aligned(forms: Iterable[str], text: str) -> Surface | None:
    """Return where the forms stand in a text that has nothing else but white space; None if it has."""
    spans, position = [], 0
    for form in forms:
        while position < len(text) and text[position].isspace() and not text.startswith(form, position):
            position += 1
        if not text.startswith(form, position):
            return None
        spans.append((position, position + len(form)))
        position += len(form)
    return Surface(text, tuple(spans)) if position == len(text) else None


def _split(span: tuple[int, int], token: SurfaceToken) -> list[tuple[int, int]]:
    """Return the spans of the words of a surface token: their own if they spell it, else that of the token."""
    if "".join(token.words) != token.form:
        return [span] * len(token.words)
    return [(span[0] + start, span[0] + end) for start, end in joined(token.words, [""] * len(token.words)).spans]


def _of_mrp(block: Block, forms: Iterable[str]) -> Surface:
    """Return the input of an MRP object, in which the tokens were found in their order."""
    line, _, _ = block.text.partition("\n")  # lines for other graphs have the same input
    text, spans, position = str(json.loads(line)["input"]), [], 0
    for form in forms:
        start = text.index(form, position)
        position = start + len(form)
        spans.append((start, position))
    return Surface(text, tuple(spans))
