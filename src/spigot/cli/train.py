"""`spigot train`: one recipe, one folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from spigot.cli.console import emit_json
from spigot.cli.kernels import announce_compilation


def train(
    recipe: Annotated[
        str, typer.Argument(help="A TOML file, the name of a shipped recipe (paper/spigot), or a run's folder.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the run: new or empty, unless resuming.")],
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="A TOML file with a [data] table, a folder with data.toml, or a shipped name.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key (training.epochs=3; null is none); may be repeated."
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", help="A run to go on from, with its weights and vocabulary; the same as training.start."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted run.")] = False,
    device: Annotated[str | None, typer.Option(help="'cpu': do not use a GPU.", metavar="cpu")] = None,
) -> None:
    """Train the system of a recipe; print the dev scores of the epoch that was kept, as JSON."""
    from spigot.training.config import RecipeError
    from spigot.training.loop import Interrupted, Trainer
    from spigot.training.recipe import load_recipe, naming_file

    announce_compilation()
    if device not in (None, "cpu"):
        raise typer.BadParameter(f"expected 'cpu' or nothing, got {device!r}", param_hint="--device")
    settings = [
        *(settings or []),
        *([] if start is None else [f"training.start={json.dumps(start, ensure_ascii=False)}"]),
    ]
    loaded = load_recipe(recipe, settings, data)
    try:
        trainer = Trainer(loaded, out, resume=resume, device=device)
    except RecipeError as error:
        raise naming_file(error, recipe, settings, data) from None
    try:
        best = trainer.fit()
    except Interrupted as interrupted:
        typer.echo(f"spigot: {interrupted}; go on with --resume", err=True)
        raise typer.Exit(interrupted.code) from None
    if trainer.main:
        emit_json(best)
