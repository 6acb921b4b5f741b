"""CoNLL-U files (Universal Dependencies), read and written without loss.

The `conllu` library interprets comments, ids and values. It does not keep the text as it was (repeated or
unusual comments, empty columns, columns with two spaces), so the text stays with the sentence instead;
`token_list` gives the library's view of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from conllu.exceptions import ParseException
from conllu.models import Metadata, Token, TokenList
from conllu.parser import DEFAULT_FIELD_PARSERS, DEFAULT_FIELDS, parse_comment_line, parse_id_value

from .blocks import (
    Block,
    Row,
    Source,
    check_values,
    check_writable,
    checked_id,
    fits_comment,
    map_rows,
    new_block,
    read_blocks,
    source_of,
    with_comments,
    write_blocks,
)
from .conllx import new_rows, sentence_of_rows, split_rows, with_new_columns
from .enhanced import DEPS, arcs_between_words, deps_columns, graph_of_arcs, read_enhanced
from .errors import DataError, WriteError, shown
from .files import Readable, Writable
from .misc import MISC, graph_names, merged, misc_of_graphs, misc_of_tree, names_graphs, read_graph
from .sentence import SEMANTICS, SENTIMENTS, SYNTAX, Confidence, Graph, Sentence, Tree
from .surface import misc_of_space, spaces_after

FORMAT = "conllu"
_EMPTY_NODE = re.compile(r"[0-9]+\.[0-9]+")


def read_conllu(source: Readable, tree: str = SYNTAX, graph: str | None = None) -> Iterator[Sentence]:
    """Yield the sentences of a CoNLL-U file, one at a time.

    Tokens are the syntactic words. Tags are XPOS, or UPOS where that is "_", and universal tags are UPOS; the id is
    `sent_id`, or the running number of the sentence where there is none; a sentence whose heads are all "_" has no
    tree. Multiword tokens, empty nodes, comments and all other columns stay in the sentence's source and come back
    when it is written.

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.
        tree: the name of the trees: `sentence.trees[tree]`.
        graph: the name of the graphs in the column DEPS, `sentence.graphs[graph]`, for sentences where it is not
            empty; empty nodes are taken out as in `arcs_between_words`. None: DEPS is not read. The graphs that a
            comment `graphs` names (see `spigot.data.misc`) are always read, under their names; a single one under this
            one.

    Raises:
        DataError: wrong number of columns, ids out of order, heads that are no tree, comments without tokens.
    """
    for number, block in enumerate(read_blocks(source, comments=True), 1):
        yield sentence_of_block(block, number, tree, graph)


def sentence_of_block(block: Block, number: int, tree: str = SYNTAX, graph: str | None = None) -> Sentence:
    """Return the sentence of one block, the `number`-th of its file; for readers that go on after an error.

    Raises:
        DataError: see `read_conllu`.
    """
    rows = split_rows(block, ((line, text) for line, text in block.lines() if text[0] != "#"))
    sentence = sentence_of_rows(FORMAT, block, _sentence_id(block) or str(number), _words(block, rows), tree, True)
    graphs = _graphs(block, graph)
    if not graphs:
        return sentence
    original = replace(sentence, source=None, graphs=graphs)
    return replace(original, source=Source(FORMAT, block, original))


def _graphs(block: Block, name: str | None) -> dict[str, Graph]:
    """Return the graphs of a block by name."""
    if names := graph_names(block):
        if len(names) == 1:
            return {names[0] if name is None else name: read_graph(block, names[0], alone=True)}
        return {each: read_graph(block, each, alone=False) for each in names}
    found = None if name is None else _graph(block)
    return {} if name is None or found is None else {name: found}


def _graph(block: Block) -> Graph | None:
    """Return the graph in DEPS, None if the column is empty."""
    enhanced = read_enhanced(block)
    return graph_of_arcs(arcs_between_words(enhanced)) if enhanced else None


def with_own_name(sentence: Sentence) -> Sentence:
    """Return a sentence with the name that the comment `graphs` of its CoNLL-U gives its only graph."""
    source = source_of(sentence, FORMAT)
    names = [] if source is None else graph_names(source.block)
    if source is None or len(names) != 1:
        return sentence
    graphs = dict(zip(names, sentence.graphs.values(), strict=True))
    original = replace(source.original, graphs=graphs)
    return replace(sentence, graphs=graphs, source=replace(source, original=original))


def comment_of(sentence: Sentence, key: str) -> str | None:
    """Return the value of a comment (`# topic = sports`) of a sentence that was read from CoNLL-U, None without one.

    Raises:
        DataError: there are several, with different values.
    """
    source = source_of(sentence, FORMAT)
    if source is None:
        return None
    found = dict.fromkeys(_comments(source.block, key))
    if len(found) > 1:
        message = f"sentence {sentence.id!r}: expected one comment {key}, got {shown(' and '.join(found))}"
        raise DataError(source.block.path, source.block.line, message)
    return next(iter(found), None)


def write_conllu(sentences: Iterable[Sentence], target: Writable, tree: str = SYNTAX, graph: str | None = None) -> None:
    """Write sentences as CoNLL-U.

    A sentence that was read from CoNLL-U is written as it stood there; what was changed since (id, form,
    lemma, tags, head, label, arcs) is put in its place. Others get the comments `sent_id` and `text` (the forms
    with blanks between them), their tags as XPOS and their universal tags as UPOS. Categories are comments:
    `# topic = sports`.

    Args:
        sentences: what to write; the file grows as they come.
        target: path ("-" is standard output, ".gz" is packed) or open text file.
        tree: the name of the trees to write; a sentence without such a tree gets "_" in its columns.
        graph: the name of the graphs to write to DEPS, tops as `0:root`; None: DEPS stays as it was read. The
            column holds neither frames nor predicates without arguments.

    Raises:
        ValueError: a sentence does not fit the format; the message names it.
    """

    def render(sentence: Sentence) -> str:
        text = _with_categories(_render(sentence, sentence.trees.get(tree)), sentence, confidence=False)
        return text if graph is None else _with_graph(text, sentence, sentence.graphs.get(graph))

    write_blocks(sentences, target, format=FORMAT, render=render)


def write_parses(
    sentences: Iterable[Sentence],
    target: Writable,
    tree: str | None = None,
    keep_deps: bool = False,
    comments: Callable[[Sentence], Sequence[str]] = lambda sentence: (),
    keep_unchanged: bool = False,
) -> None:
    """Write predictions as CoNLL-U: a tree, all graphs, all classes and a sentiment, with their confidences.

    What stands in MISC says `spigot.data.misc`; classes are comments, see `category_comments`, and so is a sentiment.

    Args:
        sentences: what to write; the file grows as they come.
        target: path ("-" is standard output, ".gz" is packed) or open text file.
        tree: the name of the trees to write; None: each sentence's only one, if it has one.
        keep_deps: whether to keep the DEPS that the sentence was read with, where it has no graph, or several, which
            are in MISC; they belong to the tree that was there before. Empty nodes stand and fall with them.
        comments: what to write in comment lines of their own.
        keep_unchanged: whether a sentence that was read from CoNLL-U and not changed is written as it stood there.

    Raises:
        ValueError: a sentence has several trees and `tree` is None, or it does not fit the format; the message names
            the sentence.
    """

    def render(sentence: Sentence) -> str:
        source = source_of(sentence, FORMAT)
        if keep_unchanged and source is not None and source.has_all_of(sentence):
            # DEPS that were read as a graph because the reader was told its name get the comment that says so.
            unnamed = sentence.graphs.keys() - {SEMANTICS} and not graph_names(source.block)
            return with_comments(source.block.text, [_naming(sentence)]) if unnamed else source.block.text
        name = only_name("tree", sentence, sentence.trees, tree)
        text = _render(sentence, None if name is None else sentence.trees.get(name))
        text = _with_categories(text, sentence, confidence=True)
        text = _with_all_graphs(text, sentence, keep_deps)
        found = sentence.confidences.get(name) if name is not None else None
        cells = zip(misc_of_tree(found, len(sentence)), misc_of_graphs(sentence, sentence.graphs), strict=True)
        text = _with_misc(text, [[*of_tree, *of_graphs] for of_tree, of_graphs in cells], list(sentence.graphs))
        named = [*sentiment_comments(sentence), *comments(sentence)]
        lines = [_naming(sentence)] if sentence.graphs else []
        return with_comments(text, [*dict.fromkeys([*lines, *(f"# {comment}" for comment in named)])])

    write_blocks(sentences, target, format=FORMAT, render=render)


def _naming(sentence: Sentence) -> str:
    """Return the comment with the names of a sentence's graphs."""
    return f"# graphs = {' '.join(sentence.graphs)}"


def category_comments(sentence: Sentence, name: str) -> list[str]:
    """Return a class as comments: `topic = sports`, and `topic.confidence = 0.9731` if its confidence is known."""
    known = sentence.confidences.get(name, Confidence()).labels
    return [f"{name} = {sentence.categories[name]}", *(f"{name}.confidence = {value:.4f}" for value in known)]


def sentiment_comments(sentence: Sentence) -> list[str]:
    """Return a sentiment and its probability, as far as they are known, as comments."""
    found = [] if sentence.sentiment is None else [f"sentiment = {SENTIMENTS[sentence.sentiment]}"]
    return found if sentence.probability is None else [*found, f"probability = {sentence.probability:.4f}"]


def only_name(kind: str, sentence: Sentence, items: Mapping[str, object], name: str | None) -> str | None:
    """Return `name`, or that of the only item; None if there is none.

    Raises:
        ValueError: there is no item of this name, or `name` is None and there are several; the message names the
            sentence.
    """
    if name is not None and name not in items:
        known = ", ".join(items) or "none"
        raise WriteError(f"sentence {sentence.id}: expected a {kind} of it ({known}), got {name!r}")
    if name is None and len(items) > 1:
        raise WriteError(f"sentence {sentence.id}: expected the name of one {kind} of {', '.join(items)}, got none")
    return next(iter(items), None) if name is None else name


def token_list(sentence: Sentence) -> TokenList:
    """Return the source of a sentence that was read from CoNLL-U as the `conllu` library's `TokenList`.

    It holds what a `Sentence` leaves out: multiword tokens, empty nodes, FEATS, DEPS, MISC and comments.

    Raises:
        ValueError: the sentence was not read from CoNLL-U.
    """
    source = source_of(sentence, FORMAT)
    if source is None:
        raise WriteError(f"sentence {sentence.id}: expected a sentence that was read from CoNLL-U")
    tokens, metadata = [], Metadata()
    for _, line in source.block.lines():
        if line.startswith("#"):
            metadata.update(parse_comment_line(line))
        else:
            columns = line.split("\t")
            tokens.append(Token((field, _value(field, columns, i)) for i, field in enumerate(DEFAULT_FIELDS)))
    return TokenList(tokens, metadata, default_fields=DEFAULT_FIELDS)


def _value(field: str, columns: list[str], index: int) -> Any:
    parser = DEFAULT_FIELD_PARSERS.get(field)
    return parser(columns, index) if parser else columns[index]


def _sentence_id(block: Block) -> str | None:
    """Return the value of the comment `sent_id`."""
    found = _comment(block, "sent_id")
    return None if found is None else checked_id(block, found)


def _comment(block: Block, key: str) -> str | None:
    """Return the value of the first comment of a key that has one."""
    return next(_comments(block, key), None)


def _comments(block: Block, key: str) -> Iterator[str]:
    """Yield the values of the comments of a key."""
    for _, line in block.lines():
        if line.startswith("#") and key in line:
            yield from (str(value) for found, value in parse_comment_line(line) if found == key and value)


def _words(block: Block, rows: list[Row]) -> list[Row]:
    """Return the rows of syntactic words, having checked the order of all ids."""
    words: list[Row] = []
    empty_nodes = span_end = span_line = 0
    for line, columns in rows:
        try:
            token_id = parse_id_value(columns[0])
        except (ParseException, ValueError):  # Python refuses numbers of thousands of digits
            token_id = None
        match token_id:
            case int() if token_id == len(words) + 1:
                words.append((line, columns))
                empty_nodes = 0
            case (int() as first, "-", int() as last) if first == len(words) + 1 and first > span_end:
                span_end, span_line = last, line
            case (int() as word, ".", int() as node) if word == len(words) and node == empty_nodes + 1:
                empty_nodes = node
            case _:
                raise DataError(block.path, line, f"expected token id {len(words) + 1}, got {shown(columns[0])}")
    if not words:
        raise DataError(block.path, rows[0][0] if rows else block.line, "expected at least one word, got none")
    if span_end > len(words):
        message = f"expected a multiword token within {len(words)} words, got one up to {span_end}"
        raise DataError(block.path, span_line, message)
    return words


def _render(sentence: Sentence, tree: Tree | None) -> str:
    source = source_of(sentence, FORMAT)
    if source is not None and source.same_tokens(sentence) and tree == source.tree:
        return source.block.text
    check_values(sentence, "id", (sentence.id,))
    if source is None:
        check_writable(sentence, tree)
        return _new_block(sentence, tree)
    text = with_new_columns(sentence, tree, source)
    return text if sentence.id == source.original.id else _with_new_id(text, sentence.id)


def _new_block(sentence: Sentence, tree: Tree | None) -> str:
    """Return the text of a sentence that comes from elsewhere; with raw text, where its tokens lie in it."""
    rows = list(new_rows(sentence, tree, coarse_tags=("_",) * len(sentence)))
    surface = sentence.surface
    if surface is None:
        comments = [f"# sent_id = {sentence.id}", f"# text = {' '.join(sentence.forms)}"]
        return new_block(comments, rows)
    text = "".join(" " if character in "\t\r\n" else character for character in surface.text)
    comments = [*(["# newpar"] if surface.paragraph else []), f"# sent_id = {sentence.id}", f"# text = {text}"]
    for row, space, (start, end) in zip(rows, spaces_after(surface), surface.spans, strict=True):
        row[MISC] = "|".join([*misc_of_space(space), f"TokenRange={surface.start + start}:{surface.start + end}"])
    return new_block(comments, rows)


def _with_categories(text: str, sentence: Sentence, confidence: bool) -> str:
    """Return a block's text with the sentence's categories as comments, and perhaps with new confidences of them."""
    for name, category in sentence.categories.items():
        if not fits_comment(name, category):
            message = f"sentence {sentence.id}: expected a name and a class for a comment"
            raise WriteError(f"{message}, got {shown(f'{name} = {category}')}")
    if not confidence:
        return with_comments(text, [f"# {name} = {category}" for name, category in sentence.categories.items()])
    lines = [f"# {line}" for name in sentence.categories for line in category_comments(sentence, name)]
    return with_comments(text, lines, stale=[f"{name}.confidence" for name in sentence.categories])


def _with_all_graphs(text: str, sentence: Sentence, keep_deps: bool) -> str:
    """Return a block's text with the only graph in DEPS; with the old DEPS, or none, if there is not just one graph."""
    graphs = list(sentence.graphs.values())
    lines = [line for line in text.split("\n") if not names_graphs(line)]
    if len(graphs) != 1 and keep_deps:
        return "\n".join(lines)
    rows = [line.split("\t", 1)[0] for line in lines]
    # Empty nodes are nodes of DEPS alone.
    text = "\n".join(line for line, number in zip(lines, rows, strict=True) if not _EMPTY_NODE.fullmatch(number))
    cells = iter(deps_columns(sentence, graphs[0]) if len(graphs) == 1 else ["_"] * len(sentence))

    def update(columns: list[str]) -> list[str]:
        columns[DEPS] = next(cells)
        return columns

    return map_rows(text, update)


def _with_misc(text: str, items: Sequence[Sequence[str]], graphs: Sequence[str]) -> str:
    """Return a block's text with these items in MISC, and without older ones of the same meaning."""
    rows = iter(items)

    def update(columns: list[str]) -> list[str]:
        columns[MISC] = merged(columns[MISC], next(rows), graphs)
        return columns

    return map_rows(text, update)


def _with_graph(text: str, sentence: Sentence, graph: Graph | None) -> str:
    """Return a block's text with a graph in DEPS; the column stays as it is if it holds this graph already."""
    source = source_of(sentence, FORMAT)
    if graph == (None if source is None else source.graph or _graph(source.block)):
        return text
    cells = iter(["_"] * len(sentence) if graph is None else deps_columns(sentence, graph))

    def update(columns: list[str]) -> list[str]:
        columns[DEPS] = next(cells)
        return columns

    return map_rows(text, update)


def _with_new_id(text: str, sentence_id: str) -> str:
    """Return a block's text with another `sent_id`, at the top if there was none."""
    lines = text.split("\n")
    end = "\r" if lines[0].endswith("\r") else ""
    comment = f"# sent_id = {sentence_id}{end}"
    for index, line in enumerate(lines):
        if line.startswith("#") and any(key == "sent_id" for key, _ in parse_comment_line(line)):
            lines[index] = comment
            return "\n".join(lines)
    return "\n".join([comment, *lines])
