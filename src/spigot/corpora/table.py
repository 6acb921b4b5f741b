"""The description of a folder of corpora, `data.toml`: the [data] table of a recipe, for `spigot train --data`."""

from __future__ import annotations

import json
import logging
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

from spigot.corpora.files import replaced
from spigot.data.errors import DataError
from spigot.data.files import read_text

log = logging.getLogger(__name__)

NAME = "data.toml"
OLD = f"{NAME}.old"


def update_table(folder: Path, changes: Mapping[str, Any]) -> list[str]:
    """Add keys to the [data] table of a folder, which is made if need be; return the keys whose old values went.

    A file that was written by hand, with comments for example, stays as `data.toml.old`.

    Args:
        folder: the folder that the table's paths are relative to.
        changes: keys of the table, such as `vectors`, and tables within it, such as `syntax` with `train` and `dev`.

    Raises:
        DataError: the file that is there is no TOML, or holds other things than a [data] table.
    """
    path = folder / NAME
    content: dict[str, Any] = {}
    text = None
    if path.exists():
        try:
            text = read_text(path)
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise DataError(path, None, f"expected TOML, got: {error}") from None
    if not set(content) <= {"data", "description"} or not isinstance(content.get("data", {}), dict):
        raise DataError(path, None, f"expected one table, [data], got {', '.join(content)}")
    if text not in (None, _written(content)):
        with replaced(path.with_name(OLD)) as unfinished:
            unfinished.write_text(text, "utf-8")
        log.warning("%s: written anew; as it was it is in %s", path, path.with_name(OLD))
    table = content.get("data", {})
    gone = []
    for key, value in changes.items():
        if table.get(key, value) != value:
            gone.append(key)
        table[key] = value
    with replaced(path) as unfinished:
        unfinished.write_text(_written({**content, "data": table}), "utf-8")
    return gone


def _written(content: Mapping[str, Any]) -> str:
    return "".join(_lines(content.get("description"), content.get("data", {})))


def _lines(description: Any, table: Mapping[str, Any]) -> Iterator[str]:
    if description is not None:
        yield f"description = {_text(description)}\n\n"
    yield "[data]\n"
    yield from (f"{_key(key)} = {_text(value)}\n" for key, value in table.items() if not isinstance(value, Mapping))
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield f"\n[data.{_key(key)}]\n"
            yield from (f"{_key(part)} = {_text(path)}\n" for part, path in value.items())


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _text(value: Any) -> str:
    """Return a value in TOML."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(key)} = {_text(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and truth values are alike in both
