"""Tables of recipes, and one-line messages for the errors that pydantic finds in them."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator
from pydantic.fields import FieldInfo

_EXPECTED = "Input should be "
# Where pydantic's own message says no more, in stranger words.
_PLAIN = {
    "path_type": f"{_EXPECTED}a path",
    "bool_parsing": f"{_EXPECTED}a boolean",
    "model_type": f"{_EXPECTED}a table",
    "dict_type": f"{_EXPECTED}a table",
}


class Table(BaseModel):
    """A table of a recipe: without unknown keys, infinite numbers or NaN, and immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, content: Any) -> Any:
        """Refuse true and false for a number, which pydantic takes for 1 and 0."""
        for key, value in content.items() if isinstance(content, dict) else ():
            field = cls.model_fields.get(key)
            if isinstance(value, bool) and field is not None and _is_number(field):
                raise ValueError(f"{key}: expected a number, got {str(value).lower()}")
        return content


def _is_number(field: FieldInfo) -> bool:
    """Return whether a field takes numbers, and neither true nor false."""
    kinds: list[Any] = [field.annotation]
    for kind in kinds:  # grows while it is read
        kinds += get_args(kind)
    reads_false = any(isinstance(each, BeforeValidator) for each in field.metadata)
    return (int in kinds or float in kinds) and bool not in kinds and not reads_false


def first_problem(error: ValidationError, content: Any) -> str:
    """Return the first error as "KEY: what is wrong"; `content` is what was checked, and has no key as a whole."""
    first = error.errors()[0]
    key = _key(first, content)
    if first["type"] == "value_error":
        # The messages of our validators begin with the wrong key, unless it is the one that they check.
        message = str(first["ctx"]["error"])
        return (": " if message.startswith("expected ") else ".").join(filter(None, (key, message)))
    return ": ".join(filter(None, (key, what_is_wrong(first))))


def what_is_wrong(error: Any) -> str:
    """Return one of pydantic's error dictionaries as "expected ..., got ...", without the key."""
    if error["type"] == "extra_forbidden":
        return "no such key"
    if error["type"] == "missing":
        return "expected a value, got none"
    message = _PLAIN.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    if message.startswith(_EXPECTED):
        message = f"expected {expectation(message)}"
    return f"{message}, got " + ("a table" if isinstance(error["input"], dict) else repr(error["input"]))


def expectation(message: str) -> str:
    """Turn pydantic's message about a value into words that follow "expected"."""
    text = message.removeprefix(_EXPECTED).replace("a valid integer", "an integer").replace("a valid ", "a ")
    return f"a number {text}" if text.startswith(("greater", "less")) else text


def _key(error: Any, content: Any) -> str:
    """Return the path of a key, without the names of union members that pydantic inserts."""
    path = []
    for part in error["loc"]:
        if isinstance(content, dict) and part not in content and error["type"] != "missing":
            continue
        path.append(str(part))
        content = content.get(part) if isinstance(content, dict) else None
    return ".".join(path)
