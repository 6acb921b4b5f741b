"""CoNLL-X files: ten columns (ID FORM LEMMA CPOSTAG POSTAG FEATS HEAD DEPREL PHEAD PDEPREL), no comments.

Buchholz and Marsi (2006), "CoNLL-X shared task on multilingual dependency parsing". CoNLL-U keeps the
meaning of the columns that a `Sentence` holds, so its reader and writer build on the functions here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from .blocks import (
    Block,
    Row,
    Source,
    check_length,
    check_writable,
    interned,
    map_rows,
    new_block,
    read_blocks,
    read_tree,
    source_of,
    write_blocks,
)
from .errors import DataError, shown
from .files import Readable, Writable
from .sentence import SYNTAX, Sentence, Tree

FORMAT = "conllx"
FORM, LEMMA, COARSE_TAG, FINE_TAG, HEAD, LABEL = 1, 2, 3, 4, 6, 7
NUMBER_OF_COLUMNS = 10


def read_conllx(source: Readable, tree: str = SYNTAX) -> Iterator[Sentence]:
    """Yield the sentences of a CoNLL-X file, one at a time.

    Tags are POSTAG, or CPOSTAG where that is "_"; ids are running numbers; a sentence whose heads are all "_"
    has no tree.

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.
        tree: the name of the trees: `sentence.trees[tree]`.

    Raises:
        DataError: wrong number of columns, ids that do not count 1, 2, 3, ..., heads that are no tree.
    """
    for number, block in enumerate(read_blocks(source, comments=False), 1):
        rows = split_rows(block, block.lines())
        for token, (line, columns) in enumerate(rows, 1):
            if columns[0] != str(token):
                raise DataError(block.path, line, f"expected token id {token}, got {shown(columns[0])}")
        yield sentence_of_rows(FORMAT, block, str(number), rows, tree)


def write_conllx(sentences: Iterable[Sentence], target: Writable, tree: str = SYNTAX) -> None:
    """Write sentences as CoNLL-X.

    A sentence that was read from CoNLL-X keeps its text, except for columns that were changed since (form, lemma,
    tags, head, label). CPOSTAG of others is their universal tag, or their tag where they have none.

    Args:
        sentences: what to write; the file grows as they come.
        target: path ("-" is standard output, ".gz" is packed) or open text file.
        tree: the name of the trees to write; a sentence without such a tree gets "_" in its columns.

    Raises:
        ValueError: a sentence does not fit the format; the message names it.
    """
    write_blocks(sentences, target, format=FORMAT, render=lambda sentence: _render(sentence, sentence.trees.get(tree)))


def _render(sentence: Sentence, tree: Tree | None) -> str:
    source = source_of(sentence, FORMAT)
    if source is None:
        check_writable(sentence, tree)
        return new_block([], new_rows(sentence, tree, coarse_tags=sentence.tags))
    if source.same_tokens(sentence) and tree == source.tree:
        return source.block.text
    return with_new_columns(sentence, tree, source)


def split_rows(block: Block, lines: Iterable[tuple[int, str]]) -> list[Row]:
    """Return line number and columns of each line; DataError unless these are ten with a form."""
    rows = [(number, line.split("\t")) for number, line in lines]
    for line, columns in rows:
        if len(columns) != NUMBER_OF_COLUMNS:
            raise DataError(block.path, line, f"expected {NUMBER_OF_COLUMNS} tab-separated columns, got {len(columns)}")
        if not columns[FORM]:
            raise DataError(block.path, line, "expected a form in column 2, got nothing")
    return rows


def sentence_of_rows(
    format: str, block: Block, id: str, words: list[Row], tree: str, universal: bool = False
) -> Sentence:
    """Return the sentence in the rows of its words (multiword tokens and empty nodes left out).

    `universal` says whether the coarse tags are universal ones.
    """
    found = read_tree(block, words, HEAD)
    coarse = interned(columns[COARSE_TAG] or "_" for _, columns in words) if universal else ()
    original = Sentence(
        id=id,
        forms=interned(columns[FORM] for _, columns in words),
        lemmas=interned(columns[LEMMA] or "_" for _, columns in words),
        tags=interned(columns[_tag_column(columns)] or "_" for _, columns in words),
        trees={} if found is None else {tree: found},
        upos=coarse if any(tag != "_" for tag in coarse) else (),
    )
    return replace(original, source=Source(format, block, original))


def with_new_columns(sentence: Sentence, tree: Tree | None, source: Source) -> str:
    """Return the text of the sentence's source with the form, lemma, tags, head and label that it has now."""
    check_writable(sentence, tree)
    check_length(sentence, source)
    tokens = iter(range(len(sentence)))
    old = source.original
    new_upos = sentence.upos != old.upos

    def update(columns: list[str]) -> list[str]:
        token = next(tokens)
        columns[FORM] = sentence.forms[token]
        columns[LEMMA] = sentence.lemmas[token]
        if sentence.tags[token] != old.tags[token]:
            columns[FINE_TAG if new_upos else _tag_column(columns)] = sentence.tags[token]
        if new_upos:
            columns[COARSE_TAG] = sentence.upos[token] if sentence.upos else "_"
        if tree is not None:
            columns[HEAD], columns[LABEL] = str(tree.heads[token]), tree.labels[token]
        elif source.tree is not None:
            columns[HEAD] = columns[LABEL] = "_"
        return columns

    return map_rows(source.block.text, update)


def new_rows(sentence: Sentence, tree: Tree | None, coarse_tags: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield ten columns for each token; `coarse_tags` are taken where it has no universal tags."""
    heads = map(str, tree.heads) if tree else ("_",) * len(sentence)
    labels = tree.labels if tree else ("_",) * len(sentence)
    columns = (sentence.forms, sentence.lemmas, sentence.upos or coarse_tags, sentence.tags, heads, labels)
    for token, (form, lemma, coarse, tag, head, label) in enumerate(zip(*columns, strict=True), 1):
        yield [str(token), form, lemma, coarse, tag, "_", head, label, "_", "_"]


def _tag_column(columns: list[str]) -> int:
    """Return the column that holds a token's tag: the fine one, unless the coarse one alone is filled."""
    fine_is_empty, coarse_is_empty = (columns[column] in ("", "_") for column in (FINE_TAG, COARSE_TAG))
    return COARSE_TAG if fine_is_empty and not coarse_is_empty else FINE_TAG
