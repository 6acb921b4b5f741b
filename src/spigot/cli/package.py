"""`spigot package`: make a Python package of a model."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from spigot.cli.console import emit


def package(
    model: Annotated[str, typer.Argument(help="An installed model, a run's folder, or hf://OWNER/NAME on the hub.")],
    name: Annotated[str, typer.Option(help="What the model is called: `spigot parse NAME` finds it when installed.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the package: new or empty.")],
    half: Annotated[
        bool, typer.Option("--half", help="Store the weights in half precision, in half of the space.")
    ] = False,
    version: Annotated[str, typer.Option("--version", help="The package's version.")] = "0.1.0",
) -> None:
    """Make a Python package of a model, torch-spigot-NAME, which pip installs and others find by its name."""
    from spigot.systems.card import own_classes
    from spigot.systems.checkpoint import find_checkpoint
    from spigot.systems.loading import load_system
    from spigot.systems.packaging import make_package

    folder = find_checkpoint(model, {})
    system = load_system(folder)  # nothing broken is packed
    project, model_folder = make_package(folder, name, out, version)
    if half:
        system.save_pretrained(model_folder, half=True)
    own = own_classes(system.to_config())
    if own:
        typer.echo(
            f"warning: the package does not hold {', '.join(own)}: who loads it needs them on the Python path", err=True
        )
    # pip would look for a name without a slash in the index.
    emit(f"{project} {version} in {out}; install it with: pip install {shlex.quote(str(out.absolute()))}")
