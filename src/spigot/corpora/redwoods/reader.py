"""Gold profiles of the grammar, read with PyDelphin: the one module that knows it.

A profile is a folder of gzipped tables: `item` (raw text), `parse` (initial tokens) and `result` (derivation and MRS).
"""

from __future__ import annotations

import re
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from delphin import derivation, eds, mrs, tsdb, variable
from delphin.codecs import simplemrs
from delphin.tokens import YYToken, YYTokenLattice

from spigot.data.errors import DataError

from .derivation import Node
from .drops import Dropped, Reason
from .semantics import Relation, Semantics
from .tokens import Token

P = ParamSpec("P")
T = TypeVar("T")

_FROM, _TO = (re.compile(rf'\+{side} \\*"(\d+)') for side in ("FROM", "TO"))


@dataclass(frozen=True, slots=True)
class Record:
    """One gold analysis as it stands in a profile, its fields still escaped."""

    profile: str
    id: str
    """PROFILE-ITEM."""
    text: str
    well_formed: str
    initial: str
    derivation: str
    mrs: str


def read_profile(folder: Path) -> Iterator[Record]:
    """Yield the gold analyses of a profile, in the order of its results.

    A result without its parse or item has empty fields in their place, and its parse's number for a name.

    Raises:
        DataError: a table is missing, damaged or lacks a field.
    """
    items = {id: fields for id, *fields in _rows(folder, "item", "i-id", "i-input", "i-wf")}
    parses = {id: fields for id, *fields in _rows(folder, "parse", "parse-id", "i-id", "p-input")}
    for parse, tree, meaning in _rows(folder, "result", "parse-id", "derivation", "mrs"):
        item, initial = parses.get(parse, (parse, ""))
        text, well_formed = items.get(item, ("", ""))
        yield Record(folder.name, f"{folder.name}-{item}", text, well_formed, initial, tree, meaning)


def read_texts(folder: Path) -> Iterator[str]:
    """Yield the raw texts of a profile's items.

    Raises:
        DataError: the table is missing, damaged or lacks a field.
    """
    for (text,) in _rows(folder, "item", "i-input"):
        yield unescape(text)


def _rows(folder: Path, table: str, *fields: str) -> Iterator[tuple[str, ...]]:
    """Yield some fields of each record of a table, still escaped; records that are too short have empty ones."""
    try:
        columns = tsdb.make_field_index(tsdb.read_schema(folder)[table])
        places = [columns[field] for field in fields]
        with tsdb.open(folder, table, encoding="utf-8") as lines:
            for line in lines:
                values = line.rstrip("\n").split(tsdb.FIELD_DELIMITER)
                yield tuple(values[place] if place < len(values) else "" for place in places)
    except (tsdb.TSDBError, OSError, EOFError, zlib.error, UnicodeDecodeError, KeyError) as error:
        raise DataError(folder / table, None, f"expected a table of a profile, got: {error}") from error


def _decoding(function: Callable[P, T]) -> Callable[P, T]:
    """Make a decoder say of whatever it stumbles over that the record cannot be read."""

    @wraps(function)
    def decode(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on scopes that are unusual; the rules are made for them too
                return function(*args, **kwargs)
        except Exception as error:  # PyDelphin's own, and what broken text provokes in it
            lines = str(error).split("\n")
            raise Dropped(
                Reason.UNREADABLE, f"{function.__name__}: {lines[-1].strip() or type(error).__name__}"
            ) from error

    return decode


def unescape(field: str) -> str:
    r"""Undo the escapes of a field: \\ for a backslash, \s for the delimiter, \n for the end of a line."""
    # By parts, since fields are long and PyDelphin's function goes character by character.
    return "\\".join(part.replace("\\s", "@").replace("\\n", "\n") for part in field.split("\\\\"))


@_decoding
def initial_tokens(text: str) -> list[Token]:
    """Decode initial tokens (YY format) with one tag each."""
    lattice = YYTokenLattice.from_string(unescape(text))
    if not lattice.tokens:
        raise ValueError(f"expected tokens, got {text[:80]!r}")
    return [_initial_token(token) for token in lattice.tokens]


def _initial_token(token: YYToken) -> Token:
    start, end = token.lnk.data
    return Token(start, end, token.form, tag=token.pos[0][0])


@_decoding
def derivation_tree(text: str) -> Node:
    """Decode a derivation (UDF), without its root condition."""
    root = derivation.from_string(unescape(text))
    return _node(root if root.id is not None else root.daughters[0])


def _node(node: derivation.UDFNode) -> Node:
    first = node.daughters[0]
    if not isinstance(first, derivation.UDFTerminal):
        return Node(node.entity, tuple(map(_node, node.daughters)))
    spans = [(_place(_FROM, token.tfs), _place(_TO, token.tfs)) for token in first.tokens]
    return Node(node.entity, (), min(start for start, _ in spans), max(end for _, end in spans))


def _place(feature: re.Pattern[str], structure: str) -> int:
    match = feature.search(structure)
    if match is None:
        raise ValueError(f"expected {feature.pattern} in a token, got {structure[:80]!r}")
    return int(match[1])


@_decoding
def semantics(text: str) -> Semantics:
    """Decode an MRS (SimpleMRS) and convert it to elementary dependencies, with the edges of predicate modifiers."""
    structure = simplemrs.decode(unescape(text))
    graph = eds.from_mrs(structure)
    relations = {node.id: _relation(node, source) for node, source in zip(graph.nodes, structure.rels, strict=True)}
    return Semantics(relations, _top(graph, structure, relations))


def _relation(node: eds.Node, source: mrs.EP) -> Relation:
    start, end = node.lnk.data if node.lnk else (-1, -1)
    types = "-".join(variable.type(value) for role, value in source.args.items() if role != mrs.CONSTANT_ROLE)
    return Relation(node.id, node.predicate, start, end, dict(node.edges), types, source.is_quantifier())


def _top(graph: eds.EDS, structure: mrs.MRS, relations: dict[str, Relation]) -> str | None:
    """Return the id of the top: the MRS's index if that is a sentence-initial conjunction, else the EDS's top."""
    for relation, source in zip(relations.values(), structure.rels, strict=True):
        if source.iv == structure.index and not relation.is_quantifier and relation.is_initial_conjunction:
            return relation.id
    return graph.top
