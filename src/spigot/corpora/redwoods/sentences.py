"""One gold analysis, all the way from its record to its lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import reader
from .anchors import anchor
from .derivation import leaves_of
from .dm import is_cyclic, semantic_graph
from .drops import Dropped, Reason
from .formats import conllu_block, sdp_block
from .grammar import Grammar, read_grammar
from .lemmas import lemmas_and_frames
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
class LeftOut:
    """An analysis that is left out."""

    profile: str
    id: str
    reason: Reason
    detail: str = ""


def convert_record(record: reader.Record, grammar: Path) -> Converted | LeftOut:
    """Convert an analysis, or say why it is left out.

    Args:
        record: the analysis.
        grammar: the folder of the grammar's tables.
    """
    try:
        return _convert(record, read_grammar(grammar))
    except Dropped as dropped:
        return LeftOut(record.profile, record.id, dropped.reason, dropped.detail)


def _convert(record: reader.Record, grammar: Grammar) -> Converted:
    text = reader.unescape(record.text)
    semantics = reader.semantics(record.mrs)
    leaves = leaves_of(reader.derivation_tree(record.derivation), grammar.heads)
    initial = reader.initial_tokens(record.initial)
    if record.well_formed == "0":
        raise Dropped(Reason.ILL_FORMED)
    tokens = tokens_of(text, initial)
    covered = leaf_tokens(tokens, leaves)
    anchors = anchor(semantics, tokens, covered)
    graph = semantic_graph(semantics, anchors)
    if not graph.labels:
        raise Dropped(Reason.NO_EDGES)
    if is_cyclic(graph):
        raise Dropped(Reason.CYCLIC)
    tree = attachments(tokens, leaves, covered)
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
