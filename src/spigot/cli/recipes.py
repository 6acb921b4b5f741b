"""`spigot recipes`: the recipes that come with the package."""

from __future__ import annotations

from typing import Annotated

import typer

from spigot.cli.console import emit, emit_json


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(help="A recipe to show whole, with its bases and all defaults of keys that have an effect."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the recipes that come with the package, or show one whole, as JSON that `spigot train` reads."""
    from spigot.training.recipe import load_recipe, read_recipe, shipped_recipes, with_defaults

    if name is not None:
        emit_json(with_defaults(load_recipe(name)))
        return
    found = {key: str(read_recipe(key).get("description", "")) for key in shipped_recipes()}
    if as_json:
        emit_json(found)
        return
    width = max(map(len, found))
    for key, description in found.items():
        emit(f"{key.ljust(width)}  {description}")
