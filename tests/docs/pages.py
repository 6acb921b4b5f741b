"""The pages of docs/ as programs."""

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from spigot.systems import SYSTEMS
from spigot.tasks import TASKS

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (\w+\.\w+)\n")


@contextmanager
def own_names(folder: Path) -> Iterator[None]:
    """Have `folder` as working directory, whose modules can be imported.

    What is entered in a registry stays there inside the `with` alone.
    """
    registries = [(registry, dict(registry)) for registry in (TASKS, SYSTEMS)]
    modules = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        try:
            yield
        finally:
            for registry, before in registries:
                registry.clear()
                registry.update(before)
            for name in {path.stem for path in folder.glob("*.py")} - modules:
                sys.modules.pop(name, None)


@contextmanager
def running(page: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Run the Python of a page, block after block, with `folder` as working directory; yield what it defines.

    A block that begins with the name of a file, whatever its language, is written to that file and not run. What the
    page enters in a registry stays there inside the `with` alone.
    """
    names: dict[str, Any] = {"__name__": "docs"}
    with own_names(folder):
        for language, block in BLOCK.findall((DOCS / page).read_text("utf-8")):
            file = FILE.match(block)
            if file is not None:
                Path(file[1]).write_text(block, "utf-8")
                importlib.invalidate_caches()
            elif language == "python":
                exec(compile(block, page, "exec"), names)  # the pages are ours
        yield names


def contract_tests(module: ModuleType, *arguments: str) -> list[str]:
    """Return the names of the test functions of a module that take just these arguments."""
    functions = inspect.getmembers(module, inspect.isfunction)
    return [
        name
        for name, function in functions
        if name.startswith("test_") and tuple(inspect.signature(function).parameters) == arguments
    ]
