"""CoNLL-2009 files: syntactic trees and the roles of predicates in one table.

Columns: ID FORM LEMMA PLEMMA POS PPOS FEAT PFEAT HEAD PHEAD DEPREL PDEPREL FILLPRED PRED, and one column of arguments
for each predicate (FILLPRED is Y), in the order of the predicates; columns that start with P were predicted. See
Hajič et al. (2009), "The CoNLL-2009 Shared Task: Syntactic and Semantic Dependencies in Multiple Languages", and
https://ufal.mff.cuni.cz/conll2009-st/task-description.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from .arguments import argument_columns, frames_of, read_arguments
from .blocks import (
    Block,
    Row,
    Source,
    check_token,
    check_writable,
    interned,
    map_rows,
    new_block,
    read_blocks,
    read_tree,
    source_of,
    write_blocks,
)
from .errors import DataError
from .files import Readable, Writable
from .sentence import SEMANTICS, SYNTAX, Graph, Sentence, Tree

FORMAT = "conll2009"
FORM, LEMMA, TAG, FEATURES, HEAD, LABEL, IS_PREDICATE, FRAME = 1, 2, 4, 6, 8, 10, 12, 13
FIXED = 14
PREDICTED = (3, 5, 7, 9, 11)
"""The predicted counterparts of lemma, tag, features, head and label, each one column to the right of it."""


def read_conll2009(source: Readable, tree: str = SYNTAX, graph: str = SEMANTICS) -> Iterator[Sentence]:
    """Yield the sentences of a CoNLL-2009 file, one at a time, each with a graph.

    Lemmas, tags, heads and labels are the gold ones, or the predicted ones where a sentence has none. Graphs have no
    tops, since the format has none. Ids are running numbers; a sentence whose heads are all "_" has no tree.

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.
        tree: the name of the trees: `sentence.trees[tree]`.
        graph: the name of the graphs: `sentence.graphs[graph]`.

    Raises:
        DataError: wrong number of columns, ids that do not count 1, 2, 3, ..., FILLPRED other than Y and _, heads
            that are no tree.
    """
    for number, block in enumerate(read_blocks(source, comments=False), 1):
        yield _sentence(block, number, tree, graph)


def write_conll2009(
    sentences: Iterable[Sentence], target: Writable, tree: str = SYNTAX, graph: str = SEMANTICS
) -> None:
    """Write sentences as CoNLL-2009; one that was read from CoNLL-2009 and not changed as it stood there.

    Others get their annotations in the gold columns, "_" in the predicted ones.

    Args:
        sentences: what to write; the file grows as they come.
        target: path ("-" is standard output, ".gz" is packed) or open text file.
        tree: the name of the trees to write; a sentence without such a tree gets "_" in its columns.
        graph: the name of the graphs to write; a sentence without such a graph has no predicates.

    Raises:
        ValueError: a sentence does not fit the format; the message names it.
    """
    write_blocks(sentences, target, format=FORMAT, render=lambda s: _render(s, s.trees.get(tree), s.graphs.get(graph)))


def _sentence(block: Block, number: int, tree: str, graph: str) -> Sentence:
    rows: list[Row] = [(line, text.split("\t")) for line, text in block.lines()]
    predicates = _predicates(block, rows)
    gold = {column: any(columns[column] not in ("", "_") for _, columns in rows) for column in (LEMMA, TAG, HEAD)}
    lemma, tag, head = (column if gold[column] else column + 1 for column in (LEMMA, TAG, HEAD))
    found = read_tree(block, [(line, [columns[head], columns[head + 2]]) for line, columns in rows], 0)
    original = Sentence(
        id=str(number),
        forms=interned(columns[FORM] for _, columns in rows),
        lemmas=interned(columns[lemma] or "_" for _, columns in rows),
        tags=interned(columns[tag] or "_" for _, columns in rows),
        trees={} if found is None else {tree: found},
        graphs={
            graph: Graph(
                arcs=tuple(sorted(read_arguments(block, rows, FIXED, predicates))),
                predicates=frozenset(predicates),
                frames=interned(columns[FRAME] or "_" for _, columns in rows),
            )
        },
    )
    return replace(original, source=Source(FORMAT, block, original))


def _predicates(block: Block, rows: list[Row]) -> list[int]:
    """Return the tokens flagged as predicates, having checked all columns before the arguments."""
    for token, (line, columns) in enumerate(rows, 1):
        if len(columns) < FIXED:
            message = f"expected at least {FIXED} tab-separated columns, got {len(columns)}"
            raise DataError(block.path, line, message)
        check_token(block, line, columns, token)
        if columns[IS_PREDICATE] not in ("Y", "_"):
            raise DataError(block.path, line, f"expected Y or _ in column FILLPRED, got {columns[IS_PREDICATE]!r}")
    return [token for token, (_, columns) in enumerate(rows, 1) if columns[IS_PREDICATE] == "Y"]


def _render(sentence: Sentence, tree: Tree | None, graph: Graph | None) -> str:
    source = source_of(sentence, FORMAT)
    if source is not None and source.same_tokens(sentence) and (tree, graph) == (source.tree, source.graph):
        return source.block.text
    check_writable(sentence, tree)
    rows = _new_rows(sentence, tree, graph or Graph((), frozenset()))
    if source is None or len(rows) != len(source.original):
        return new_block([], rows)
    iterator = iter(rows)

    def update(columns: list[str]) -> list[str]:
        row = next(iterator)
        for column in (FEATURES, *PREDICTED):
            row[column] = columns[column]
        return row

    return map_rows(source.block.text, update)


def _new_rows(sentence: Sentence, tree: Tree | None, graph: Graph) -> list[list[str]]:
    """Return the columns of each token, made from the sentence alone."""
    rows = []
    frames, arguments = frames_of(sentence, graph), argument_columns(sentence, graph)
    for index, form in enumerate(sentence.forms):
        row = ["_"] * FIXED
        row[0], row[FORM], row[LEMMA], row[TAG] = str(index + 1), form, sentence.lemmas[index], sentence.tags[index]
        if tree is not None:
            row[HEAD], row[LABEL] = str(tree.heads[index]), tree.labels[index]
        if index + 1 in graph.predicates:
            row[IS_PREDICATE], row[FRAME] = "Y", frames[index]
        rows.append([*row, *arguments[index]])
    return rows
