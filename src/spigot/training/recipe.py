"""Recipes as TOML files."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import spigot
from spigot.corpora.table import NAME as TABLE
from spigot.data.errors import DataError
from spigot.data.files import read_text
from spigot.systems.checkpoint import CheckpointError, read_json
from spigot.training.config import Recipe, RecipeError
from spigot.validation import first_problem

RUN = "recipe.json"
"""The recipe in a run's folder."""


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with the package, by name."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for folder in _shipped()
        for path in sorted(folder.rglob("*.toml"))
    }


def read_recipe(name: str) -> dict[str, Any]:
    """Return the content of a recipe, merged into that of its bases but not checked. Raises RecipeError."""
    return _read(find_recipe(name))


def _shipped() -> list[Path]:
    """Return the folders of recipes: beside the package in a wheel, at the top of a checkout."""
    package = Path(spigot.__file__).parent
    return [folder / "recipes" for folder in (package, package.parent.parent)]


def find_recipe(name: str) -> Path:
    """Return the file of a recipe: a path, or the name of one that comes with the package ("paper/spigot")."""
    for path in (
        Path(os.path.expanduser(name)),
        *(folder / f"{name.removesuffix('.toml')}.toml" for folder in _shipped()),
    ):
        if path.is_file():
            return path
    known = sorted(shipped_recipes())
    # A name is also compared without its folder ("spigto" with "paper/spigot").
    parts = {key: full for full in known for key in (full, full.rpartition("/")[2])}
    near = dict.fromkeys(parts[key] for key in difflib.get_close_matches(name, parts))
    raise RecipeError(f"{name}: expected a file or one of {', '.join(near or known)}, got neither")


def load_recipe(name: str, overrides: Sequence[str] = (), data: str | None = None) -> Recipe:
    """Read a recipe, with `section.key=value` overrides (values in TOML; `null` is none, other bare words are strings).

    A recipe may start from another with `base = "FILE"`, relative to its own folder, or with the name of one that comes
    with the package, `base = "modern/spigot"`. `data` is a file (or a shipped name) that holds a [data] table, to take
    the place of the recipe's own, or a folder with such a file, `data.toml`, which its paths are relative to.
    """
    path = _run_or_recipe(name)
    content = _read(path)
    if data is not None:
        data = os.path.expanduser(data)
        in_folder = _in_folder(data, TABLE)
        try:
            described = _read(in_folder or find_recipe(data))
        except RecipeError as error:
            raise RecipeError(f"--data {error}") from None
        table = described.get("data")
        if set(described) - {"description"} != {"data"} or not isinstance(table, dict):
            raise RecipeError(f"--data {data}: expected one table, [data], got {', '.join(described) or 'none'}")
        content["data"] = table
        if in_folder is not None:
            content["data"] = table | {"root": str(Path(data, str(table.get("root", ""))))}
    sources = {} if data is None else {"data": f"--data {data}"}
    for override in overrides:
        key, equals, value = override.partition("=")
        keys = [part.strip() for part in key.split(".")]
        if not equals or not all(keys):
            raise RecipeError(f"--set {override}: expected section.key=value")
        part = _new_part(content, keys)
        sources.pop(part, None)  # the last one is last
        sources[part] = f"--set {override if len(override) <= 80 else override[:77] + '...'}"
        _merge(content, _nested(keys, _value(value.strip())))
    return parse_recipe(content, str(path), sources)


def naming_file(error: RecipeError, name: str, overrides: Sequence[str], data: str | None) -> RecipeError:
    """Return an error in what the recipe's system is made from, with the file in front that its table is from.

    That is the recipe for [system], unless overrides change the table, and the file of `data`, if there is one, for
    [data]. The arguments are those of `load_recipe`.
    """
    table = str(error).partition(".")[0]
    if table == "data" and data is not None:
        return RecipeError(f"{_in_folder(data, TABLE) or find_recipe(data)}: {error}")
    if table == "system" and not any(override.startswith(table) for override in overrides):
        return RecipeError(f"{_run_or_recipe(name)}: {error}")
    return error


def _run_or_recipe(name: str) -> Path:
    """Return the file of a recipe: that of a run's folder, or as in `find_recipe`. Raises RecipeError if it is both."""
    run = _in_folder(name, RUN)
    if run is not None and name in shipped_recipes():
        known = f"the one that comes with the package and that of the run in ./{name}"
        raise RecipeError(f"{name}: expected one recipe, got two: {known} (for the run: ./{name})")
    return run or find_recipe(name)


def _in_folder(name: str, file: str) -> Path | None:
    """Return a file of a folder, None if there is no such folder or file."""
    path = Path(os.path.expanduser(name), file)
    return path if path.is_file() else None


def parse_recipe(content: Mapping[str, Any], where: str, sources: Mapping[str, str] | None = None) -> Recipe:
    """Check the content of a recipe; `where` names it in errors, `sources` what gave single keys, the last one last."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        problem = first_problem(error, content)
        wrong, _, what = problem.partition(": ")
        for key, source in reversed([*(sources or {}).items()]):
            if f"{wrong}.".startswith(f"{key}."):
                # "--set KEY=VALUE: what is wrong" has the key already.
                named = source.partition("=")[0].rstrip() == f"--set {wrong}"
                raise RecipeError(f"{source}: {what if named else problem}") from None
        raise RecipeError(f"{where}: {problem}") from None


def with_defaults(recipe: Recipe) -> dict[str, Any]:
    """Return the content of a recipe with all defaults that have an effect, so that it can be trained.

    A setting without an effect beside the others is refused, at its default too; such ones are left out. Classes keep
    the arguments that they were given.
    """
    content: dict[str, Any] = recipe.model_dump(mode="json", exclude_unset=True)

    def add(defaults: Mapping[str, Any], *table: str) -> None:
        nonlocal content
        for key, value in defaults.items():
            wider = _merge(deepcopy(content), _nested([*table, key], value))
            try:
                Recipe.model_validate(wider)
            except ValidationError:
                if isinstance(value, dict):  # some of its settings may have an effect
                    add(value, *table, key)
                continue
            content = wider

    # A recipe holds of its tasks only what was set.
    tasks = {name: task.model_dump(mode="json", exclude={"name"}) for name, task in recipe.made_tasks.items()}
    add(recipe.model_dump(mode="json") | {"tasks": tasks})
    return content


def _read(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return the content of a recipe merged into that of its bases; `above` are the recipes that start from it."""
    if path.suffix == ".json":  # a run keeps its recipe so, and `spigot recipes NAME` prints it so
        return _read_run(path)
    try:
        content = tomllib.loads(read_text(path))
    except DataError as error:
        raise RecipeError(str(error)) from None
    except (ValueError, RecursionError) as error:  # ValueError: also a number of thousands of digits
        raise RecipeError(f"{path}: expected TOML: {error}") from None
    base = content.pop("base", None)
    if base is None:
        return content
    found = _find_base(path, base) if isinstance(base, str) else None
    if found is None:
        raise RecipeError(f"{path}: base: expected the path or the name of a recipe, got {base!r}")
    above = (*above, path.resolve())
    if found.resolve() in above:
        raise RecipeError(f"{path}: base: expected a recipe that does not build on this one, got {base!r}")
    merged = _read(found, above)
    merged.pop("description", None)
    return _merge(merged, content)


def _find_base(path: Path, base: str) -> Path | None:
    """Return the file of a recipe's base: relative to the recipe, or by name one that comes with the package."""
    beside = path.parent / base
    return beside if beside.is_file() else shipped_recipes().get(base)


def _read_run(path: Path) -> dict[str, Any]:
    """Return the recipe that a run's folder holds."""
    try:
        return read_json(path)
    except CheckpointError as error:
        raise RecipeError(str(error)) from None


def _merge(content: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Put `changes` into `content`, table by table; a table with another `name` replaces the old one."""
    for key, value in changes.items():
        old = content.get(key)
        if (
            isinstance(old, dict)
            and isinstance(value, Mapping)
            and value.get("name", old.get("name")) == old.get("name")
        ):
            _merge(old, value)
        else:
            content[key] = value
    return content


def _nested(keys: Sequence[str], value: Any) -> dict[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    return value


def _new_part(content: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return what an override gives to `content`: its key, or the first table above it that is new there."""
    value: Any = content
    for depth, key in enumerate(keys, 1):
        value = value.get(key)
        if not isinstance(value, Mapping):
            return ".".join(keys[:depth])
    return ".".join(keys)


def _value(text: str) -> Any:
    if text == "null":  # TOML has no word for it, and a default may have to be unset
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
