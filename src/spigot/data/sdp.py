"""Semantic dependency graphs in the formats of the SDP tasks.

SDP 2015: a header, and the columns id, form, lemma, pos, top (+/-), pred (+/-), frame, and one column of arguments
for each predicate, in the order of the predicates. The *companion* variant has a syntactic head and label between
pos and top. SDP 2014 has neither header nor frames. See Oepen et al. (2014), "SemEval 2014 Task 8: Broad-Coverage
Semantic Dependency Parsing", Oepen et al. (2015), "SemEval 2015 Task 18", and the data pages of the two tasks,
http://sdp.delph-in.net/2014/data.html and http://sdp.delph-in.net/2015/data.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from .arguments import argument_columns, frames_of, read_arguments
from .blocks import (
    Block,
    Row,
    Source,
    check_length,
    check_token,
    check_values,
    check_writable,
    checked_id,
    interned,
    map_rows,
    new_block,
    read_blocks,
    read_tree,
    source_of,
    with_comments,
    write_blocks,
)
from .errors import DataError, WriteError
from .files import Readable, Writable
from .sentence import SEMANTICS, SYNTAX, TOP, Arc, Graph, Sentence, Tree

HEADER = "#SDP 2015"


class Layout(NamedTuple):
    """Which columns a file has."""

    companion: bool
    frames: bool

    @property
    def top(self) -> int:
        """The index of the column top."""
        return 6 if self.companion else 4

    @property
    def fixed(self) -> int:
        """The number of columns before the arguments."""
        return self.top + 2 + self.frames

    @property
    def format(self) -> str:
        """The name of the format, the same for a sentence that is written as for one that was read."""
        return f"sdp{'' if self.frames else '2014'}{'-companion' if self.companion else ''}"


LAYOUTS = tuple(Layout(companion, frames) for companion in (False, True) for frames in (True, False))


def read_sdp(
    source: Readable,
    companion: bool | None = None,
    graph: str = SEMANTICS,
    tree: str = SYNTAX,
    frames: bool = True,
) -> Iterator[Sentence]:
    """Yield the sentences of an SDP file, one at a time, each with a graph.

    Tops are arcs `Arc(0, token, TOP)`; the arcs of a graph are sorted. The id is what the "#" line before the
    sentence says, or the sentence's running number where there is none.

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.
        companion: whether the file has the two columns of a syntactic tree; None: see from the first sentence.
        graph: the name of the graphs: `sentence.graphs[graph]`.
        tree: the name of the trees of the companion variant.
        frames: whether the file has the column frame, as in 2015.

    Raises:
        DataError: another header, wrong number of columns, ids that do not count 1, 2, 3, ..., top or pred
            other than + and -, companion heads that are no tree.
    """
    for number, block in enumerate(read_blocks(source, comments=True, header="#SDP"), 1):
        _check_header(block)
        rows: list[Row] = [(line, text.split("\t")) for line, text in block.lines() if text[0] != "#"]
        if companion is None:
            companion = _looks_like_companion(rows[0][1])
        yield _sentence(block, number, rows, Layout(companion, frames), graph, tree)


def write_sdp(
    sentences: Iterable[Sentence],
    target: Writable,
    companion: bool | None = None,
    comments: Callable[[Sentence], Sequence[str]] = lambda sentence: (),
    graph: str = SEMANTICS,
    tree: str = SYNTAX,
    frames: bool | None = None,
) -> None:
    """Write sentences as SDP.

    A sentence that was read from SDP and not changed is written as it stood there; otherwise its rows are
    made from its forms, lemmas, tags, graph and (with `companion`) tree, and its comments stay.

    Args:
        sentences: what to write; the file grows as they come.
        target: path ("-" is standard output, ".gz" is packed) or open text file.
        companion: whether to write the two columns of the syntactic tree; None: as in the file that the first
            sentence was read from, no if it comes from elsewhere.
        comments: what to write in comment lines of their own before a sentence's tokens.
        graph: the name of the graphs to write.
        tree: the name of the trees to write with `companion`.
        frames: whether to write a header and the column frame, as in 2015; None: as in the file that the first
            sentence was read from, yes if it comes from elsewhere.

    Raises:
        ValueError: a sentence has no graph or does not fit the format (an arc from a token that is not a
            predicate, two arcs between the same tokens, ...); the message names it.
    """
    iterator = iter(sentences)
    first = next(iterator, None)
    origin = None if first is None else next((o for o in LAYOUTS if source_of(first, o.format)), None)
    layout = Layout(
        companion=(origin is not None and origin.companion) if companion is None else companion,
        frames=(origin is None or origin.frames) if frames is None else frames,
    )

    def render(sentence: Sentence) -> str:
        return with_comments(block_of(sentence), [f"# {comment}" for comment in comments(sentence)])

    def block_of(sentence: Sentence) -> str:
        source = source_of(sentence, layout.format)
        written = sentence.trees.get(tree) if layout.companion else None
        annotations = sentence.graphs.get(graph), written
        if source is not None and source.same_tokens(sentence) and annotations == (source.graph, source.tree):
            return source.block.text
        rows = _new_rows(sentence, sentence.graphs.get(graph), written, layout)
        if source is None:
            return new_block([f"#{sentence.id}"], rows)
        return _with_new_rows(sentence, source, rows)

    write_blocks(
        chain([] if first is None else [first], iterator),
        target,
        format=layout.format,
        render=render,
        preamble=HEADER + "\n" if layout.frames else "",
    )


def _check_header(block: Block) -> None:
    # A file without a header is read as if it had the right one.
    for line, text in enumerate((block.preamble or "").split("\n"), 1):
        found = text.lstrip("\ufeff").rstrip(" \r")
        if found and found != HEADER:
            raise DataError(block.path, line, f"expected the header {HEADER!r}, got {found!r}")


def _looks_like_companion(columns: list[str]) -> bool:
    plain, shifted = columns[4:6], columns[6:8]
    return not set(plain) <= {"+", "-"} and len(shifted) == 2 and set(shifted) <= {"+", "-"}


def _comment_id(block: Block) -> str:
    """Return what the first comment says, passing over headers of files that were joined; "" without one."""
    comments = (text for _, text in block.lines() if text.startswith("#") and text.rstrip() != HEADER)
    return next(comments, "#")[1:].strip()


def _sentence(block: Block, number: int, rows: list[Row], layout: Layout, graph: str, tree: str) -> Sentence:
    """Return the sentence of a block."""
    predicates = _predicates(block, rows, layout)
    found = read_tree(block, rows, 4) if layout.companion else None
    tops = [Arc(0, token, TOP) for token, (_, columns) in enumerate(rows, 1) if columns[layout.top] == "+"]
    frame = layout.top + 2
    original = Sentence(
        id=checked_id(block, _comment_id(block) or str(number)),
        forms=interned(columns[1] for _, columns in rows),
        lemmas=interned(columns[2] or "_" for _, columns in rows),
        tags=interned(columns[3] or "_" for _, columns in rows),
        trees={} if found is None else {tree: found},
        graphs={
            graph: Graph(
                arcs=tuple(sorted(tops + read_arguments(block, rows, layout.fixed, predicates))),
                predicates=frozenset(predicates),
                frames=interned(columns[frame] or "_" for _, columns in rows) if layout.frames else (),
            )
        },
    )
    return replace(original, source=Source(layout.format, block, original))


def _predicates(block: Block, rows: list[Row], layout: Layout) -> list[int]:
    """Return the tokens flagged as predicates, having checked all columns before the arguments."""
    top = layout.top
    for token, (line, columns) in enumerate(rows, 1):
        if len(columns) < layout.fixed:
            message = f"expected at least {layout.fixed} tab-separated columns, got {len(columns)}"
            raise DataError(block.path, line, message)
        check_token(block, line, columns, token)
        for name, flag in zip(("top", "pred"), columns[top : top + 2], strict=True):
            if flag not in ("+", "-"):
                raise DataError(block.path, line, f"expected + or - in column {name}, got {flag!r}")
    return [token for token, (_, columns) in enumerate(rows, 1) if columns[top + 1] == "+"]


def _new_rows(sentence: Sentence, graph: Graph | None, tree: Tree | None, layout: Layout) -> list[list[str]]:
    """Return the columns of each token, made from the sentence alone."""
    check_values(sentence, "id", (sentence.id,))
    check_writable(sentence, tree)
    n = len(sentence)
    if graph is None:
        raise WriteError(f"sentence {sentence.id}: expected a graph, got none")
    frames = frames_of(sentence, graph)
    heads = map(str, tree.heads) if tree else ("_",) * n
    labels = tree.labels if tree else ("_",) * n
    syntax = list(zip(heads, labels, strict=True))
    tops = {arc.modifier for arc in graph.arcs if arc.head == 0}
    arguments = argument_columns(sentence, graph)
    return [
        [
            *(str(token), sentence.forms[token - 1], sentence.lemmas[token - 1], sentence.tags[token - 1]),
            *(syntax[token - 1] if layout.companion else ()),
            *("+" if token in tokens else "-" for tokens in (tops, graph.predicates)),
            *((frames[token - 1],) if layout.frames else ()),
            *arguments[token - 1],
        ]
        for token in range(1, n + 1)
    ]


def _with_new_rows(sentence: Sentence, source: Source, rows: list[list[str]]) -> str:
    """Return the text of the sentence's source with other token rows, and another id if that was changed."""
    check_length(sentence, source)
    iterator = iter(rows)
    text = map_rows(source.block.text, lambda _: next(iterator))
    if sentence.id == source.original.id:
        return text
    old = _comment_id(source.block)
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if old and line.startswith("#") and line[1:].strip() == old:
            lines[index] = f"#{sentence.id}" + ("\r" if line.endswith("\r") else "")
            return "\n".join(lines)
    return "\n".join([f"#{sentence.id}", *lines])
