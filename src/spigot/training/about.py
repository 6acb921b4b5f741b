"""What a run's folder says of the run and may be shared: about.json and a model card, without absolute paths."""

from __future__ import annotations

import json
import platform
import re
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spigot.data.files import write_text
from spigot.systems.base import System
from spigot.systems.card import ABOUT, CARD, card
from spigot.systems.checkpoint import read_json
from spigot.training.config import Recipe

LIBRARIES = ("torch-spigot", "torch", "numba", "numpy")


def write_about(folder: Path, recipe: Recipe, system: System, best: dict[str, Any]) -> None:
    """Write about.json: the whole recipe, versions, command, date and scores; and the card, unless there is one."""
    content = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": " ".join(_shared(argument) for argument in ["spigot", *sys.argv[1:]]),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "recipe": _without_paths(json.loads(recipe.model_dump_json())),
        "dev": best["dev"],
        "epoch": best["epoch"],
    }
    text = (folder / CARD).read_text("utf-8") if (folder / CARD).exists() else None
    # A card that was edited stays.
    ours = text is None or ((folder / ABOUT).is_file() and text == card(system, read_json(folder / ABOUT)))
    write_text(folder / ABOUT, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    if ours:
        write_text(folder / CARD, card(system, content))


def _without_paths(value: Any) -> Any:
    """Return JSON in which absolute paths are the names of their files."""
    if isinstance(value, dict):
        return {key: _without_paths(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_paths(item) for item in value]
    return _shared(value) if isinstance(value, str) else value


def _shared(text: str) -> str:
    """Return a text with the names of files in place of absolute paths."""
    return re.sub(r"(?<![\w.:/])(?:~|[A-Za-z]:)?[/\\][^\s'\"\]},;=]+", lambda path: Path(path[0]).name, text)
