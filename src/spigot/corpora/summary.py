"""What a converter reports: how much it read and wrote, and which records it could not use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""Called as progress(what, done, total); `total` is None where it is not known in advance."""


@dataclass
class Summary:
    """The account of one conversion."""

    counts: Counter[str] = field(default_factory=Counter)
    """Numbers of records by kind, such as "train: sentences" or "train: without an arc"."""
    broken: list[str] = field(default_factory=list)
    """One line for each record that was left out because it could not be read: its name and the reason."""


def no_progress(what: str, done: int, total: int | None) -> None:
    """Report nothing."""
