"""What is told of kernels while numba compiles them, which it does once: when a kernel is first called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import typer


def announce_compilation() -> None:
    """Say on a terminal, once, that kernels are being compiled: the first run then does not seem to hang."""
    if sys.stderr is None or not sys.stderr.isatty():
        return
    from numba.core import event

    told: list[str] = []

    def tell(kernel: str) -> None:
        if not told:
            typer.echo("spigot: compiling kernels, once (`spigot compile` does it ahead of time) ...", err=True)
        told.append(kernel)

    event.register("numba:compile", compilation_listener(tell))


def compilation_listener(tell: Callable[[str], None]) -> Any:
    """Return a listener to numba's event "numba:compile", which no kernel causes that comes from the cache.

    `tell` gets the name of each kernel as its compilation begins.
    """
    from numba.core import event

    class Listener(event.Listener):
        def on_start(self, happened: Any) -> None:
            tell(happened.data["dispatcher"].py_func.__qualname__)

        def on_end(self, happened: Any) -> None:
            pass

    return Listener()
