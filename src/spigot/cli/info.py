"""`spigot info`: what a model is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spigot.cli.console import emit, emit_json

if TYPE_CHECKING:
    from spigot.named import Named


def info(
    model: Annotated[str, typer.Argument(help="An installed model, a run's folder, or hf://OWNER/NAME on the hub.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what a model reads and predicts, how large it is, its dev scores, how it was trained, where its card is."""
    from spigot.systems.card import ABOUT, CARD, licence
    from spigot.systems.checkpoint import WEIGHTS, find_checkpoint, read_json
    from spigot.systems.loading import load_system

    folder = find_checkpoint(model, {})
    system = load_system(folder)
    about = read_json(folder / ABOUT) if (folder / ABOUT).is_file() else {}
    content: dict[str, Any] = {
        "folder": str(folder),
        "kind": system.kind,
        "reads": sorted(system.needs),
        "predicts": {name: task.outputs for name, task in system.tasks.items()},
        "surrogate": _call(system.config.surrogate) if system.intermediate is not None else None,
        "encoders": {name: table["name"] for name, table in _encoders(system.config.model_dump(mode="json"))},
        "words": {name: len(system.reader(name).vocabulary.words) for name in system.tasks},
        "parameters": sum(parameter.numel() for parameter in system.parameters()),
        "megabytes": round((folder / WEIGHTS).stat().st_size / 1e6, 1),
        **{key: about.get(key) for key in ("date", "versions", "command", "epoch", "dev")},
        "licence": licence(folder),
        "card": str(folder / CARD) if (folder / CARD).is_file() else None,
    }
    if as_json:
        emit_json(content)
        return
    if isinstance(content["dev"], dict):  # as `evaluate` and `score` print them
        content["dev"] = {name: f"{100 * value:.2f}" for name, value in content["dev"].items()}
    for key, value in content.items():
        if value is not None:
            emit(f"{key}: {_text(value)}")


def _encoders(config: dict[str, Any], part: str = "all") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the encoders in a system's description, each with the part that it is in."""
    for key, value in config.items():
        if key == "encoder":
            yield part, value
        elif isinstance(value, dict):
            yield from _encoders(value, key)


def _call(named: Named[Any]) -> str:
    """Return a class and its settings as Python writes them; the object itself need not have a text that tells."""
    return f"{named.name}({', '.join(f'{key}={value!r}' for key, value in named.settings.items())})"


def _text(value: Any) -> str:
    """Return a value for a reader."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)
