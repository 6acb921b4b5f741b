"""A pytest plugin that checks the annotations of the core at run time: `pytest -p tests.shapes ...`.

It has to be loaded before the core is imported. Tests that pass what the annotations forbid are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPepUnsupportedException
from jaxtyping import TypeCheckError, install_import_hook

SOURCE = Path(__file__).parents[1] / "src"


def checked_modules() -> list[str]:
    """Return the modules of the core but those that register operators: torch reads these annotations itself."""
    core = SOURCE / "spigot" / "structured"
    operators = {path for path in core.rglob("*.py") if "kernels" in path.parts or path.name.endswith("_operator.py")}
    files = [path for path in core.rglob("*.py") if path not in operators]
    return [".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in files if path.name != "__init__.py"]


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with its arguments and result checked, unless beartype cannot read `HullSolution[...]`."""
    try:
        return beartype(conf=BeartypeConf(is_pep484_tower=True))(function)  # an int serves as a float
    except BeartypeDecorHintPepUnsupportedException:
        return function


install_import_hook(checked_modules(), f"{__name__}.checked")


def pytest_sessionstart() -> None:
    """Stop unless a wrong shape is refused by its annotation."""
    import spigot  # not before the hook is installed

    with pytest.raises(TypeCheckError, match="parameter 'scores'"):
        spigot.ProjectiveTree().argmax(torch.zeros(3, 3))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if item.get_closest_marker("wrong_arguments") is None]
