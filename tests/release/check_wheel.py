"""Install the wheel into clean environments and use it there, as the README and the pages of docs/ do.

    pip install uv
    python tests/release/check_wheel.py --versions newest lowest --python 3.11 3.12

An environment has the core alone, the extra `nlp`, or all extras of users; the newest versions of the index, or the
lowest that pyproject.toml allows. Programs run in empty folders: what they need of the repository is copied there.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

from uses import CHECKS, Environment

TOP = Path(__file__).parents[2]


def build(source: Path, out: Path) -> Path:
    """Build a wheel in an environment of its own."""
    subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", str(out), str(source)], check=True)
    (path,) = out.glob("*.whl")
    return path


def requirements(wheel: Path) -> dict[str, list[str]]:
    """Return what the wheel needs, by extra; "" is the core."""
    with ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        needs = message_from_string(archive.read(name).decode()).get_all("Requires-Dist") or []
    found: dict[str, list[str]] = {}
    for need in needs:
        requirement, _, marker = need.partition(";")
        extra = re.search(r"extra == '(\w+)'", marker)
        found.setdefault(extra[1] if extra else "", []).append(requirement.strip())
    return found


def install(python: str, versions: str, extras: list[str], wheel: Path, other: list[Path], folder: Path) -> Environment:
    """Make an environment with the wheel and the requirements of some extras; `other` wheels go with it."""
    subprocess.run(["uv", "venv", "--quiet", "--python", python, str(folder / "env")], check=True)
    needs = requirements(wheel)
    # Requirements are given one by one: uv takes the lowest versions of those alone that it is given directly.
    direct = [need for extra in ["", *extras] for need in needs[extra]]
    resolution = "lowest-direct" if versions == "lowest" else "highest"
    command = ["uv", "pip", "install", "--quiet", "--python", str(folder / "env"), "--resolution", resolution]
    subprocess.run([*command, *direct, *map(str, (wheel, *other))], check=True)
    (folder / "work").mkdir()
    return Environment(folder / "env" / "bin", folder / "work", TOP)


def main() -> int:
    """Check what is asked for; say what holds, stop at what does not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", nargs="+", default=["{}.{}".format(*sys.version_info)], help="versions of Python, or their paths")
    parser.add_argument("--versions", nargs="+", choices=["newest", "lowest"], default=["newest", "lowest"])
    parser.add_argument("--install", nargs="+", choices=list(CHECKS), default=list(CHECKS))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(TOP, folder / "wheel")
        english = build(TOP / "models/en", folder / "english")
        extras = {
            "core": [],
            "nlp": ["nlp"],
            "all": sorted(extra for extra in requirements(wheel) if extra not in ("", "dev")),
        }
        for python in asked.python:
            for versions in asked.versions:
                for what in asked.install:
                    print(f"Python {python}, {versions} versions, {what}", flush=True)
                    with tempfile.TemporaryDirectory() as place:
                        other = [english] if what == "all" else []
                        environment = install(python, versions, extras[what], wheel, other, Path(place))
                        CHECKS[what](environment)
    return 0


if __name__ == "__main__":
    sys.exit(main())
