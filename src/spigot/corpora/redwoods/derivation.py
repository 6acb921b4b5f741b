"""Derivations as trees over their leaves: which leaf governs which, by what rule.

A binary rule's head daughter is the one that the grammar's table `rules.hds` names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from spigot.data.errors import DataError
from spigot.data.files import numbered_lines

from .drops import Dropped, Reason

HeadTable: TypeAlias = Mapping[str, int]
"""The index of the head daughter, by rule."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a derivation: a rule over its daughters, or a lexical entry over a span of the raw text."""

    name: str
    daughters: tuple[Node, ...] = ()
    start: int = -1
    end: int = -1


@dataclass(frozen=True, slots=True)
class Leaf:
    """A lexical entry in a derivation, with its place in the tree of leaves."""

    entry: str
    start: int
    end: int
    governor: int | None
    """Index of the leaf that it depends on; None for the root."""
    rule: str
    """The rule that links it to its governor; "" for the root."""
    depth: int
    """Number of leaves above it."""


def read_head_table(path: Path) -> HeadTable:
    """Read the head daughters of the binary rules from the grammar's `rules.hds`.

    Its columns are rule, number of daughters and index of the head daughter from 0.

    Raises:
        DataError: a line has other columns.
    """
    table = {}
    for number, line in numbered_lines(path):
        match line.split():
            case []:
                pass
            case [rule, "2", "0" | "1" as head, *_]:
                table[rule] = int(head)
            case [_, "1", *_]:
                pass
            case _:
                message = (
                    f"expected a rule, its number of daughters (1 or 2) and its head's index, got {line.strip()!r}"
                )
                raise DataError(path, number, message)
    return table


def head_daughter(rule: str, table: HeadTable) -> int:
    """Return the index (0 or 1) of a binary rule's head daughter, guessed from its name where the table lacks it."""
    if rule in table:
        return table[rule]
    construction = rule.partition("_")[0]
    if "_crd" in rule:
        return 1
    if rule.startswith("hd"):
        return 0
    return int(construction.partition("-")[2].startswith("hd") or construction == "r-v")


def leaves_of(root: Node, table: HeadTable) -> list[Leaf]:
    """Return the leaves of a derivation, in the order of the text, with their governors."""
    entries: list[Node] = []
    governors: dict[int, tuple[int, str]] = {}

    def head_leaf(node: Node) -> int:
        """Number the leaves below a node, note their governors, and return the node's own head leaf."""
        if not node.daughters:
            entries.append(node)
            return len(entries) - 1
        heads = [head_leaf(daughter) for daughter in node.daughters]
        if len(heads) == 1:
            return heads[0]
        if len(heads) > 2:
            raise Dropped(
                Reason.UNREADABLE, f"expected rules of one or two daughters, got {len(heads)} under {node.name}"
            )
        head = head_daughter(node.name, table)
        governors[heads[1 - head]] = heads[head], node.name
        return heads[head]

    head_leaf(root)
    depths: dict[int, int] = {}

    def depth(leaf: int) -> int:
        if leaf not in depths:
            depths[leaf] = 1 + depth(governors[leaf][0]) if leaf in governors else 0
        return depths[leaf]

    leaves = []
    for index, entry in enumerate(entries):
        governor, rule = governors.get(index, (None, ""))
        leaves.append(Leaf(entry.name, entry.start, entry.end, governor, rule, depth(index)))
    return leaves
