"""Writing sentences in any format, and what a format cannot hold of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

from .blocks import Source
from .conll2009 import PREDICTED, write_conll2009
from .conllu import only_name, write_parses
from .conllx import write_conllx
from .errors import WriteError
from .files import Writable
from .json_lines import write_json_lines
from .misc import graph_names, is_of_graphs, names_graphs
from .mrp import nodes_of, write_mrp
from .plain import write_plain
from .sdp import write_sdp
from .sentence import NO_TAG, SEMANTICS, SYNTAX, TOP, Arc, Graph, Sentence
from .sst import write_sst

T = TypeVar("T")

WRITERS: Mapping[str, Callable[[Iterable[Sentence], Writable], None]] = MappingProxyType(
    {
        "conllu": lambda sentences, target: write_parses(sentences, target, keep_unchanged=True),
        "conllx": write_conllx,
        "conll2009": write_conll2009,
        "sdp": lambda sentences, target: write_sdp(sentences, target, companion=False, frames=True),
        "sdp-companion": lambda sentences, target: write_sdp(sentences, target, companion=True, frames=True),
        "sdp2014": lambda sentences, target: write_sdp(sentences, target, companion=False, frames=False),
        "mrp": lambda sentences, target: write_mrp(sentences, target, graph=None),
        "json": write_json_lines,
        "sst": write_sst,
        "text": write_plain,
    }
)
"""For each format how to write what `fitting` yields."""
_ARGUMENT_COLUMNS = frozenset({"sdp", "sdp-companion", "sdp2014", "conll2009"})
_NEED_GRAPHS = frozenset({"sdp", "sdp-companion", "sdp2014", "mrp"})
_HOLD_GRAPHS = _NEED_GRAPHS | {"conll2009", "conllu", "json"}
_HOLD_TREES = frozenset({"conllu", "json", "conllx", "conll2009", "sdp-companion"})
_HOLD_SEVERAL_GRAPHS = frozenset({"conllu", "json", "mrp"})
"""Their writers take any name; the others take the default ones."""
_HOLD_UPOS = frozenset({"conllu", "conllx", "json"})
_HOLD_CONFIDENCES = frozenset({"conllu", "json"})
_HOLD_TEXT = frozenset({"conllu", "json", "mrp"})
_HELD_MISC = {"mrp": {"SpaceAfter", "SpacesAfter"}, "json": {"SpaceAfter", "SpacesAfter", "TokenRange"}}
"""Keys of MISC that say of the text what these formats hold, too."""
_HOLD_NOTHING = frozenset({"json", "mrp"})
"""Formats of objects; in the others a sentence is as long as it has tokens."""
_WITHOUT_IDS = frozenset({"conllx", "conll2009", "text"})


def fitting(
    sentences: Iterable[Sentence], format: str, lost: Counter[str], tree: str | None = None, graph: str | None = None
) -> Iterator[Sentence]:
    """Yield what a format can hold of sentences, and count in `lost` what it cannot.

    Sentences without a graph, or without tokens, are left out where a format needs them.

    Args:
        sentences: what to write.
        format: one of `WRITERS`.
        lost: what is not held, and how often; it grows as sentences come.
        tree: the name of the trees to write; None: all.
        graph: the name of the graphs to write; None: all.

    Raises:
        ValueError: a sentence has no tree or graph of this name, or several where the format holds one alone; the
            message names the sentence.
    """
    number = 0
    for sentence in sentences:
        sentence = _chosen(sentence, format, tree, graph)
        if not sentence.graphs and format in _NEED_GRAPHS:
            lost["sentences without a graph"] += 1
            continue
        if not sentence.forms and format not in _HOLD_NOTHING:
            lost["sentences without tokens"] += 1
            continue
        number += 1
        source = sentence.source if isinstance(sentence.source, Source) else None
        if source is not None and source.format == format and _unchanged(sentence, source):
            yield sentence  # it is written as it stood there
            continue
        if source is not None and source.format != format:
            lost.update(_lost_columns(source, format))
        lost["trees"] += 0 if format in _HOLD_TREES else len(sentence.trees)
        lost["sentiments"] += sentence.sentiment is not None and format not in ("sst", "json", "conllu")
        lost["categories"] += bool(sentence.categories) and format not in ("conllu", "json")
        lost["sentence ids"] += format in _WITHOUT_IDS and sentence.id != str(number)
        lost["raw texts"] += sentence.surface is not None and format not in _HOLD_TEXT
        lost["confidences"] += sum(_loses_confidence(sentence, name, format) for name in sentence.confidences)
        nodes: Iterable[int] = range(1, len(sentence) + 1)
        if format == "mrp":
            nodes = (token for each in sentence.graphs.values() for token in nodes_of(each))
        kept = set() if format == "text" else set(nodes)
        for name, values in (("lemmas", sentence.lemmas), ("tags", sentence.tags)):
            lost[name] += sum(value != "_" and token not in kept for token, value in enumerate(values, 1))
        if format not in _HOLD_UPOS:
            lost["coarse tags"] += sum(
                pair[0] not in (NO_TAG, pair[1]) for pair in zip(sentence.upos, sentence.tags, strict=False)
            )
        if format not in _HOLD_GRAPHS:
            lost["graphs"] += len(sentence.graphs)
        else:
            in_deps = format == "conllu" and len(sentence.graphs) == 1
            for name, each in sentence.graphs.items():
                lost.update(_lost_of_graph(each, format, in_deps))
                fits = _fitting_graph(each, format, in_deps)
                sentence = sentence if fits is each else sentence.with_graph(name, fits)
        yield sentence


def _chosen(sentence: Sentence, format: str, tree: str | None, graph: str | None) -> Sentence:
    """Return a sentence with the trees and graphs to write, under names that the writer of a format knows."""
    one_tree = format in _HOLD_TREES and format != "json"
    one_graph = format in _HOLD_GRAPHS - _HOLD_SEVERAL_GRAPHS
    trees = _only("tree", sentence, sentence.trees, tree, one_tree)
    graphs = _only("graph", sentence, sentence.graphs, graph, one_graph)
    if format not in _HOLD_SEVERAL_GRAPHS and one_tree:
        trees = dict(zip([SYNTAX], trees.values(), strict=False))
    if one_graph:
        graphs = dict(zip([SEMANTICS], graphs.values(), strict=False))
    if trees == sentence.trees and graphs == sentence.graphs:
        return sentence
    left_out = {key for key in sentence.trees if tree not in (None, key)}
    left_out |= {key for key in sentence.graphs if graph not in (None, key)}
    confidences = {key: value for key, value in sentence.confidences.items() if key not in left_out}
    return replace(sentence, trees=trees, graphs=graphs, confidences=confidences)


def _only(kind: str, sentence: Sentence, held: Mapping[str, T], name: str | None, alone: bool) -> dict[str, T]:
    """Return the trees or graphs of a name, or all."""
    if name is not None and held:
        only_name(kind, sentence, held, name)  # there is one of this name
    if name is None and alone and len(held) > 1:
        raise WriteError(f"sentence {sentence.id}: expected one {kind}, got {', '.join(held)} (--{kind} says which)")
    return {key: value for key, value in held.items() if name in (None, key)}


def _unchanged(sentence: Sentence, source: Source) -> bool:
    """Return whether a sentence has what its source has; names do not count."""
    old = source.original
    ours, theirs = ([[*each.trees.values()], [*each.graphs.values()]] for each in (sentence, old))
    return ours == theirs


def _loses_confidence(sentence: Sentence, name: str, format: str) -> bool:
    """Return whether a format cannot hold a confidence: CoNLL-U holds none of tags."""
    annotated = name in sentence.trees or name in sentence.graphs or name in sentence.categories
    return format not in _HOLD_CONFIDENCES or (format == "conllu" and not annotated)


def _lost_of_graph(graph: Graph, format: str, in_deps: bool) -> Iterator[str]:
    """Yield the name of each thing in a graph that a format for graphs cannot hold."""
    heads = {arc.head for arc in graph.arcs}
    nodes = set(nodes_of(graph))
    for token, frame in enumerate(graph.frames, 1):
        held = {"sdp2014": False, "conll2009": token in graph.predicates, "mrp": token in nodes}
        if frame != "_" and not held.get(format, True):
            yield "frames"
    if format == "mrp":
        yield from ("predicates without arguments" for token in graph.predicates if token not in heads)
    if format == "conll2009":
        yield from ("tops" for arc in graph.arcs if arc.head == 0)
    if in_deps or format == "mrp":
        yield from ("labels of tops" for arc in graph.arcs if arc.head == 0 and arc.label != TOP)
    if in_deps:
        yield from ("arcs of a token to itself" for arc in graph.arcs if arc.head == arc.modifier)
    if in_deps or format in _ARGUMENT_COLUMNS:
        pairs = {(arc.head, arc.modifier) for arc in graph.arcs}
        yield from ("second arcs between two tokens" for _ in range(len(graph.arcs) - len(pairs)))


def _fitting_graph(graph: Graph, format: str, in_deps: bool) -> Graph:
    """Return a graph without the arcs that a format cannot hold; of several between two tokens the first stays."""
    arcs = graph.arcs
    if in_deps:
        arcs = tuple(arc for arc in arcs if arc.head != arc.modifier)
    if in_deps or format in _ARGUMENT_COLUMNS:
        first: dict[tuple[int, int], Arc] = {}
        for arc in arcs:
            first.setdefault((arc.head, arc.modifier), arc)
        arcs = tuple(first.values())
    return graph if arcs == graph.arcs else replace(graph, arcs=arcs)


def _lost_columns(source: Source, target: str) -> Iterator[str]:
    """Yield the name of each thing in a sentence's text that neither a `Sentence` nor its text in `target` holds."""
    format = source.format
    graphs = graph_names(source.block) if format == "conllu" else []
    for _, line in source.block.lines():
        columns = line.split("\t")
        if format == "conllu":
            if line.startswith("#"):
                known = line.startswith(("# sent_id", "# text =")) or names_graphs(line)
                if not (known or (target == "json" and line.strip() == "# newpar")):
                    yield "comments"
            elif "-" in columns[0]:
                yield "multiword tokens"
            elif "." in columns[0]:
                yield "empty nodes"
            else:
                yield from _filled(columns, {"features": (5,)})
                keys = [item.partition("=")[0] for item in columns[9].split("|")]
                held = _HELD_MISC.get(target, set()) | {"", "_"}
                if any(key not in held and not is_of_graphs(key, graphs) for key in keys):
                    yield "values of MISC"
        elif format == "conllx":
            yield from _filled(columns, {"features": (5,), "projective heads": (8,)})
            coarse, fine = columns[3:5]  # of two tags the fine one is kept
            if fine not in ("", "_", coarse) and coarse not in ("", "_"):
                yield "coarse tags"
        elif format == "conll2009":
            yield from _filled(columns, {"features": (6,), "predicted columns": PREDICTED})


def _filled(columns: list[str], names: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    for name, indices in names.items():
        yield from (name for index in indices if columns[index] not in ("", "_"))
