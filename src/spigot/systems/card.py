"""A model card: README.md of a checkpoint's folder, with the metadata that the Hugging Face hub reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spigot.data.files import read_text
from spigot.systems.base import System

ABOUT, CARD = "about.json", "README.md"
UNKNOWN_LICENCE = "unknown"
"""Until somebody who knows the data's licences has put one in its place."""


def licence(folder: Path) -> str:
    """Return the licence that the card in a folder names; without one it is unknown."""
    path = folder / CARD
    lines = read_text(path).splitlines() if path.is_file() else []
    head = lines[1 : lines.index("---", 1)] if lines[:1] == ["---"] and "---" in lines[1:] else []
    found = [line.partition(":")[2].strip() for line in head if line.startswith("license:")]
    return found[0] if found and found[0] else UNKNOWN_LICENCE


def own_classes(config: Any) -> list[str]:
    """Return the dotted paths of the classes that a checkpoint's configuration names: it does not hold their code."""
    found: dict[str, None] = {}
    if isinstance(config, Mapping):
        name = config.get("name")
        if isinstance(name, str) and "." in name:
            found[name] = None
        config = [*config.values()]
    for value in config if isinstance(config, list) else ():
        found |= dict.fromkeys(own_classes(value))
    return [*found]


def card(system: System, about: Mapping[str, Any]) -> str:
    """Return the text of a card; `about` is the content of about.json."""
    needs = ", ".join(sorted(system.needs))
    own = ", ".join(f"`{path}`" for path in own_classes(system.to_config()))
    lines = [
        "---",
        "library_name: spigot",
        f"license: {UNKNOWN_LICENCE}",
        "tags:",
        *(f"- {tag}" for tag in dict.fromkeys(["spigot", *(task.kind for task in system.tasks.values())])),
        "---",
        "",
        f"# {about.get('recipe', {}).get('description') or system.kind}",
        "",
        f"A system of kind `{system.kind}`, trained with [torch-spigot](https://pypi.org/project/torch-spigot/) "
        f"{about.get('versions', {}).get('torch-spigot', '')}.",
        "",
        f"- Reads: {needs}.",
        f"- Predicts: {'; '.join(f'{task.outputs} (`{name}`)' for name, task in system.tasks.items())}.",
        *([f"- Needs beside spigot, on the Python path: {own}."] if own else []),
        f"- Parameters: {sum(p.numel() for p in system.parameters()):,}.",
        "",
        "## Use",
        "",
        f"    spigot parse FOLDER {'text.txt' if {*system.needs} <= {'words'} else 'sentences.conllu'}",
        "",
        "## Scores",
        "",
        "On the development sets, on which this epoch was chosen:",
        "",
        "| score | |",
        "|---|---|",
        *(f"| {name} | {100 * value:.2f} |" for name, value in about.get("dev", {}).items()),
        "",
        "## Training",
        "",
        f"{about.get('date', '')}, epoch {about.get('epoch', '')}, by",
        "",
        f"    {about.get('command', '')}",
        "",
        "| task | training data |",
        "|---|---|",
        *(f"| {name} | {files} |" for name, files in _files(system, about).items()),
        "",
        "`about.json` has the whole recipe and the versions. The licence above depends on the data: fill it in before "
        "you publish the model.",
        "",
    ]
    return "\n".join(lines)


def _files(system: System, about: Mapping[str, Any]) -> dict[str, str]:
    """Return the training file of each task that learns from annotation."""
    data = about.get("recipe", {}).get("data", {})
    if data.get("builtin") is not None:
        return {"all": "the built-in corpus: generated sentences, not real text"}
    learnt = [name for name, task in system.tasks.items() if task.has_loss]
    return {name: data[name].get("train") or "" for name in learnt if name in data}
