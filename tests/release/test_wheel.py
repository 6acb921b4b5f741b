"""The wheel: pure Python, all of the package and its recipes, nothing else; the same from the source distribution."""

import os
import re
import subprocess
import sys
import tomllib
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

import pytest

TOP = Path(__file__).parents[2]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]
pytest.importorskip("hatchling")


def run(*command, **settings):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wheel_of(source, folder):
    run(
        *(sys.executable, "-m", "pip", "wheel", str(source), "--no-deps", "--no-build-isolation", "--no-index"),
        *("--wheel-dir", str(folder)),
    )
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return wheel_of(TOP, tmp_path_factory.mktemp("wheel"))


def contents(path):
    """Return the names in a wheel, without those of its metadata."""
    with ZipFile(path) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_wheel_is_pure_python(wheel):
    assert wheel.name == f"torch_spigot-{PROJECT['version']}-py3-none-any.whl"


def test_the_wheel_has_the_package_and_its_recipes_and_nothing_else(wheel):
    caches = {".pyc", ".nbi", ".nbc"}
    package = [path for path in (TOP / "src/spigot").rglob("*") if path.is_file() and path.suffix not in caches]
    recipes = (TOP / "recipes").rglob("*.toml")
    expected = {path.relative_to(TOP / "src").as_posix() for path in package}
    expected |= {f"spigot/{path.relative_to(TOP).as_posix()}" for path in recipes}
    assert {"spigot/py.typed", "spigot/view/page.html", "spigot/recipes/demo.toml"} <= expected
    assert contents(wheel) == expected


def test_the_source_distribution_makes_the_same_wheel(wheel, tmp_path):
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path), cwd=TOP)
    (source,) = tmp_path.glob("*.tar.gz")
    assert source.stat().st_size < 2**20
    with ZipFile(wheel) as one, ZipFile(wheel_of(source, tmp_path)) as other:
        assert {name: one.read(name) for name in one.namelist()} == {
            name: other.read(name) for name in other.namelist()
        }


def test_recipes_are_found_in_the_wheel(wheel, tmp_path):
    ZipFile(wheel).extractall(tmp_path / "site")
    listed = run(sys.executable, "-m", "spigot", "recipes", cwd=tmp_path, env=os.environ | {"PYTHONPATH": "site"})
    assert "modern/spigot" in listed
    assert "demo" in listed


def test_the_version_is_the_same_everywhere():
    version = PROJECT["version"]
    assert f"\nversion: {version}\n" in (TOP / "CITATION.cff").read_text("utf-8")
    released = re.findall(r"^## \[?(\d[^\]\s]*)", (TOP / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert released[0] == version


def test_the_core_needs_its_dependencies_alone(wheel):
    with ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = message_from_string(archive.read(name).decode())
    needs = metadata.get_all("Requires-Dist")
    assert sorted(need for need in needs if "extra ==" not in need) == sorted(PROJECT["dependencies"])
    assert set(metadata.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])


def test_the_command_without_its_extra_says_what_to_install():
    program = "import runpy, sys; sys.modules['typer'] = None; runpy.run_module('spigot', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "spigot: error: the command needs typer: pip install 'torch-spigot[nlp]'\n"
