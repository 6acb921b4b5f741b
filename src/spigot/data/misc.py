"""What CoNLL-U has no column for, in MISC: several graphs, frames, predicates without arguments, confidences, spaces.

The comment `# graphs = NAME ...` says which graphs a sentence has. One graph stands in DEPS, tops as `0:root`. Several
stand in MISC under their names, `NAME=head:label,head:label` with % and two hexadecimal digits for `%`, `,`, `|` and
blanks in labels; tops are `0:__TOP__`. Beside either, `NAME.pred=Yes` marks a predicate that has no arguments,
`NAME.frame=...` gives its frame, and `NAME.confidence=arc:label,...` the confidences of the arcs to the token, in the
order of their heads. `Confidence` and `LabelConfidence` are those of HEAD and DEPREL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote

from .blocks import Block, fits_column
from .enhanced import arcs_between_words, read_enhanced
from .errors import DataError, WriteError, shown
from .sentence import Arc, Confidence, Graph, Sentence

MISC = 9
_SPECIAL = re.compile(r"[%,|\s]")
_COMMENT = re.compile(r"#\s*graphs\s*=(.*)")


def graph_names(block: Block) -> list[str]:
    """Return what the comment `# graphs = ...` of a block names."""
    if "graphs" not in block.text:
        return []
    matches = (_COMMENT.fullmatch(line) for _, line in block.lines() if line.startswith("#"))
    return next((match[1].split() for match in matches if match), [])


def names_graphs(line: str) -> bool:
    """Return whether a line is the comment `# graphs = ...`."""
    return _COMMENT.fullmatch(line) is not None


def is_of_graphs(key: str, graphs: Sequence[str]) -> bool:
    """Return whether a key of MISC says something of one of these graphs that `read_graph` reads."""
    return any(key in (name, f"{name}.pred", f"{name}.frame") for name in graphs)


def read_graph(block: Block, name: str, alone: bool) -> Graph:
    """Return a graph that the comment `graphs` names, from DEPS if it is the only one, else from MISC.

    Raises:
        DataError: an arc is not `head:label`, or its head is no token.
    """
    rows = [(line, text.split("\t")) for line, text in block.lines() if text[0] != "#"]
    words = [(line, columns) for line, columns in rows if columns[0].isdecimal()]
    cells = [dict(item.partition("=")[::2] for item in columns[MISC].split("|")) for _, columns in words]
    arcs = list(arcs_between_words(read_enhanced(block))) if alone else []
    if not alone:
        for token, ((line, _), cell) in enumerate(zip(words, cells, strict=True), 1):
            for pair in filter(None, cell.get(name, "").split(",")):
                head, _, label = pair.partition(":")
                if not (head.isascii() and head.isdecimal() and len(head) < 10 and int(head) <= len(words) and label):
                    message = f"expected head:label pairs in {name} of MISC, with heads up to {len(words)}"
                    raise DataError(block.path, line, f"{message}, got {shown(pair)}")
                arcs.append(Arc(int(head), token, unquote(label)))
    flagged = {token for token, cell in enumerate(cells, 1) if cell.get(f"{name}.pred") == "Yes"}
    frames = tuple(unquote(cell.get(f"{name}.frame", "_")) for cell in cells)
    predicates = frozenset({arc.head for arc in arcs if arc.head} | flagged)
    return Graph(tuple(sorted(arcs)), predicates, frames if any(frame != "_" for frame in frames) else ())


def misc_of_graphs(sentence: Sentence, graphs: Mapping[str, Graph]) -> list[list[str]]:
    """Return what MISC says of the graphs at each token.

    Raises:
        ValueError: a name that MISC cannot hold, or an arc to a token outside the sentence; the message names the
            sentence.
    """
    cells: list[list[str]] = [[] for _ in sentence.forms]
    for name, graph in graphs.items():
        if not fits_column(name) or set(name) & set("|= "):
            raise WriteError(f"sentence {sentence.id}: expected a graph's name without blanks, = and |, got {name!r}")
        if any(not (0 <= arc.head <= len(cells) and 1 <= arc.modifier <= len(cells)) for arc in graph.arcs):
            raise WriteError(f"sentence {sentence.id}: expected arcs between its tokens, got {graph.arcs}")
        confidence = sentence.confidences.get(name)
        order = sorted(range(len(graph.arcs)), key=graph.arcs.__getitem__)
        incoming = [[k for k in order if graph.arcs[k].modifier == token] for token in range(1, len(cells) + 1)]
        heads = {arc.head for arc in graph.arcs}
        for token, (cell, found) in enumerate(zip(cells, incoming, strict=True), 1):
            if len(graphs) > 1 and found:
                cell.append(
                    f"{name}=" + ",".join(f"{graph.arcs[k].head}:{_quoted(graph.arcs[k].label)}" for k in found)
                )
            if token in graph.predicates - heads:
                cell.append(f"{name}.pred=Yes")
            if graph.frames and graph.frames[token - 1] != "_":
                cell.append(f"{name}.frame={_quoted(graph.frames[token - 1])}")
            if confidence is not None and found:
                cell.append(f"{name}.confidence=" + ",".join(_numbers(confidence, k) for k in found))
    return cells


def misc_of_tree(confidence: Confidence | None, n: int) -> list[list[str]]:
    """Return what MISC says of the tree at each token: the confidence of its head and that of the label."""
    if confidence is None:
        return [[] for _ in range(n)]
    cells = [[f"Confidence={value:.4f}"] for value in confidence.arcs] or [[] for _ in range(n)]
    for cell, value in zip(cells, confidence.labels, strict=bool(confidence.labels)):
        cell.append(f"LabelConfidence={value:.4f}")
    return cells


def merged(cell: str, items: Sequence[str], dropped: Sequence[str]) -> str:
    """Return a cell of MISC with more items, without those of the graphs in `dropped` and without old confidences."""
    new = {item.partition("=")[0] for item in items}
    stale = {"Confidence", "LabelConfidence", *new}
    kept = [
        item
        for item in cell.split("|")
        if item not in ("", "_")
        and (key := item.partition("=")[0]) not in stale
        and not any(key == name or key.startswith(f"{name}.") for name in dropped)
    ]
    return "|".join([*kept, *items]) or "_"


def _quoted(label: str) -> str:
    return _SPECIAL.sub(lambda match: quote(match[0], safe=""), label)


def _numbers(confidence: Confidence, k: int) -> str:
    return f"{confidence.arcs[k]:.4f}" + (f":{confidence.labels[k]:.4f}" if confidence.labels else "")
