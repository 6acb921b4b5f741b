"""Bi-lexical graphs in the JSON format of the MRP tasks: one object a line, nodes anchored to spans of the raw text.

Of the formalisms of the tasks those of flavor 0 (DM and PSD in 2019) are graphs over tokens; graphs of other flavors
cannot be held. See Oepen et al. (2019), "MRP 2019: Cross-Framework Meaning Representation Parsing", Oepen et al.
(2020), "MRP 2020", http://mrp.nlpl.eu, and the reference implementation, https://github.com/cfmrp/mtool.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
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
    node: dict[str, Any]
    """The node on it; empty without one."""


def read_mrp(source: Readable, graph: str = SEMANTICS) -> Iterator[Sentence]:
    """Yield the sentences of an MRP file (versions 0.9 to 1.1), one at a time, each with a graph.

    Tokens are what nodes are anchored to, and in the text between them what stands between blanks: so a word without
    a node is one token with the punctuation on it, if that has no node either. Lemmas are the labels of nodes; tags
    and frames their properties "pos" and "frame"; tokens without a node have "_".

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.
        graph: the name of the graphs: `sentence.graphs[graph]`.

    Raises:
        DataError: a line that is no JSON object, lacks a key, or holds a graph that is not over tokens.
    """
    name = display_name(source)
    for number, line in numbered_lines(source):
        text = line.removeprefix(BOM) if number == 1 else line
        if text.strip():
            yield _sentence(Block(name, number, text), graph)


def write_mrp(sentences: Iterable[Sentence], target: Writable, graph: str = SEMANTICS) -> None:
    """Write sentences as MRP; one that was read from MRP and not changed as it stood there.

    The raw text of others is that of `surface_of`. Nodes are the tokens with arcs and the tops: the
    format does not know of other tokens. The key "framework" is the name of the graphs, left out where they have
    none of their own, and "time" is today's date.

    Args:
        sentences: what to write; the file grows as they come.
        target: path ("-" is standard output, ".gz" is packed) or open text file.
        graph: the name of the graphs to write.

    Raises:
        ValueError: a sentence has no graph, or an arc goes to a token outside it; the message names it.
    """
    with open_output(target) as file:
        for sentence in sentences:
            written = sentence.graphs.get(graph)
            source = source_of(sentence, FORMAT)
            if source is not None and source.same_tokens(sentence) and written == source.graph:
                file.write(source.block.text.rstrip("\n") + "\n")
            elif written is None:
                raise WriteError(f"sentence {sentence.id}: expected a graph, got none")
            else:
                file.write(json.dumps(_object(sentence, written, graph), ensure_ascii=False) + "\n")


def nodes_of(graph: Graph) -> list[int]:
    """Return the tokens that are nodes: those with arcs, and the tops."""
    return sorted({token for arc in graph.arcs for token in (arc.head, arc.modifier) if token})


def _sentence(block: Block, graph: str) -> Sentence:
    try:
        content = parse_json(block.text)
    except (ValueError, RecursionError) as error:
        raise DataError(block.path, block.line, f"expected a JSON object, got: {error}") from None
    if not isinstance(content, dict) or not {"id", "input"} <= set(content):
        got = ", ".join(content) if isinstance(content, dict) else type(content).__name__
        raise DataError(block.path, block.line, f"expected an object with id and input, got {got}")
    if content.get("flavor", 0) != 0:
        got = f"{content['flavor']} ({content.get('framework', 'no framework')})"
        raise DataError(block.path, block.line, f"expected a graph over tokens (flavor 0), got flavor {got}")
    try:
        original = _original(block, content, graph)
    except DataError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        got = f"one without {error}" if isinstance(error, KeyError) else f"{error!r}"
        raise DataError(block.path, block.line, f"expected nodes, edges and tops as in MRP, got: {got}") from None
    for value in (original.id, *original.forms, *original.lemmas, *original.tags):
        if not fits_column(value):
            raise DataError(block.path, block.line, f"expected text without tabs and line ends, got {shown(value)}")
    return replace(original, source=Source(FORMAT, block, original))


def _original(block: Block, content: dict[str, Any], graph: str) -> Sentence:
    """Return the sentence of an object."""
    tokens = _tokens(block, content["input"], content.get("nodes", []))
    edges, tops = content.get("edges", []), content.get("tops", [])
    number: dict[Any, int] = {}
    for index, token in enumerate(tokens, 1):
        if token.node and number.setdefault(token.node["id"], index) != index:
            known = shown(str(token.node["id"]))
            raise DataError(block.path, block.line, f"expected one node with the id {known}, got several")
    for place in (*tops, *(edge[end] for edge in edges for end in ("source", "target"))):
        if place not in number:
            message = f"expected tops and edges of nodes, got no node with the id {shown(str(place))}"
            raise DataError(block.path, block.line, message)
    arcs = [Arc(0, number[top], TOP) for top in tops]
    arcs += [Arc(number[e["source"]], number[e["target"]], str(e["label"])) for e in edges]
    properties = [
        dict(zip(token.node.get("properties", ()), token.node.get("values", ()), strict=False)) for token in tokens
    ]
    return Sentence(
        id=str(content["id"]),
        forms=tuple(content["input"][token.start : token.end] for token in tokens),
        lemmas=tuple(str(token.node.get("label") or "_") for token in tokens),
        tags=tuple(str(values.get("pos", "_")) for values in properties),
        graphs={
            graph: Graph(
                tuple(sorted(arcs)),
                frozenset(arc.head for arc in arcs if arc.head),
                tuple(str(values.get("frame", "_")) for values in properties),
            )
        },
    )


def _tokens(block: Block, text: str, nodes: list[dict[str, Any]]) -> list[_Token]:
    """Return the tokens in the order of the text."""
    anchored = []
    for node in nodes:
        anchors = node.get("anchors") or []
        if len(anchors) != 1 or not 0 <= anchors[0]["from"] < anchors[0]["to"] <= len(text):
            message = f"expected one anchor within the text for node {node['id']}, got {anchors}"
            raise DataError(block.path, block.line, message)
        anchored.append(_Token(anchors[0]["from"], anchors[0]["to"], node))
    anchored.sort(key=lambda token: (token.start, token.end))
    tokens: list[_Token] = []
    end = 0
    for token in [*anchored, _Token(len(text), len(text), {})]:
        if token.start < end:
            message = f"expected nodes on tokens of their own, got {text[token.start : token.end]!r} twice"
            raise DataError(block.path, block.line, message)
        words = _WORD.finditer(text, end, token.start)
        tokens += [_Token(word.start(), word.end(), {}) for word in words]
        if token.node:
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
        **({} if name == SEMANTICS else {"framework": name}),
        "version": VERSION,
        "time": datetime.now(UTC).strftime("%Y-%m-%d"),
        "input": surface.text,
        "tops": [arc.modifier - 1 for arc in graph.arcs if arc.head == 0],
        "nodes": nodes,
        "edges": [
            {"source": arc.head - 1, "target": arc.modifier - 1, "label": arc.label} for arc in graph.arcs if arc.head
        ],
    }
