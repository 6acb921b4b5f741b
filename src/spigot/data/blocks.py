"""Common parts of the tab-separated formats: sentences as blocks of lines, and token rows of columns.

A block keeps the text it was read from, so that a sentence can be written back byte by byte.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .errors import DataError, WriteError, shown
from .files import BOM, Readable, Writable, display_name, numbered_lines, open_output
from .sentence import Graph, Sentence, Tree

_OTHER_COMMENTS = frozenset(
    {"sent_id", "text", "graphs", "newpar", "newpar id", "newdoc", "newdoc id", "global.columns"}
)

Row: TypeAlias = tuple[int, list[str]]
"""A token row: its line number and its columns."""


@dataclass(frozen=True)
class Block:
    """The lines of one sentence: comments, token rows and the blank lines after them."""

    path: str
    line: int
    """Number of the block's first line."""
    text: str
    preamble: str | None = None
    """In the file's first block the text before it (byte order mark, header, blank lines); else None."""

    def lines(self) -> Iterator[tuple[int, str]]:
        """Yield (line number, line without its line end) of the lines that are not blank."""
        for number, line in enumerate(self.text.split("\n"), self.line):
            if not _is_blank(line):
                yield number, line.removesuffix("\r")


@dataclass(frozen=True)
class Source:
    """Where a sentence came from: the value of `Sentence.source`."""

    format: str
    block: Block
    original: Sentence
    """The sentence as it was read (without its source)."""

    @property
    def tree(self) -> Tree | None:
        """The tree that the text holds: a file has at most one for each sentence."""
        return next(iter(self.original.trees.values()), None)

    @property
    def graph(self) -> Graph | None:
        """The graph that the text holds."""
        return next(iter(self.original.graphs.values()), None)

    def has_all_of(self, sentence: Sentence) -> bool:
        """Return whether the text still has all that the sentence has."""
        return sentence == self.original and sentence.upos == self.original.upos

    def same_forms(self, sentence: Sentence) -> bool:
        """Return whether the text still has the sentence's forms, whatever became of the rest."""
        return sentence.forms == self.original.forms

    def same_tokens(self, sentence: Sentence) -> bool:
        """Return whether the text still has the sentence's id, forms, lemmas and tags."""
        old = self.original
        ours = (sentence.id, sentence.forms, sentence.lemmas, sentence.tags, sentence.upos)
        return ours == (old.id, old.forms, old.lemmas, old.tags, old.upos)


def read_blocks(
    source: Readable, *, comments: bool, header: str | None = None, lone_comments: bool = False
) -> Iterator[Block]:
    """Split a file at its blank lines, holding one block at a time.

    Args:
        source: a path or an open file.
        comments: whether lines that start with "#" are comments; a block needs other lines too.
        header: how lines before the first block start that belong to the file, not to the block.
        lone_comments: whether to yield blocks of comments alone, for readers that go on after an error.

    Raises:
        DataError: a carriage return within a line; a block of comments alone, unless `lone_comments`.
    """
    name = display_name(source)
    preamble: str | None = ""
    lines: list[str] = []
    start = number = 0
    has_rows = ended = False
    message = "expected token lines after the comments, got "
    for number, line in numbered_lines(source):
        if number == 1 and line.startswith(BOM):
            preamble, line = BOM, line.removeprefix(BOM)
        if "\r" in line and "\r" in line.removesuffix("\n").removesuffix("\r"):
            raise DataError(name, number, "expected carriage returns at the end of a line only, got one within")
        blank = _is_blank(line)
        if preamble is not None and not lines and (blank or (header and line.startswith(header))):
            preamble += line
            continue
        if ended and not blank:
            yield Block(name, start, "".join(lines), preamble)
            preamble, lines, has_rows, ended = None, [], False, False
        if not lines:
            start = number
        lines.append(line)
        if blank and not (has_rows or lone_comments):
            raise DataError(name, number, message + "a blank line")
        ended = blank
        has_rows = has_rows or not (comments and line.startswith("#"))
    if lines and not (has_rows or lone_comments):
        raise DataError(name, number, message + "the end of the file")
    if lines:
        yield Block(name, start, "".join(lines), preamble)


def write_blocks(
    sentences: Iterable[Sentence],
    target: Writable,
    *,
    format: str,
    render: Callable[[Sentence], str],
    preamble: str = "",
) -> None:
    """Write the text that `render` gives for each sentence, with a blank line between any two.

    `preamble` opens the file unless the first sentence brings its own from a file of this `format`.
    """
    with open_output(target) as file:
        text: str | None = None
        for sentence in sentences:
            if text is None:
                source = source_of(sentence, format)
                own = source.block.preamble if source else None
                file.write(preamble if own is None else own)
            else:
                file.write(_missing_line_ends(text))
            text = render(sentence)
            file.write(text)
        if text is None:
            file.write(preamble)


def source_of(sentence: Sentence, format: str) -> Source | None:
    """Return the sentence's source if it was read from a file of this format, else None."""
    source = sentence.source
    return source if isinstance(source, Source) and source.format == format else None


def map_rows(text: str, change: Callable[[list[str]], list[str]]) -> str:
    """Return a block's text with `change` applied to the columns of each row whose id is a plain number."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        columns = line.removesuffix("\r").split("\t")
        if columns[0].isdecimal():
            lines[index] = "\t".join(change(columns)) + ("\r" if line.endswith("\r") else "")
    return "\n".join(lines)


def new_block(comments: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the text of a block made from scratch."""
    return "".join(f"{line}\n" for line in comments) + "".join("\t".join(row) + "\n" for row in rows) + "\n"


def with_comments(text: str, comments: Sequence[str], stale: Iterable[str] = ()) -> str:
    """Return a block's text with more comment lines, after those that it has; a key that is there gets a new value.

    Comments of the keys in `stale` are left out, unless they are new.
    """
    keys = {*stale, *map(_comment_key, comments)} - {""}
    if not comments and not keys:
        return text
    lines = [line for line in text.split("\n") if not line.startswith("#") or _comment_key(line) not in keys]
    rows = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    end = "\r" if lines[rows].endswith("\r") else ""
    return "\n".join([*lines[:rows], *(f"{comment}{end}" for comment in comments), *lines[rows:]])


def _comment_key(line: str) -> str:
    """Return what stands before the "=" of a comment line, "" if there is none."""
    key, equals, _ = line.partition("=")
    return key.removeprefix("#").strip() if equals else ""


def interned(values: Iterable[str]) -> tuple[str, ...]:
    """Return the values as a tuple; equal ones share memory."""
    return tuple(map(sys.intern, values))


def read_tree(block: Block, rows: Sequence[Row], column: int) -> Tree | None:
    """Return the tree in two columns (head, label) of the token rows; None if each head is "_".

    Raises:
        DataError: a head is not a number from 0 to the number of tokens, or the heads form a cycle.
    """
    texts = [columns[column] for _, columns in rows]
    if all(text == "_" for text in texts):
        return None
    for (line, _), text in zip(rows, texts, strict=True):
        if not (is_number(text) and int(text) <= len(rows)):
            raise DataError(block.path, line, f"expected a head from 0 to {len(rows)}, got {shown(text)}")
    heads = tuple(map(int, texts))
    token = token_on_cycle(heads)
    if token is not None:
        line = rows[token - 1][0]
        raise DataError(block.path, line, f"expected a tree, got a cycle through token {token}")
    return Tree(heads, interned(columns[column + 1] or "_" for _, columns in rows))


def check_token(block: Block, line: int, columns: Sequence[str], token: int) -> None:
    """Check the first two columns of the row of a token: its number, from 1, and its form.

    Raises:
        DataError: another number, or an empty form.
    """
    if columns[0] != str(token):
        raise DataError(block.path, line, f"expected token id {token}, got {shown(columns[0])}")
    if not columns[1]:
        raise DataError(block.path, line, "expected a form in column 2, got nothing")


def check_length(sentence: Sentence, source: Source) -> None:
    """Raise a ValueError that names the sentence if it has more or fewer tokens than its source."""
    if len(sentence) != len(source.original):
        raise WriteError(
            f"sentence {sentence.id}: expected the {len(source.original)} tokens of its source, "
            f"got {len(sentence)} (set source=None to write it from scratch)"
        )


def check_writable(sentence: Sentence, tree: Tree | None) -> None:
    """Check that the tab-separated formats can hold a sentence's tokens and tree.

    Raises:
        ValueError: there are no tokens, annotations differ in length from them, a value is empty or holds a tab or line
            end, or a head is out of range; the message names the sentence.
    """
    n = len(sentence)
    if n == 0:
        raise WriteError(f"sentence {sentence.id}: expected tokens, got none")
    values: dict[str, tuple[str, ...]] = {
        "forms": sentence.forms,
        "lemmas": sentence.lemmas,
        "tags": sentence.tags,
    }
    if sentence.upos:
        values["upos"] = sentence.upos
    if tree is not None:
        values["labels"] = tree.labels
        if len(tree.heads) != n or not all(0 <= head <= n for head in tree.heads):
            raise WriteError(f"sentence {sentence.id}: expected {n} heads from 0 to {n}, got {tree.heads}")
    for name, cells in values.items():
        if len(cells) != n:
            raise WriteError(f"sentence {sentence.id}: expected {n} {name}, got {len(cells)}")
        check_values(sentence, name, cells)


def check_values(sentence: Sentence, name: str, values: Sequence[str]) -> None:
    """Raise a ValueError that names the sentence if a value does not fit into one column."""
    for value in values:
        if not fits_column(value):
            message = f"sentence {sentence.id}: {name}: expected text without tabs and line ends"
            raise WriteError(f"{message}, got {shown(value)}")


def fits_column(value: str) -> bool:
    """Return whether a writer can put a value into one column."""
    return bool(value) and not ("\t" in value or "\n" in value or "\r" in value)


def fits_comment(key: str, value: str) -> bool:
    """Return whether a writer can put a value into a comment `# KEY = VALUE` from which it is read as it was.

    The key is none that CoNLL-U or this library gives another meaning.
    """
    outside = key.strip() != key or value.strip() != value
    return fits_column(key) and fits_column(value) and not outside and "=" not in key and key not in _OTHER_COMMENTS


def checked_id(block: Block, value: str) -> str:
    """Return the id that a comment gives. Raises DataError if no writer could write it."""
    if not fits_column(value):
        raise DataError(block.path, block.line, f"expected a sentence id without tabs, got {shown(value)}")
    return value


def is_number(text: str) -> bool:
    """Return whether a text is a whole number of at most nine digits, as no line or token has a higher one."""
    return len(text) <= 9 and text.isascii() and text.isdecimal()


def _is_blank(line: str) -> bool:
    """Return whether a line ends a sentence; one with tabs is a row of empty columns, an error elsewhere."""
    return not line.strip(" \r\n")


def _missing_line_ends(text: str) -> str:
    """Return the line ends that are missing between a block's text and another block."""
    if not text.endswith("\n"):
        return "\n\n"
    return "" if _is_blank(text[:-1].rpartition("\n")[2]) else "\n"


def token_on_cycle(heads: Sequence[int]) -> int | None:
    """Return a token that is its own ancestor, or None if the heads form a tree."""
    walk = [0] * (len(heads) + 1)  # the walk towards ROOT that came first through each token
    for start in range(1, len(heads) + 1):
        token = start
        while token and not walk[token]:
            walk[token] = start
            token = heads[token - 1]
        if token and walk[token] == start:
            return token
    return None
