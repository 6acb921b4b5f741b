"""`spigot compile`: compile the kernels ahead of time, for images."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from spigot.cli.kernels import compilation_listener

RECIPES = ("demo", "modern/sa", "modern/biaffine", "modern/sentiment-spigot")
"""Between them they use all kernels of the systems that come with the package."""


def compile_kernels() -> None:
    """Compile the kernels of the shipped systems into numba's cache, so that the first parse need not wait.

    Small systems are trained on a few built-in sentences and parse some. The cache lies beside the package if that
    can be written, else in the user's cache folder; the environment variable NUMBA_CACHE_DIR names another place.
    """
    from numba.core import event

    compiled: list[str] = []
    began = time.monotonic()
    log = logging.getLogger("spigot")
    level = log.level
    log.setLevel(logging.ERROR)  # what such small corpora lack does not matter here
    try:
        with event.install_listener("numba:compile", compilation_listener(compiled.append)):
            for name in RECIPES:
                _run(name, compiled)
    finally:
        log.setLevel(level)
    typer.echo(f"spigot: {len(compiled)} functions compiled in {time.monotonic() - began:.0f} s", err=True)


def _run(name: str, compiled: list[str]) -> None:
    """Train and use a small system of one recipe; `compiled` grows by the functions that this compiles."""
    from spigot.builtin import generate
    from spigot.systems.loading import load_system
    from spigot.training.loop import Trainer
    from spigot.training.recipe import load_recipe, shipped_recipes

    typer.echo(f"spigot: compiling what {name} uses ...", err=True)
    before = time.monotonic(), len(compiled)
    with TemporaryDirectory() as folder:
        trainer = Trainer(load_recipe(str(shipped_recipes()[name]), _settings(name)), Path(folder), device="cpu")
        trainer.report.quiet = True
        trainer.fit()
        load_system(folder).parse(generate(2, seed=1))
    took, count = time.monotonic() - before[0], len(compiled) - before[1]
    typer.echo(f"spigot: {name}: {count} functions compiled, {took:.0f} s", err=True)


def _settings(recipe: str) -> list[str]:
    """Return the settings that make a recipe small."""
    table = ", ".join(f"{task} = 8" for task in ("syntax", "semantics", "sentiment"))
    settings = [f"data.builtin={{train = {{{table}}}, dev = 4, test = 4}}", "training.epochs=1"]
    if recipe == "demo" or "sentiment" in recipe:
        settings.append("intermediate.pretrain_epochs=1")
    return settings
