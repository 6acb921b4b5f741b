"""`spigot push`: publish a model on the Hugging Face hub."""

from __future__ import annotations

from typing import Annotated

import typer

from spigot.cli.console import emit
from spigot.errors import UserError


def push(
    model: Annotated[str, typer.Argument(help="A run's folder, or an installed model.")],
    repository: Annotated[str, typer.Argument(help="OWNER/NAME on the hub; it is made if there is none.")],
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
) -> None:
    """Upload a model and its card to the Hugging Face hub; log in before with `hf auth login`.

    The training state, the log and data paths of the run are not uploaded.
    """
    from spigot.systems.checkpoint import HUB_ERRORS, find_checkpoint, push_folder, reason
    from spigot.systems.loading import load_system

    if repository.count("/") != 1 or "" in repository.split("/"):
        raise UserError(f"{repository}: expected OWNER/NAME")
    folder = find_checkpoint(model, {})
    load_system(folder)  # nothing broken is published
    try:
        address = push_folder(folder, repository, private or None)
    except HUB_ERRORS as error:
        raise UserError(f"{repository}: expected a repository that can be written: {reason(error)}") from error
    emit(address)
