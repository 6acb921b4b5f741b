"""The registry of tasks. A new kind of task is a class in its own file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spigot.tasks.base import Task
from spigot.tasks.category import Category
from spigot.tasks.semantics import Semantics
from spigot.tasks.sentiment import Sentiment
from spigot.tasks.syntax import Syntax
from spigot.tasks.tags import Tags

TASKS: dict[str, type[Task]] = {
    "semantics": Semantics,
    "syntax": Syntax,
    "sentiment": Sentiment,
    "tags": Tags,
    "category": Category,
}
"""The kinds of tasks by name."""


def make_task(name: str, table: Mapping[str, Any]) -> Task:
    """Make a task from its table [tasks.NAME]; `kind` is the name by default.

    Raises:
        ValueError: an unknown kind, or a wrong key (then pydantic's ValidationError, a ValueError).
    """
    kind = table.get("kind", name)
    if kind not in TASKS:
        raise ValueError(f"kind: expected one of {', '.join(TASKS)}, got {kind!r}")
    return TASKS[kind].model_validate({**table, "kind": kind, "name": name})
