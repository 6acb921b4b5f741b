"""What all kinds of systems have in their table [system] of a recipe."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BeforeValidator, ValidationError, field_validator

from spigot.models.config import NamedSurrogate, PartConfig
from spigot.tasks import make_task
from spigot.tasks.base import Task
from spigot.validation import Table, first_problem

none_if_false = BeforeValidator(lambda value: None if value is False else value)
"""TOML has no null: `KEY = false` in a recipe means None."""


class SystemConfig(Table, ABC):
    """The table [system] of a recipe; each kind of system has its own."""

    needs_intermediate: ClassVar[tuple[str, ...]] = ("surrogate",)
    """Keys that a recipe may give only if the system has an intermediate parser."""

    separate_parts: ClassVar[bool] = True
    """Whether parts share no parameters, so that one can be frozen while others are trained."""

    kind: str
    """The system's key in `SYSTEMS`."""
    language: str = "en"
    """The language of its sentences, by the code that spaCy has for it: raw text is cut into tokens by its rules."""
    surrogate: NamedSurrogate = NamedSurrogate("Detach")
    """What stands in for the gradient of the intermediate parser's argmax."""

    @field_validator("surrogate")
    @classmethod
    def _without_downstream(cls, value: NamedSurrogate) -> NamedSurrogate:
        if value.build().needs_downstream:
            steps = value.arguments.get("steps")
            got = value.name if steps is None else f"{value.name} with steps = {steps}"
            raise ValueError(f"expected a surrogate that does not run the end task again, got {got}")
        return value

    @property
    @abstractmethod
    def task_kinds(self) -> dict[str, str]:
        """The names of the system's tasks and their kinds, the end task first."""

    @property
    @abstractmethod
    def intermediate(self) -> str | None:
        """The task whose hard output the end task reads; None: there is none."""

    @property
    def pretrains(self) -> bool:
        """Whether the intermediate task can be trained alone, before the others."""
        return True

    @property
    def selected(self) -> tuple[str, ...]:
        """The tasks whose scores decide which epoch is kept: see `Recipe.selection`."""
        return (next(iter(self.task_kinds)),)

    def same_part(self, task: str, other: SystemConfig) -> bool:
        """Return whether a part fits into another system; settings that matter in training alone may differ."""
        ours = self.trained_part(task)
        return ours is not None and ours == other.trained_part(task)

    def trained_part(self, task: str) -> dict[str, Any] | None:
        """Return the settings that a part has to share with another whose weights it takes over; None: no such part."""
        part = getattr(self, task, None)
        return part.trained() if isinstance(part, PartConfig) else None

    def make_tasks(self, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Task]:
        """Make the tasks, the end task first; `tables` are [tasks.NAME]. Raises ValueError."""
        for name in tables:
            if name not in self.task_kinds:
                raise ValueError(f"{name}: expected a task of this system ({', '.join(self.task_kinds)}), got {name!r}")
        made = {}
        for name, kind in self.task_kinds.items():
            table = {"kind": kind, **tables.get(name, {})}
            if table["kind"] != kind:
                raise ValueError(f"{name}.kind: expected {kind!r} in this system, got {table['kind']!r}")
            try:
                made[name] = make_task(name, table)
            except ValidationError as error:
                raise ValueError(f"{name}.{first_problem(error, table)}") from None
        return made
