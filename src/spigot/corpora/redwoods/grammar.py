"""What the conversion asks of the grammar: head daughters, and the types of predicates' arguments."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from spigot.data.errors import DataError

from .derivation import HeadTable, read_head_table
from .lemmas import Synopses, read_synopses

HEADS = "rules.hds"


@dataclass(frozen=True, slots=True)
class Grammar:
    """The tables of the grammar."""

    heads: HeadTable
    synopses: Synopses


def grammar_folder(source: Path) -> Path:
    """Return the folder of the grammar's tables: `etc` (as in its repository), `grammar`, or `source` itself.

    Raises:
        DataError: none of them has the table of head daughters.
    """
    for folder in (source / "etc", source / "grammar", source):
        if (folder / HEADS).is_file():
            return folder
    raise DataError(source, None, f"expected the grammar's {HEADS} in etc/, in grammar/ or here, got none")


@cache
def read_grammar(folder: Path) -> Grammar:
    """Read the tables in a folder, once a process.

    Raises:
        DataError: the table of head daughters is damaged.
    """
    return Grammar(read_head_table(folder / HEADS), read_synopses(folder))
