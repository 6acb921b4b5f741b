"""The folder that the parses of a corpus go to: a file for each part, and what the parts are parts of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spigot.data.files import in_the_way
from spigot.errors import UserError
from spigot.scaling.parts import Part

JOB = "job.json"
SUFFIX = {"conllu": ".conllu", "json": ".jsonl"}


def without_job(folder: Path, files: Sequence[str]) -> list[str]:
    """Return the files of a folder without the record that an earlier job left there, as its parses are parsed now.

    Raises:
        UserError: the folder has another file of this name, of whose parses the folder would have the job's name.
    """
    if JOB not in files:
        return list(files)
    try:
        record = json.loads((folder / JOB).read_text("utf-8"))
    except ValueError:
        record = None
    if not isinstance(record, dict) or not {"model", "files", "how"} <= record.keys():
        raise UserError(f"{folder / JOB}: expected another name, as parse-corpus writes a file of this one, got text")
    return [name for name in files if name != JOB]


def path_of(out: Path, part: Part, to: str) -> Path:
    """Return the file of a part's parses: OUT/FILE/00003.conllu."""
    return out / (part.name + SUFFIX[to])


def missing(out: Path, parts: Sequence[Part], to: str) -> list[Part]:
    """Return the parts that are not parsed yet: a file is there whole or not at all."""
    return [part for part in parts if not path_of(out, part, to).is_file()]


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, which becomes `path` at the end; two that write at once do not meet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def remove_halves(out: Path) -> None:
    """Remove what workers that were killed had begun to write."""
    for path in out.rglob(".*.part"):
        path.unlink(missing_ok=True)


def start_job(out: Path, job: dict[str, Any]) -> None:
    """Write what is parsed, and how; or check that this folder was begun in the same way.

    Files without a finished part may have changed since, or be new or gone: a part that could not be read is parsed
    when its file is repaired.

    Raises:
        UserError: the folder has other files, or those of another job, or finished parts of a file that has changed.
    """
    path = out / JOB
    if path.is_file():
        try:
            old = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise UserError(f"{path}: expected JSON: {error}") from None
        old = {key: _table(old, key) for key in job}
        for key in job:
            if old[key] != job[key] and (other := _other(out, key, old[key], job)):
                raise UserError(f"{out}: expected a new folder or one of the same job, got one with another {other}")
        if old == job:
            return
    elif got := in_the_way(out):
        raise UserError(f"{out}: expected a new or empty folder, or that of an interrupted job, got {got}")
    with whole(path) as temporary:
        temporary.write_text(json.dumps(job, indent=1) + "\n", "utf-8")


def _table(job: Any, key: str) -> dict[str, Any]:
    """Return what an old job has under a key; nothing if it is damaged."""
    value = job.get(key) if isinstance(job, dict) else None
    return value if isinstance(value, dict) else {}


def _other(out: Path, key: str, old: dict[str, Any], job: dict[str, Any]) -> str | None:
    """Say in what an old job differs from a new one: an option, the model, or a file with finished parts."""
    new = job[key]
    if key == "model":
        return key
    names = [name for name in [*new, *old] if new.get(name) != old.get(name)]
    if key == "files":
        suffix = SUFFIX[job["how"]["to"]]
        name = next((name for name in names if _has_parts(out / name, suffix)), None)
        return name and f"file {name} and parses of the old one (remove {out / name} to parse it anew)"
    name = names[0]
    return f"--{'from' if name == 'source' else name.replace('_', '-')} ({old.get(name)}, here {new.get(name)})"


def _has_parts(folder: Path, suffix: str) -> bool:
    """Return whether there are parses of a file in the folder of its parts."""
    return any(path.is_file() for path in folder.glob(f"*{suffix}"))
