"""A model as a Python package that `pip` installs and the entry-point group `spigot.models` names.

The entry point's value is a module with a function `path()`, which returns the folder of the checkpoint.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from spigot.data.files import in_the_way, write_text
from spigot.errors import UserError
from spigot.systems.checkpoint import MODELS, SHARED

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
VERSION = re.compile(r"\d+(\.\d+)*")

_PROJECT = """[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "torch-spigot-{name}"
version = "{version}"
description = "{description}"
readme = "README.md"
license-files = ["LICENSE*"]
requires-python = ">=3.11"
dependencies = ["torch-spigot[nlp,text]"]

[project.entry-points."{group}"]
{name} = "{module}"

[tool.hatch.build.targets.wheel]
packages = ["{module}"]
"""
_MODULE = '''"""The model {name} of spigot."""

from pathlib import Path


def path() -> Path:
    """Return the folder of the checkpoint."""
    return Path(__file__).parent / "model"
'''


def make_package(folder: Path, name: str, out: Path, version: str = "0.1.0", description: str = "") -> tuple[str, Path]:
    """Write a package with the checkpoint of `folder` to `out`, a new or empty folder.

    Returns the name of the project, and the folder of the checkpoint in it.

    Raises:
        UserError: `name` or `version` is none of a package, or `out` has files.
    """
    if not NAME.fullmatch(name):
        raise UserError(f"--name: expected lower-case letters, digits and single hyphens, got {name!r}")
    if not VERSION.fullmatch(version):
        raise UserError(f"--version: expected numbers with dots between them, got {version!r}")
    if got := in_the_way(out):
        raise UserError(f"--out {out}: expected a new or empty folder, got {got}")
    module = f"spigot_model_{name.replace('-', '_')}"
    model = out / module / "model"
    model.mkdir(parents=True)
    for file in SHARED:
        if (folder / file).is_file():
            shutil.copyfile(folder / file, model / file)
    described = " ".join((description or f"The model {name} of spigot").split()).replace("\\", "").replace('"', "'")
    project = _PROJECT.format(name=name, version=version, description=described, group=MODELS, module=module)
    write_text(out / "pyproject.toml", project)
    write_text(out / module / "__init__.py", _MODULE.format(name=name))
    card = folder / "README.md"
    write_text(out / "README.md", card.read_text("utf-8") if card.is_file() else f"# {name}\n")
    if (folder / "LICENSE").is_file():
        shutil.copyfile(folder / "LICENSE", out / "LICENSE")
    return f"torch-spigot-{name}", model
