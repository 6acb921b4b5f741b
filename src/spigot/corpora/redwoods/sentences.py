"""One gold analysis, all the way from its record to its lines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spigot.data.errors import DataError

from . import reader
from .anchors import anchor
from .derivation import HeadTable, leaves_of, read_head_table
from .dm import is_cyclic, semantic_graph
from .drops import Dropped, Reason
from .formats import conllu_block, sdp_block
from .lemmas import Synopses, lemmas_and_frames, read_synopses
from .splits import words_of
from .tokens import tokens_of
from .trees import attachments, leaf_tokens


@dataclass(frozen=True, slots=True)
class Converted:
    """A sentence that is ready to be written."""

    profile: str
    id: str
    words: str
    """The words of the raw text, by which texts are compared."""
    forms: tuple[str, ...]
    edges: int
    sdp: str
    conllu: str


@dataclass(frozen=True, slots=True)
class Left:
    """An analysis that is left out."""

    profile: str
    id: str
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Grammar:
    """What the conversion asks of the grammar."""

    heads: HeadTable
    synopses: Synopses


def grammar_folder(source: Path) -> Path:
    """Return the folder of the grammar's `rules.hds`: `etc` (as in its repository), `grammar`, or `source` itself.

    Raises:
        DataError: the file is in none of them.
    """
    folders = [source / "etc", source / "grammar", source]
    for folder in folders:
        if (folder / "rules.hds").is_file():
            return folder
    raise DataError(source, None, "expected the grammar's rules.hds in etc/, in grammar/ or here, got none")


@cache
def read_grammar(folder: Path) -> Grammar:
    """Read the grammar's tables, once a process."""
    return Grammar(read_head_table(folder / "rules.hds"), read_synopses(folder))


def convert_record(record: reader.Record, grammar: Path) -> Converted | Left:
    """Convert an analysis, or say why it is left out.

    Args:
        record: the analysis.
        grammar: the folder of the grammar's tables.
    """
    try:
        return _convert(record, read_grammar(grammar))
    except Dropped as dropped:
        return Left(record.profile, record.id, dropped.reason, dropped.detail)


def _convert(record: reader.Record, grammar: Grammar) -> Converted:
    text = reader.unescape(record.text)
    semantics = reader.semantics(record.mrs)
    leaves = leaves_of(reader.derivation_tree(record.derivation), grammar.heads)
    initial = reader.initial_tokens(record.initial)
    if record.well_formed == "0":
        raise Dropped(Reason.ILL_FORMED)
    tokens = tokens_of(text, initial)
    anchors = anchor(semantics, tokens, leaf_tokens(tokens, leaves))
    graph = semantic_graph(semantics, anchors)
    if not graph.labels:
        raise Dropped(Reason.NO_EDGES)
    if is_cyclic(graph):
        raise Dropped(Reason.CYCLIC)
    tree = attachments(tokens, leaves)
    lemmas, frames = zip(*lemmas_and_frames(semantics, anchors, tokens, grammar.synopses), strict=True)
    return Converted(
        record.profile,
        record.id,
        words_of(text),
        tuple(token.form for token in tokens),
        len(graph.labels),
        sdp_block(record.id, tokens, lemmas, frames, graph),
        conllu_block(record.id, tokens, lemmas, tree),
    )
