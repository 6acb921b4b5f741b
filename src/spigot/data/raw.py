"""Raw text, cut into sentences and tokens by spaCy (the extra "text")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from spigot.data.files import BOM, Readable, display_name, numbered_lines
from spigot.data.sentence import Sentence
from spigot.data.spacy_docs import pieces, pipeline
from spigot.errors import UserError

TOGETHER = 16
"""Paragraphs that a pipeline gets at a time."""
LONGEST = 100_000
"""Characters after which a paragraph is cut at the end of a line."""


class Paragraph(NamedTuple):
    """A piece of text, the white space after it included."""

    text: str
    start: int
    """Where it begins in the whole text, in characters."""
    begins: bool
    """Whether it is the beginning of a paragraph, and not the rest of a long one."""


def read_raw(
    source: Readable, pipeline: str, *, by_line: bool = False, at_once: bool = False, start: int = 0
) -> Iterator[Sentence]:
    """Yield the sentences of raw text; a few paragraphs are held at a time.

    Lemmas and tags are the pipeline's (`lemma_` and `tag_`), "_" where it has none. Ids are running numbers. Each
    sentence has its `surface`.

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.
        pipeline: an installed spaCy pipeline ("en_core_web_sm"), or "blank:" and a language ("blank:en") for
            spaCy's tokeniser and rules for the ends of sentences (`sentence_starts`) alone.
        by_line: whether each line is a paragraph; otherwise blank lines stand between paragraphs.
        at_once: whether to yield a paragraph's sentences before the next one is read.
        start: where the text begins in a larger one, in characters without byte order marks.

    Raises:
        UserError: spaCy, or the pipeline, is not installed, or takes no paragraph of this length.
        DataError: the text is not UTF-8.
    """
    lines = (line.removeprefix(BOM) if number == 1 else line for number, line in numbered_lines(source))
    name = display_name(source)
    yield from sentences_of(paragraphs(lines, by_line, start), pipeline, at_once=at_once, source=name)


def sentences_of(
    parts: Iterable[Paragraph], name: str, *, first: int = 1, at_once: bool = False, source: str = "raw text"
) -> Iterator[Sentence]:
    """Yield the sentences of paragraphs by a spaCy pipeline; their ids count from `first`. Errors name the source."""
    nlp = pipeline(name)
    pairs = ((_checked(part, nlp.max_length, source), part) for part in parts)
    docs: Iterable[tuple[Any, Paragraph]] = (
        ((nlp(text), part) for text, part in pairs) if at_once else nlp.pipe(pairs, as_tuples=True, batch_size=TOGETHER)
    )
    for doc, part in docs:
        for sentence, _ in pieces(doc, first, part.start, part.begins):
            first += 1
            yield sentence


def _checked(part: Paragraph, longest: int, source: str) -> str:
    """Return a paragraph's text. Raises UserError if it is longer than the pipeline takes."""
    if len(part.text) > longest:
        limit = f"expected paragraphs of at most {longest} characters, the pipeline's limit"
        raise UserError(
            f"{source}: {limit}, got {len(part.text)} from character {part.start} on (end lines between them)"
        )
    return part.text


def paragraphs(lines: Iterable[str], by_line: bool = False, start: int = 0) -> Iterator[Paragraph]:
    """Yield the paragraphs of a text: each line, or what stands between blank lines.

    A paragraph comes as soon as the line that ends it has been read.

    `start`: where the text begins in a larger one.
    """
    held: list[str] = []
    position = start
    begins = True
    for line in lines:
        blank = not line.strip()
        if held or not blank:
            held.append(line)
        else:
            start, begins = position + len(line), True
        position += len(line)
        long = position - start > LONGEST
        if held and (by_line or blank or long):
            yield Paragraph("".join(held), start, begins)
            held, start, begins = [], position, by_line or blank
    if held:
        yield Paragraph("".join(held), start, begins)
