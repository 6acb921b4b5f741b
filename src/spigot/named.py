"""A class and its arguments, as recipes and checkpoints name them: `{ name = "SPIGOTEG", step_size = 0.3 }`."""

from __future__ import annotations

import copy
import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from spigot.signature import NamedError, check_arguments, json_copy

T = TypeVar("T")


class Named(Generic[T]):
    """The name of a class of one kind and its arguments, checked by the class's own signature; immutable.

    A subclass sets the kind:

        class NamedSurrogate(Named[Surrogate], base=Surrogate, package="spigot.structured"): ...

    `name` is the name of a public class of `package`, or the dotted path of a user's class
    ("mine.encoders.CharacterCNN"). Its module is imported from the Python path; nothing is downloaded. An import runs
    code: a checkpoint that names a dotted path runs the code of that module on this computer.

    `context` names the constructor's parameters that the program gives and a recipe must not. All others are
    arguments: JSON values of the annotated type. Raises NamedError.
    """

    base: ClassVar[type]
    package: ClassVar[str]
    context: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, *, base: type, package: str, context: tuple[str, ...] = (), **rest: Any) -> None:
        super().__init_subclass__(**rest)
        cls.base, cls.package, cls.context = base, package, context

    def __init__(self, name: str, /, **arguments: Any) -> None:
        self._class: type[T] = _find(name, self.package, self.base)
        self._name = name
        self._parameters = dict(inspect.signature(self._class).parameters)
        self._arguments = {key: json_copy(key, value) for key, value in arguments.items()}
        try:
            self._values = check_arguments(self._class, self._arguments, self.context)
        except NameError as error:
            raise NamedError(f"name: {name}: expected annotations of defined names ({error})") from error
        if not self.context:
            self.build()

    @property
    def name(self) -> str:
        """The name of the class, or its dotted path."""
        return self._name

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments as they were given."""
        return copy.deepcopy(self._arguments)

    @property
    def settings(self) -> dict[str, Any]:
        """All arguments: those given, and the defaults of the others."""
        parameters = {key: p for key, p in self._parameters.items() if key not in self.context}
        defaults = {key: p.default for key, p in parameters.items() if p.default is not p.empty}
        return defaults | copy.deepcopy(self._values)

    @property
    def named_class(self) -> type[T]:
        """The class itself."""
        return self._class

    def build(self, **context: Any) -> T:
        """Make the object. The constructor gets those values of `context` that it has parameters for."""
        taken = {key: value for key, value in context.items() if key in self._parameters}
        try:
            return self._class(**taken, **copy.deepcopy(self._values))
        except (ValueError, TypeError, KeyError) as error:
            # That of a KeyError is the key alone.
            message = " ".join((f"KeyError: {error}" if isinstance(error, KeyError) else str(error)).split())
            # A constructor's message begins with the wrong argument.
            known = message.partition(":")[0] in self._parameters
            raise NamedError(message if known else f"name: {self.name}: {message}", self) from error

    def to_table(self) -> dict[str, Any]:
        """Return the name and the arguments as they were given, in JSON types."""
        return {"name": self.name, **self.arguments}

    @classmethod
    def from_table(cls, table: Any) -> Self:
        """Check a table of a recipe or of a checkpoint."""
        if isinstance(table, cls):
            return table
        if isinstance(table, str):
            raise NamedError(f'expected a table such as {{ name = "{table}" }}, got {table!r}')
        if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
            raise NamedError(f"name: expected the name of a {cls.base.__name__}, got {_shown(table)}")
        arguments = dict(table)
        return cls(arguments.pop("name"), **arguments)

    @classmethod
    def over(cls, default: Self, table: Any) -> Self:
        """Check a table. Without a name, or with that of `default`, missing arguments are those of `default`."""
        if isinstance(table, Mapping) and table.get("name", default.name) == default.name:
            table = default.to_table() | dict(table)
        return cls.from_table(table)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.to_table() == other.to_table()

    def __hash__(self) -> int:
        return hash((type(self), self.name, *sorted(self._arguments)))

    def __repr__(self) -> str:
        arguments = "".join(f", {key}={value!r}" for key, value in self._arguments.items())
        return f"{type(self).__name__}({self.name!r}{arguments})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.from_table,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda named: named.to_table()),
        )


@cache
def public_classes(package: str, base: type) -> dict[str, type]:
    """Return the concrete subclasses of `base` by name: those in a package's `__all__`, else those in its modules."""
    module = importlib.import_module(package)
    exported = getattr(module, "__all__", None)
    if exported is not None:
        found = [getattr(module, name) for name in exported]
    else:
        names = [f"{package}.{each.name}" for each in pkgutil.iter_modules(module.__path__)]
        found = [value for name in names for value in vars(importlib.import_module(name)).values()]
        found = [value for value in found if getattr(value, "__module__", None) in names]
    return {each.__name__: each for each in found if _is_concrete(each, base) and not each.__name__.startswith("_")}


def _is_concrete(found: Any, base: type) -> bool:
    return inspect.isclass(found) and issubclass(found, base) and not inspect.isabstract(found)


def _find(name: str, package: str, base: type) -> Any:
    """Return the class of a name, or of a dotted path."""
    if "." not in name:
        known = public_classes(package, base)
        if name not in known:
            lowered = {each.lower(): each for each in known}
            near = [lowered[each] for each in difflib.get_close_matches(name.lower(), lowered)] or sorted(known)
            raise NamedError(f"name: expected {', '.join(near)}, or the dotted path of your own class, got {name!r}")
        return known[name]
    module, _, last = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), last, None)
    except (ImportError, ValueError, TypeError) as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}.")
        hint = "; is its folder in PYTHONPATH?" if missing else ""
        expected = "expected the dotted path of an importable class"
        raise NamedError(f"name: {expected}, got {name!r} ({error}{hint})") from error
    if not _is_concrete(found, base):
        raise NamedError(f"name: expected a concrete {base.__name__}, got {name!r}")
    return found


def _shown(table: Any) -> str:
    if isinstance(table, Mapping):
        return repr(table["name"]) if "name" in table else "a table without one"
    return repr(table)
