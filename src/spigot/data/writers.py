"""Writing sentences in any format, and what a format cannot hold of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from .blocks import Source
from .conll2009 import PREDICTED, write_conll2009
from .conllu import write_conllu
from .conllx import write_conllx
from .files import Writable
from .json_lines import write_json_lines
from .mrp import nodes_of, write_mrp
from .plain import write_plain
from .sdp import write_sdp
from .sentence import SEMANTICS, SYNTAX, Arc, Graph, Sentence
from .sst import write_sst

WRITERS: Mapping[str, Callable[[Iterable[Sentence], Writable], None]] = MappingProxyType(
    {
        "conllu": lambda sentences, target: write_conllu(sentences, target, graph=SEMANTICS),
        "conllx": write_conllx,
        "conll2009": write_conll2009,
        "sdp": lambda sentences, target: write_sdp(sentences, target, companion=False, frames=True),
        "sdp-companion": lambda sentences, target: write_sdp(sentences, target, companion=True, frames=True),
        "sdp2014": lambda sentences, target: write_sdp(sentences, target, companion=False, frames=False),
        "mrp": write_mrp,
        "json": write_json_lines,
        "sst": write_sst,
        "text": write_plain,
    }
)
"""For each format how to write trees and graphs of the default names."""
_ARGUMENT_COLUMNS = frozenset({"sdp", "sdp-companion", "sdp2014", "conll2009"})
_NEED_GRAPHS = frozenset({"sdp", "sdp-companion", "sdp2014", "mrp"})
_HOLD_GRAPHS = _NEED_GRAPHS | {"conll2009", "conllu", "json"}
_HOLD_TREES = frozenset({"conllu", "json", "conllx", "conll2009", "sdp-companion"})
_HOLD_NOTHING = frozenset({"json", "mrp"})
"""Formats of objects; in the others a sentence is as long as it has tokens."""
_WITHOUT_IDS = frozenset({"conllx", "conll2009", "text"})


def fitting(sentences: Iterable[Sentence], format: str, lost: Counter[str]) -> Iterator[Sentence]:
    """Yield what a format can hold of sentences, and count in `lost` what it cannot.

    Sentences without a graph, or without tokens, are left out where a format needs them.
    """
    number = 0
    for sentence in sentences:
        graph = sentence.graphs.get(SEMANTICS)
        if graph is None and format in _NEED_GRAPHS:
            lost["sentences without a graph"] += 1
            continue
        if not sentence.forms and format not in _HOLD_NOTHING:
            lost["sentences without tokens"] += 1
            continue
        number += 1
        source = sentence.source if isinstance(sentence.source, Source) else None
        if source is not None and source.format == format:
            yield sentence  # it is written as it stood there
            continue
        if source is not None:
            lost.update(_lost_columns(source))
        lost["trees"] += SYNTAX in sentence.trees and format not in _HOLD_TREES
        lost["sentiments"] += sentence.sentiment is not None and format not in ("sst", "json")
        lost["categories"] += bool(sentence.categories) and format not in ("conllu", "json")
        lost["sentence ids"] += format in _WITHOUT_IDS and sentence.id != str(number)
        nodes = nodes_of(graph) if graph is not None and format == "mrp" else range(1, len(sentence) + 1)
        kept = set() if format == "text" else set(nodes)
        for name, values in (("lemmas", sentence.lemmas), ("tags", sentence.tags)):
            lost[name] += sum(value != "_" and token not in kept for token, value in enumerate(values, 1))
        if graph is not None and format not in _HOLD_GRAPHS:
            lost["graphs"] += 1
        elif graph is not None:
            lost.update(_lost_of_graph(graph, format, kept))
            sentence = sentence.with_graph(SEMANTICS, _fitting_graph(graph, format))
        yield sentence


def _lost_of_graph(graph: Graph, format: str, nodes: set[int]) -> Iterator[str]:
    """Yield the name of each thing in a graph that a format for graphs cannot hold."""
    heads = {arc.head for arc in graph.arcs}
    for token, frame in enumerate(graph.frames, 1):
        held = {"conllu": False, "sdp2014": False, "conll2009": token in graph.predicates, "mrp": token in nodes}
        if frame != "_" and not held.get(format, True):
            yield "frames"
    if format in ("conllu", "mrp"):
        yield from ("predicates without arguments" for token in graph.predicates if token not in heads)
    if format == "conll2009":
        yield from ("tops" for arc in graph.arcs if arc.head == 0)
    if format == "conllu":
        yield from ("arcs of a token to itself" for arc in graph.arcs if arc.head == arc.modifier)
    if format in _ARGUMENT_COLUMNS:
        pairs = {(arc.head, arc.modifier) for arc in graph.arcs}
        yield from ("second arcs between two tokens" for _ in range(len(graph.arcs) - len(pairs)))


def _fitting_graph(graph: Graph, format: str) -> Graph:
    """Return a graph without the arcs that a format cannot hold; of several between two tokens the first stays."""
    arcs = graph.arcs
    if format == "conllu":
        arcs = tuple(arc for arc in arcs if arc.head != arc.modifier)
    if format in _ARGUMENT_COLUMNS:
        first: dict[tuple[int, int], Arc] = {}
        for arc in arcs:
            first.setdefault((arc.head, arc.modifier), arc)
        arcs = tuple(first.values())
    return graph if arcs == graph.arcs else replace(graph, arcs=arcs)


def _lost_columns(source: Source) -> Iterator[str]:
    """Yield the name of each thing in a sentence's text that a `Sentence` does not hold."""
    format = source.format
    for _, line in source.block.lines():
        columns = line.split("\t")
        if format == "conllu":
            if line.startswith("#"):
                if not line.startswith(("# sent_id", "# text =")):
                    yield "comments"
            elif "-" in columns[0]:
                yield "multiword tokens"
            elif "." in columns[0]:
                yield "empty nodes"
            else:
                yield from _filled(columns, {"features": (5,), "values of MISC": (9,)})
                yield from _coarse_tag(columns)
        elif format == "conllx":
            yield from _filled(columns, {"features": (5,), "projective heads": (8,)})
            yield from _coarse_tag(columns)
        elif format == "conll2009":
            yield from _filled(columns, {"features": (6,), "predicted columns": PREDICTED})


def _coarse_tag(columns: list[str]) -> Iterator[str]:
    """Yield a name if there is a coarse tag beside another, fine one, which is the one that is kept."""
    coarse, fine = columns[3:5]
    if fine not in ("", "_", coarse) and coarse not in ("", "_"):
        yield "coarse tags"


def _filled(columns: list[str], names: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    for name, indices in names.items():
        yield from (name for index in indices if columns[index] not in ("", "_"))
