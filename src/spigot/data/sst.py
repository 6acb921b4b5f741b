"""Sentences with a sentiment, in the format of the program published with the paper.

A block a sentence, opened by "# instance N"; columns: id, form, lemma, tag, label (0 negative, 1 positive, "_" none),
the label being the sentence's and the same in each row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from .blocks import (
    Block,
    Source,
    check_token,
    check_values,
    check_writable,
    checked_id,
    interned,
    map_rows,
    new_block,
    read_blocks,
    source_of,
    write_blocks,
)
from .errors import DataError, WriteError
from .files import Readable, Writable
from .sentence import Sentence

FORMAT = "sst"
COLUMNS = 5
LABELS: dict[str, int | None] = {"0": 0, "1": 1, "_": None}
_COMMENT = "instance"


def read_sst(source: Readable) -> Iterator[Sentence]:
    """Yield the sentences of a file, one at a time, each with a sentiment unless its label is "_".

    The id is what the comment says after "instance", or the sentence's running number where there is none.

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.

    Raises:
        DataError: wrong number of columns, ids that do not count 1, 2, 3, ..., an empty form, a label other than
            0, 1 and _, or rows of one sentence that disagree about it.
    """
    for number, block in enumerate(read_blocks(source, comments=True), 1):
        yield sentence_of_block(block, number)


def write_sst(sentences: Iterable[Sentence], target: Writable) -> None:
    """Write sentences; one that was read from this format and not changed keeps its text.

    Args:
        sentences: what to write; the file grows as they come.
        target: path ("-" is standard output, ".gz" is packed) or open text file.

    Raises:
        ValueError: a sentence does not fit the format; the message names it.
    """
    write_blocks(sentences, target, format=FORMAT, render=_render)


def sentence_of_block(block: Block, number: int) -> Sentence:
    """Return the sentence of one block, the `number`-th of its file; for readers that go on after an error.

    Raises:
        DataError: see `read_sst`.
    """
    name = ""
    rows: list[list[str]] = []
    for line, text in block.lines():
        if text.startswith("#"):
            name = name or text[1:].strip().removeprefix(_COMMENT).strip()
            continue
        columns = text.split("\t")
        if len(columns) != COLUMNS:
            raise DataError(block.path, line, f"expected {COLUMNS} tab-separated columns, got {len(columns)}")
        check_token(block, line, columns, len(rows) + 1)
        if columns[4] not in LABELS:
            raise DataError(block.path, line, f"expected a label of {', '.join(LABELS)}, got {columns[4]!r}")
        if rows and columns[4] != rows[0][4]:
            raise DataError(block.path, line, f"expected the sentence's label {rows[0][4]}, got {columns[4]}")
        rows.append(columns)
    if not rows:
        raise DataError(block.path, block.line, "expected token lines, got none")
    original = Sentence(
        id=checked_id(block, name or str(number)),
        forms=interned(columns[1] for columns in rows),
        lemmas=interned(columns[2] or "_" for columns in rows),
        tags=interned(columns[3] or "_" for columns in rows),
        sentiment=LABELS[rows[0][4]],
    )
    return replace(original, source=Source(FORMAT, block, original))


def _render(sentence: Sentence) -> str:
    source = source_of(sentence, FORMAT)
    if source is not None and source.same_tokens(sentence) and sentence.sentiment == source.original.sentiment:
        return source.block.text
    check_values(sentence, "id", (sentence.id,))
    check_writable(sentence, None)
    label = "_" if sentence.sentiment is None else str(sentence.sentiment)
    if label not in LABELS:
        raise WriteError(f"sentence {sentence.id}: expected a sentiment of 0, 1 or None, got {label}")
    tokens = zip(sentence.forms, sentence.lemmas, sentence.tags, strict=True)
    rows = [[str(k), *columns, label] for k, columns in enumerate(tokens, 1)]
    if source is None or sentence.id != source.original.id or len(rows) != len(source.original):
        return new_block([f"# {_COMMENT} {sentence.id}"], rows)
    iterator = iter(rows)
    return map_rows(source.block.text, lambda _: next(iterator))
