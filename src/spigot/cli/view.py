"""`spigot view`: a page on this machine that shows parses and what the end task's loss would move."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spigot.cli.device import DeviceOption, checked_device
from spigot.cli.names import short_names
from spigot.errors import UserError

if TYPE_CHECKING:
    from spigot.data.sentence import Sentence
    from spigot.tasks.base import Task


def view(
    run: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="An installed model, a run's folder, or hf://OWNER/NAME on the hub."),
    ],
    other: Annotated[str | None, typer.Argument(metavar="OTHER", help="A second model to compare with.")] = None,
    gold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[TASK=]FILE",
            help="A file of gold sentences to browse; give it again for other annotations. TASK is the task of the "
            "models that it is gold of, where a model has several trees or graphs.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8000,
    device: DeviceOption = "cpu",
) -> None:
    """Show a model in the browser: parses of what you type, and the arcs that the end task's loss would move.

    The page is on the loopback address of this machine; it asks nothing of others.
    """
    from spigot.cli.gold import put_together
    from spigot.systems.loading import load_system

    try:
        import uvicorn

        from spigot.view.app import make_app
    except ModuleNotFoundError as error:
        raise UserError(f"spigot view needs {error.name}: pip install 'torch-spigot[nlp,view]'") from None

    named = checked_device(device)
    sources = [run] if other is None else [run, other]
    systems = {name: load_system(source, named) for name, source in _names(sources).items()}
    tasks = {task.name: task for system in systems.values() for task in system.tasks.values()}
    app = make_app(systems, put_together([_read(item, tasks) for item in gold or []]))
    try:
        listening = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise typer.BadParameter(f"expected a free port, got {port}: {error.strerror}", param_hint="--port") from None
    with listening:
        typer.echo(f"http://127.0.0.1:{listening.getsockname()[1]}/ (Ctrl-C ends it)", err=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])


def _read(item: str, tasks: Mapping[str, Task]) -> tuple[str, list[Sentence]]:
    """Return the path and the sentences of FILE, or of TASK=FILE, whose annotation is that of a task."""
    from spigot.cli.gold import read_together
    from spigot.tasks.category import Category

    name, equals, path = item.partition("=")
    if equals and name in tasks:
        return path, list(tasks[name].read_gold(Path(path)))
    if equals and not Path(item).is_file():
        known = ", ".join(tasks)
        raise typer.BadParameter(f"expected TASK=FILE with a task of {known}, got {item!r}", param_hint="--gold")
    categories = [name for name, task in tasks.items() if isinstance(task, Category)]
    return item, read_together([item], categories=categories)


def _names(sources: list[str]) -> dict[str, str]:
    """Return the sources by the names that they have beside each other."""
    named = dict(zip(short_names(*sources), sources, strict=True))
    if len(named) < len(sources):
        raise UserError(f"OTHER: expected another model, got {sources[0]} twice")
    return named
