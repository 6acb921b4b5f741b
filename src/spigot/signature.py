"""Check JSON arguments against the signature of a class."""

from __future__ import annotations

import difflib
import inspect
import json
import typing
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from spigot.errors import UserError
from spigot.validation import expectation


class NamedError(UserError):
    """A wrong class or argument; the message is one line that begins with the argument's name, or with `name`.

    `source` is the class with arguments of which a constructor complains, if it is known.
    """

    def __init__(self, message: str, source: object = None) -> None:
        super().__init__(message)
        self.source = source


def check_arguments(named_class: type, given: Mapping[str, Any], context: Collection[str] = ()) -> dict[str, Any]:
    """Return `given`, converted to the annotated types of the constructor of `named_class`.

    `context` lists the parameters that must not be given. Raises NamedError, and NameError for an annotation that
    cannot be resolved.
    """
    name = named_class.__name__
    parameters = {key: p for key, p in inspect.signature(named_class).parameters.items() if key not in context}
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = {key: p for key, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    for key in given:
        if key not in named and not (anything and key not in context):
            near = difflib.get_close_matches(key, named) or list(named)
            raise NamedError(f"{key}: expected an argument of {name} ({', '.join(near) or 'none'}), got {key}")
    for key, parameter in named.items():
        if parameter.default is parameter.empty and key not in given:
            raise NamedError(f"{key}: expected a value ({name} has no default), got none")
    hints = _hints(named_class)
    return {key: _typed(key, value, hints.get(key, Any) if key in named else Any) for key, value in given.items()}


def json_copy(key: str, value: Any) -> Any:
    """Return a copy of a JSON value."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        raise NamedError(f"{key}: expected a number, a string, true, false, a list or a table, got {value!r}") from None


def _hints(found: type) -> dict[str, Any]:
    """Return the annotations of a constructor; those of a dataclass are resolved in the modules of its bases."""
    owner = next(each for each in found.__mro__ if "__init__" in vars(each))
    written = getattr(vars(owner).get("__dataclass_params__"), "init", False)
    return typing.get_type_hints(owner if written else vars(owner)["__init__"], include_extras=True)


def _typed(key: str, value: Any, hint: Any) -> Any:
    """Return `value` in the type of an annotation."""
    config = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)
    try:
        adapter = TypeAdapter(hint, config=config)
    except PydanticUserError:  # a dataclass, a TypedDict or a pydantic model has its own configuration
        adapter = TypeAdapter(hint)
    try:
        # As JSON, a list becomes a tuple where the annotation is a tuple; nothing else is converted.
        return adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        # The message leaves out types that a recipe cannot hold.
        wrong = [each for each in error.errors() if each["type"] != "needs_python_object"]
        if not wrong:
            raise NamedError(f"{key}: expected no value (a recipe cannot hold one), got {value!r}") from None
        expected = " or ".join(dict.fromkeys(expectation(each["msg"]) for each in wrong))
        raise NamedError(f"{key}: expected {expected}, got {value!r}") from None
