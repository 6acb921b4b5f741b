"""One-line messages for the errors that pydantic finds in a recipe."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError


def first_problem(error: ValidationError, content: Any) -> str:
    """Return the first error as "KEY: what is wrong"; `content` is what was checked."""
    first = error.errors()[0]
    key = _key(first, content)
    if first["type"] == "value_error":
        # The messages of our validators begin with the wrong key.
        return ".".join(filter(None, (key, str(first["ctx"]["error"]))))
    if first["type"] == "extra_forbidden":
        return f"{key}: no such key"
    return f"{key}: {first['msg']}" + ("" if first["type"] == "missing" else f", got {first['input']!r}")


def _key(error: Any, content: Any) -> str:
    """Return the path of a key, without the names of union members that pydantic inserts."""
    path = []
    for part in error["loc"]:
        if isinstance(content, dict) and part not in content and error["type"] != "missing":
            continue
        path.append(str(part))
        content = content.get(part) if isinstance(content, dict) else None
    return ".".join(path)
