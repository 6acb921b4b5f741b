"""The description of a folder of corpora, `data.toml`: the [data] table of a recipe, for `spigot train --data`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spigot.corpora.files import replaced
from spigot.data.errors import DataError
from spigot.data.files import read_text

NAME = "data.toml"


def update_table(folder: Path, changes: Mapping[str, Any]) -> list[str]:
    """Add keys to the [data] table of a folder, which is made if need be; return the keys whose old values went.

    Args:
        folder: the folder that the table's paths are relative to.
        changes: keys of the table, such as `vectors`, and tables within it, such as `syntax` with `train` and `dev`.

    Raises:
        DataError: the file that is there is no TOML, or holds other things than a [data] table.
    """
    path = folder / NAME
    content: dict[str, Any] = {}
    if path.exists():
        try:
            content = tomllib.loads(read_text(path))
        except tomllib.TOMLDecodeError as error:
            raise DataError(path, None, f"expected TOML, got: {error}") from None
    if not set(content) <= {"data", "description"} or not isinstance(content.get("data", {}), dict):
        raise DataError(path, None, f"expected one table, [data], got {', '.join(content)}")
    table = content.get("data", {})
    gone = []
    for key, value in changes.items():
        if table.get(key, value) != value:
            gone.append(key)
        table[key] = value
    with replaced(path) as unfinished:
        unfinished.write_text("".join(_lines(content.get("description"), table)), "utf-8")
    return gone


def _lines(description: str | None, table: Mapping[str, Any]) -> Iterator[str]:
    if description is not None:
        yield f"description = {_text(description)}\n\n"
    yield "[data]\n"
    yield from (f"{key} = {_text(value)}\n" for key, value in table.items() if not isinstance(value, Mapping))
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield f"\n[data.{key}]\n"
            yield from (f"{part} = {_text(path)}\n" for part, path in value.items())


def _text(value: Any) -> str:
    # Strings, numbers and lists of them are written alike in TOML and JSON.
    return json.dumps(value, ensure_ascii=False)
