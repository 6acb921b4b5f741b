"""Read sentences from a file; its name or its first lines show the format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from os import PathLike
from pathlib import PurePath
from typing import Literal, TypeAlias

from .conll2009 import read_conll2009
from .conllu import read_conllu
from .conllx import read_conllx
from .errors import DataError
from .files import BOM, DAMAGED_GZIP, Readable, display_name, open_lines
from .json_lines import read_json_lines
from .mrp import read_mrp
from .plain import read_plain
from .sdp import read_sdp
from .sentence import SEMANTICS, SYNTAX, Sentence
from .sst import read_sst

Format: TypeAlias = Literal["conllu", "conllx", "conll2009", "sdp", "sdp2014", "mrp", "json", "sst", "text"]

Readers: TypeAlias = dict[str, Callable[[Readable, str, str | None], Iterator[Sentence]]]

READERS: Readers = {
    "conllu": read_conllu,
    "conllx": lambda source, tree, graph: read_conllx(source, tree),
    "conll2009": lambda source, tree, graph: read_conll2009(source, tree, graph or SEMANTICS),
    "sdp": lambda source, tree, graph: read_sdp(source, graph=graph or SEMANTICS, tree=tree),
    "sdp2014": lambda source, tree, graph: read_sdp(source, graph=graph or SEMANTICS, tree=tree, frames=False),
    "mrp": lambda source, tree, graph: read_mrp(source, graph or SEMANTICS),
    "json": lambda source, tree, graph: read_json_lines(source),
    "sst": lambda source, tree, graph: read_sst(source),
    "text": lambda source, tree, graph: read_plain(source),
}
"""For each format how to read a file, given the names of trees and graphs."""
FORMAT_OF_EXTENSION: dict[str, Format] = {
    ".conllu": "conllu",
    ".conllx": "conllx",
    ".conll": "conllx",
    ".conll09": "conll2009",
    ".sdp": "sdp",
    ".mrp": "mrp",
    ".jsonl": "json",
    ".json": "json",
    ".sst": "sst",
    ".txt": "text",
}
_OTHERWISE = "another suffix, --from of convert or parse, or --format of score names another format"
_FORMAT_OF_WIDTH: dict[int, Format] = {10: "conllu", 5: "sst"}


def read_sentences(
    source: Readable,
    format: Format | None = None,
    *,
    tree: str = SYNTAX,
    graph: str | None = None,
    text: Callable[[Readable], Iterator[Sentence]] = read_plain,
) -> Iterator[Sentence]:
    """Return an iterator over the sentences of a file, which holds one sentence at a time.

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.
        format: "conllu", "conllx", "conll2009", "sdp" (2015), "sdp2014", "mrp", "json" (as `spigot parse`
            writes it), "sst" or "text" (one tokenised sentence a line). None: by the extension of the name (.conllu,
            .conllx, .conll, .conll09, .sdp, .mrp, .jsonl, .json, .sst, .txt; also with .gz), else by the first lines:
            "#SDP" opens an SDP file, `{"` a JSON file, or with "input" in its first line an MRP file, ten tab-separated
            columns (after any comments) are CoNLL-U, five are SST, text without tabs is text.
        tree: the name of the trees, in formats that have some but do not name them.
        graph: the name of the graphs; None: "semantics", and the column DEPS of CoNLL-U is not read.
        text: how to read text; by default each line is a sentence, its tokens between blanks.

    Raises:
        ValueError: no such format.
        DataError: while reading, see the reader of the format; another table than these whose format is not given.
    """
    readers = {**READERS, "text": lambda source, tree, graph: text(source)}
    if format is None and isinstance(source, str | PathLike):
        suffix = PurePath(os.fspath(source).removesuffix(".gz")).suffix
        guess = FORMAT_OF_EXTENSION.get(suffix)
        if guess is not None:
            return _guessed(readers[guess](source, tree, graph), f"{guess}, from its suffix {suffix}")
    if format is None:
        return _read_unknown(source, tree, graph, readers)
    if format not in READERS:
        raise ValueError(f"format: expected one of {', '.join(READERS)}, got {format!r}")
    return readers[format](source, tree, graph)


def _read_unknown(source: Readable, tree: str, graph: str | None, readers: Readers) -> Iterator[Sentence]:
    with open_lines(source) as lines:
        iterator = iter(lines)
        head: list[str | bytes] = []
        format: Format | None = None
        while format is None:
            try:
                line = next(iterator, None)
            except DAMAGED_GZIP as error:
                message = f"expected an intact gzip file, got: {error}"
                raise DataError(display_name(source), len(head) + 1, message) from error
            if line is None:
                format = "text"
            else:
                head.append(line)
                format = _format_of_line(display_name(source), len(head), line)
        sentences = readers[format](_Lines(display_name(source), chain(head, iterator)), tree, graph)
        yield from _guessed(sentences, f"{format}, from its first lines")


def _guessed(sentences: Iterator[Sentence], guess: str) -> Iterator[Sentence]:
    """Yield sentences; an error before the first says what the file was read as."""
    try:
        first = next(sentences, None)
    except DataError as error:
        raise error.with_note(f"read as {guess}; {_OTHERWISE}") from None
    if first is not None:
        yield first
        yield from sentences


def _format_of_line(name: str, number: int, line: str | bytes) -> Format | None:
    """Return the format that a line shows, None for one that leaves it open: blank lines and comments.

    Raises:
        DataError: the line is a row of an unknown table.
    """
    text = (line if isinstance(line, str) else line.decode("utf-8", "replace")).removeprefix(BOM)
    if text.startswith("#SDP"):
        return "sdp"
    if text.startswith('{"'):
        return "mrp" if '"input":' in text else "json"
    if not text.strip() or text.startswith("#"):
        return None
    width = len(text.rstrip("\r\n").split("\t"))
    if width > 1 and width not in _FORMAT_OF_WIDTH:
        raise DataError(name, number, f"expected text or a table of a known format, got {width} columns ({_OTHERWISE})")
    return _FORMAT_OF_WIDTH.get(width, "text")


class _Lines(Iterable[str | bytes]):
    """Lines with the name of the file that they come from."""

    def __init__(self, name: str, lines: Iterator[str | bytes]) -> None:
        self.name = name
        self.lines = lines

    def __iter__(self) -> Iterator[str | bytes]:
        return self.lines
