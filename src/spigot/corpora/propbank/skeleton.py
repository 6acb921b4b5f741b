"""PropBank's skeletons (.gold_skel): tags, rolesets and spans of arguments, without the words.

Columns, separated by blanks: document, sentence, token, `[WORD]`, tag, bracketed tree, lemma of the predicate,
roleset, and one column of spans for each predicate, in the order of the predicates:
`(ARG0*`, `*`, `*)`, `(V*)` as in CoNLL-2005 (Carreras and Màrquez 2005).
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from spigot.corpora.files import walk
from spigot.data.blocks import Block, read_blocks
from spigot.data.errors import DataError
from spigot.data.files import numbered_lines

EXTENSION = ".xml.gold_skel"
_TAG, _LEMMA, _ROLESET, _SPANS = 4, 6, 7, 8
_DOCUMENT = re.compile(r"(?:^|/)google/ewt/([a-z]+)/\d+/([^/]+)\.xml\.gold_skel$")
_OPEN, _CELL = re.compile(r"\(([^()*]+)"), re.compile(r"(?:\([^()*]+)*\*\)*")


class Span(NamedTuple):
    """Tokens start..end (from 1, both included) with a role; "V" and "C-V" are the predicate itself."""

    role: str
    start: int
    end: int


class Predicate(NamedTuple):
    """A predicate: the token that carries its roleset, and its spans in the order of their starts."""

    token: int
    roleset: str
    spans: tuple[Span, ...]


class Skeleton(NamedTuple):
    """One sentence: the tags of its tokens, the lemmas of its predicates ("" elsewhere), and the predicates."""

    where: str
    tags: tuple[str, ...]
    lemmas: tuple[str, ...]
    predicates: tuple[Predicate, ...]


def find_documents(source: Path) -> dict[str, tuple[str, str]]:
    """Return name and text of the skeletons of the English Web Treebank, by UD's document id ("weblog-NAME").

    They lie in `source` or in the folders within it as files `google/ewt/GENRE/00/NAME.xml.gold_skel`, or in a
    `.tar.gz` archive with such paths.

    Raises:
        DataError: there are none, or an archive is damaged.
    """
    documents: dict[str, tuple[str, str]] = {}
    for path in walk(source):
        if path.name.endswith(EXTENSION) and (key := _document_id(path.as_posix())):
            documents[key] = str(path), "".join(line for _, line in numbered_lines(path))
        elif path.name.endswith((".tar.gz", ".tgz")):
            documents |= _unpacked(path)
    if not documents:
        expected = f"google/ewt/GENRE/00/NAME{EXTENSION}, in folders or in a .tar.gz archive"
        raise DataError(source, None, f"expected PropBank's files {expected}, got none")
    return documents


def digest(documents: Mapping[str, tuple[str, str]]) -> str:
    """Return the SHA-256 of ids and texts of documents, each ended by a zero byte, in the order of the ids."""
    found = hashlib.sha256()
    for key in sorted(documents):
        found.update(f"{key}\0{documents[key][1]}\0".encode())
    return found.hexdigest()


def _unpacked(archive: Path) -> dict[str, tuple[str, str]]:
    documents = {}
    try:
        with tarfile.open(archive, "r:gz") as members:
            for member in members:
                key = _document_id(member.name)
                if key and member.isfile() and (file := members.extractfile(member)):
                    documents[key] = f"{archive}:{member.name}", file.read().decode("utf-8")
    except (tarfile.TarError, EOFError, OSError, UnicodeDecodeError) as error:
        raise DataError(archive, None, f"expected an intact .tar.gz archive of UTF-8 text, got: {error}") from None
    return documents


def _document_id(path: str) -> str | None:
    found = _DOCUMENT.search(path)
    return f"{found[1]}-{found[2]}" if found else None


def read_skeletons(name: str, text: str) -> Iterator[Skeleton | str]:
    """Yield the sentences of a document in order; for one that cannot be read, the line that says why."""
    lines = io.StringIO(text)
    lines.name = name  # type: ignore[misc]
    for block in read_blocks(lines, comments=False):
        try:
            yield _skeleton(block)
        except DataError as error:
            yield str(error)


def _skeleton(block: Block) -> Skeleton:
    rows = [(line, text.split()) for line, text in block.lines()]
    for token, (line, columns) in enumerate(rows):
        if len(columns) != len(rows[0][1]) or len(columns) < _SPANS:
            expected = max(len(rows[0][1]), _SPANS)
            raise DataError(block.path, line, f"expected {expected} columns, got {len(columns)}")
        if columns[2] != str(token):
            raise DataError(block.path, line, f"expected token number {token}, got {columns[2]!r}")
    carriers = [token for token, (_, columns) in enumerate(rows, 1) if columns[_ROLESET] != "-"]
    width = len(rows[0][1]) - _SPANS
    if len(carriers) != width:
        raise DataError(
            block.path, block.line, f"expected a column for each of {len(carriers)} predicates, got {width}"
        )
    predicates = [
        Predicate(token, rows[token - 1][1][_ROLESET], _spans(block, rows, _SPANS + index))
        for index, token in enumerate(carriers)
    ]
    return Skeleton(
        where=f"{block.path}:{block.line}",
        tags=tuple(columns[_TAG] for _, columns in rows),
        lemmas=tuple("" if columns[_LEMMA] == "-" else columns[_LEMMA] for _, columns in rows),
        predicates=tuple(predicates),
    )


def _spans(block: Block, rows: list[tuple[int, list[str]]], column: int) -> tuple[Span, ...]:
    spans: list[Span] = []
    waiting: list[tuple[str, int]] = []
    for token, (line, columns) in enumerate(rows, 1):
        cell = columns[column]
        if not _CELL.fullmatch(cell):
            raise DataError(block.path, line, f"expected brackets around * in column {column + 1}, got {cell!r}")
        waiting += [(role, token) for role in _OPEN.findall(cell)]
        for _ in range(cell.count(")")):
            if not waiting:
                raise DataError(block.path, line, f"expected a span to close in column {column + 1}, got none open")
            role, start = waiting.pop()
            spans.append(Span(role, start, token))
    if waiting:
        raise DataError(block.path, block.line, f"expected the span {waiting[-1][0]} to end, got the sentence's end")
    return tuple(sorted(spans, key=lambda span: (span.start, span.end)))
