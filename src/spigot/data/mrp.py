"""Bi-lexical graphs in the JSON format of the MRP tasks: one object a line, nodes anchored to spans of the raw text.

Of the formalisms of the tasks those of flavor 0 (DM and PSD in 2019) are graphs over tokens; graphs of other flavors
cannot be held. See Oepen et al. (2019), "MRP 2019: Cross-Framework Meaning Representation Parsing", Oepen et al.
(2020), "MRP 2020", http://mrp.nlpl.eu, and the reference implementation, https://github.com/cfmrp/mtool.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .arguments import frames_of
from .blocks import Block, Source, fits_column, source_of
from .errors import DataError, WriteError, shown
from .files import BOM, Readable, Writable, display_name, numbered_lines, open_output, parse_json
from .sentence import SEMANTICS, TOP, Arc, Graph, Sentence
from .surface import surface_of

FORMAT = "mrp"
VERSION = 1.1
_WORD = re.compile(r"\S+")


class _Token(NamedTuple):
    start: int
    end: int
    nodes: dict[int, dict[str, Any]]
    """The nodes on it, by the number of their line."""


class _Line(NamedTuple):
    """One line: a graph."""

    block: Block
    content: dict[str, Any]


def read_mrp(source: Readable, graph: str = SEMANTICS) -> Iterator[Sentence]:
    """Yield the sentences of an MRP file (versions 0.9 to 1.1), one at a time, each with a graph or several.

    Tokens are what nodes are anchored to, and in the text between them what stands between blanks: so a word without
    a node is one token with the punctuation on it, if that has no node either. Lemmas are the labels of nodes; tags
    and frames their properties "pos" and "frame"; tokens without a node have "_".

    Lines in a row of one id and input, each with a framework of its own, are one sentence, whose graphs have the
    names of the frameworks. So a line is read ahead.

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.
        graph: the name of the graphs, `sentence.graphs[graph]`, of sentences that have one line.

    Raises:
        DataError: a line that is no JSON object, lacks a key, or holds a graph that is not over tokens.
    """
    lines = _lines(source)
    held: list[_Line] = []
    while True:
        error = None
        try:
            line = next(lines, None)
        except DataError as found:  # the sentence before it is still good
            line, error = None, found
        if held and (line is None or not _go_together(held, line)):
            yield _sentence(held, graph)
            held = []
        if error is not None:
            raise error
        if line is None:
            return
        held.append(line)


def write_mrp(sentences: Iterable[Sentence], target: Writable, graph: str | None = SEMANTICS) -> None:
    """Write sentences as MRP; one that was read from MRP and not changed as it stood there.

    The raw text of others is that of `surface_of`. Nodes are the tokens with arcs and the tops: the
    format does not know of other tokens. The key "framework" is the name of the graphs, left out where they have
    none of their own, and "time" is today's date.

    Args:
        sentences: what to write; the file grows as they come.
        target: path ("-" is standard output, ".gz" is packed) or open text file.
        graph: the name of the graphs to write; None: all of each sentence, a line for each.

    Raises:
        ValueError: a sentence has no graph, or an arc goes to a token outside it; the message names it.
    """
    with open_output(target) as file:
        for sentence in sentences:
            graphs = {name: found for name, found in sentence.graphs.items() if graph in (None, name)}
            source = source_of(sentence, FORMAT)
            if not graphs:
                raise WriteError(f"sentence {sentence.id}: expected a graph, got none")
            if source is not None and source.same_tokens(sentence) and _same_graphs(graphs, source.original.graphs):
                file.write(source.block.text.rstrip("\n") + "\n")
                continue
            for name, written in graphs.items():
                file.write(json.dumps(_object(sentence, written, name), ensure_ascii=False) + "\n")


def nodes_of(graph: Graph) -> list[int]:
    """Return the tokens that are nodes: those with arcs, and the tops."""
    return sorted({token for arc in graph.arcs for token in (arc.head, arc.modifier) if token})


def _same_graphs(graphs: Mapping[str, Graph], read: Mapping[str, Graph]) -> bool:
    """Return whether graphs are those that were read; a single one may have another name."""
    return graphs == read or (len(graphs) == 1 and list(graphs.values()) == list(read.values()))


def _lines(source: Readable) -> Iterator[_Line]:
    """Yield the lines of a file that are not blank."""
    name = display_name(source)
    for number, line in numbered_lines(source):
        text = line.removeprefix(BOM) if number == 1 else line
        if text.strip():
            yield _line(Block(name, number, text))


def _line(block: Block) -> _Line:
    try:
        content = parse_json(block.text)
    except (ValueError, RecursionError) as error:
        raise DataError(block.path, block.line, f"expected a JSON object, got: {error}") from None
    if not isinstance(content, dict) or not {"id", "input"} <= set(content):
        got = (", ".join(content) or "an empty one") if isinstance(content, dict) else type(content).__name__
        raise DataError(block.path, block.line, f"expected an object with id and input, got {shown(got)[1:-1]}")
    if content.get("flavor", 0) != 0:
        got = f"{content['flavor']} ({content.get('framework', 'no framework')})"
        raise DataError(block.path, block.line, f"expected a graph over tokens (flavor 0), got flavor {got}")
    return _Line(block, content)


def _go_together(held: Sequence[_Line], line: _Line) -> bool:
    """Return whether a line is another graph of the sentence of the lines before it."""
    same = all(line.content[key] == held[0].content[key] for key in ("id", "input"))
    frameworks = [each.content.get("framework") for each in (*held, line)]
    return same and all(isinstance(name, str) and name for name in frameworks) and frameworks[-1] not in frameworks[:-1]


def _sentence(lines: Sequence[_Line], graph: str) -> Sentence:
    """Return the sentence of the lines that go together."""
    block = lines[0].block
    try:
        original = _original(lines, graph)
    except DataError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        got = f"one without {error}" if isinstance(error, KeyError) else f"{error!r}"
        raise DataError(block.path, block.line, f"expected nodes, edges and tops as in MRP, got: {got}") from None
    for value in (original.id, *original.forms, *original.lemmas, *original.tags):
        if not fits_column(value):
            raise DataError(block.path, block.line, f"expected text without tabs and line ends, got {shown(value)}")
    whole = replace(block, text="".join(line.block.text for line in lines))
    return replace(original, source=Source(FORMAT, whole, original))


def _original(lines: Sequence[_Line], graph: str) -> Sentence:
    """Return the sentence of lines: their tokens are those that any of them has a node on."""
    text = lines[0].content["input"]
    tokens = _tokens(lines, text)
    names = [graph] if len(lines) == 1 else [line.content["framework"] for line in lines]
    nodes = [[token.nodes.get(k, {}) for token in tokens] for k in range(len(lines))]
    properties = [[_properties(node) for node in of_line] for of_line in nodes]
    return Sentence(
        id=str(lines[0].content["id"]),
        forms=tuple(text[token.start : token.end] for token in tokens),
        lemmas=tuple(_first(str(node.get("label") or "_") for node in on) for on in zip(*nodes, strict=True)),
        tags=tuple(_first(str(values.get("pos", "_")) for values in on) for on in zip(*properties, strict=True)),
        graphs={
            name: _graph(line, of_line, tuple(str(values.get("frame", "_")) for values in found))
            for name, line, of_line, found in zip(names, lines, nodes, properties, strict=True)
        },
    )


def _graph(line: _Line, nodes: Sequence[dict[str, Any]], frames: tuple[str, ...]) -> Graph:
    """Return the graph of a line, given its node, or {}, at each token."""
    block, edges, tops = line.block, line.content.get("edges", []), line.content.get("tops", [])
    number: dict[Any, int] = {}
    for index, node in enumerate(nodes, 1):
        if node and number.setdefault(node["id"], index) != index:
            known = shown(str(node["id"]))
            raise DataError(block.path, block.line, f"expected one node with the id {known}, got several")
    for place in (*tops, *(edge[end] for edge in edges for end in ("source", "target"))):
        if place not in number:
            message = f"expected tops and edges of nodes, got no node with the id {shown(str(place))}"
            raise DataError(block.path, block.line, message)
    arcs = [Arc(0, number[top], TOP) for top in tops]
    arcs += [Arc(number[e["source"]], number[e["target"]], str(e["label"])) for e in edges]
    return Graph(tuple(sorted(arcs)), frozenset(arc.head for arc in arcs if arc.head), frames)


def _properties(node: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(node.get("properties", ()), node.get("values", ()), strict=False))


def _first(values: Iterable[str]) -> str:
    """Return the first value that is not empty."""
    return next((value for value in values if value != "_"), "_")


def _tokens(lines: Sequence[_Line], text: str) -> list[_Token]:
    """Return the tokens in the order of the text."""
    anchored: list[_Token] = []
    for k, line in enumerate(lines):
        for node in line.content.get("nodes", []):
            anchors = node.get("anchors") or []
            if len(anchors) != 1 or not 0 <= anchors[0]["from"] < anchors[0]["to"] <= len(text):
                message = f"expected one anchor within the text for node {node['id']}, got {anchors}"
                raise DataError(line.block.path, line.block.line, message)
            anchored.append(_Token(anchors[0]["from"], anchors[0]["to"], {k: node}))
    anchored.sort(key=lambda token: (token.start, token.end))
    block = lines[0].block
    tokens: list[_Token] = []
    end = 0
    for token in [*anchored, _Token(len(text), len(text), {})]:
        last = tokens[-1] if tokens else None
        if last is not None and last[:2] == token[:2] and not last.nodes.keys() & token.nodes.keys():
            last.nodes.update(token.nodes)  # nodes of several graphs on one token
            continue
        if token.start < end:
            message = f"expected nodes on tokens of their own, got {text[token.start : token.end]!r} twice"
            raise DataError(block.path, block.line, message)
        words = _WORD.finditer(text, end, token.start)
        tokens += [_Token(word.start(), word.end(), {}) for word in words]
        if token.nodes:
            tokens.append(token)
        end = token.end
    return tokens


def _object(sentence: Sentence, graph: Graph, name: str) -> dict[str, Any]:
    """Return the object to write for a sentence."""
    frames, n = frames_of(sentence, graph), len(sentence)
    if any(not (0 <= arc.head <= n and 1 <= arc.modifier <= n) for arc in graph.arcs):
        raise WriteError(f"sentence {sentence.id}: expected arcs between its {n} tokens, got {graph.arcs}")
    nodes, surface = [], surface_of(sentence)
    for token in nodes_of(graph):
        label, (start, end) = sentence.lemmas[token - 1], surface.spans[token - 1]
        node: dict[str, Any] = {"id": token - 1} | ({} if label == "_" else {"label": label})
        values = {"pos": sentence.tags[token - 1], "frame": frames[token - 1]}
        if known := {key: value for key, value in values.items() if value != "_"}:
            node |= {"properties": list(known), "values": list(known.values())}
        nodes.append(node | {"anchors": [{"from": start, "to": end}]})
    return {
        "id": sentence.id,
        "flavor": 0,
        **({} if name == SEMANTICS and len(sentence.graphs) < 2 else {"framework": name}),
        "version": VERSION,
        "time": datetime.now(UTC).strftime("%Y-%m-%d"),
        "input": surface.text,
        "tops": [arc.modifier - 1 for arc in graph.arcs if arc.head == 0],
        "nodes": nodes,
        "edges": [
            {"source": arc.head - 1, "target": arc.modifier - 1, "label": arc.label} for arc in graph.arcs if arc.head
        ],
    }
