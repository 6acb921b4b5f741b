"""The documentation site: it is built without warnings, and its reference names all that there is."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import spigot
from spigot.systems import SYSTEMS
from spigot.training.config import Recipe

TOP = Path(__file__).parents[1]
pytest.importorskip("sphinx")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages as HTML, from a copy: the build writes beside its sources."""
    top = tmp_path_factory.mktemp("site")
    ignored = shutil.ignore_patterns("_build", "reference", "results", "__pycache__", "*.safetensors")
    for name in ("docs", "experiments", "benchmarks", "src", "recipes", "models"):
        shutil.copytree(TOP / name, top / name, ignore=ignored)
    for page in [*TOP.glob("*.md"), *TOP.glob("*.cff")]:
        shutil.copy(page, top)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs", "built"]
    done = subprocess.run(command, cwd=top, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return top


def test_every_public_name_is_in_the_reference(site):
    text = (site / "docs/reference/core.md").read_text("utf-8")
    assert set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == set(spigot.__all__)


def test_what_programs_use_of_the_parsers_is_in_the_reference(site):
    text = (site / "docs/reference/parsers.md").read_text("utf-8")
    for line in re.findall(r"^`(from .* import .*)`$", text, re.MULTILINE):
        exec(line, {})  # the page is ours
    assert {"load", "Parser", "Parse", "Sentence", "Trainer", "Encoder", "Task", "System"} <= set(
        re.findall(r"^### (\w+)$", text, re.MULTILINE)
    )


def test_every_tutorial_has_its_pictures_and_its_download(site):
    for notebook in (site / "docs/tutorials").glob("*.ipynb"):
        page = (site / f"built/tutorials/{notebook.stem}.html").read_text("utf-8")
        assert page.count('class="reference download internal"') == 1
        stored = notebook.read_text("utf-8")
        pictures = sum(stored.count(f'"{kind}": ') for kind in ("image/png", "image/svg+xml", "text/html"))
        shown = page.count('src="../_images/') + page.count('class="spigot-drawing"')
        assert shown == pictures > 0, notebook.name


def test_every_command_and_option_is_in_the_reference(site):
    from typer.main import get_command

    from spigot.cli.main import app

    text = (site / "docs/reference/commands.md").read_text("utf-8")
    for name, command in get_command(app).commands.items():
        part = text.partition(f"\n## spigot {name}\n")[2].partition("\n## ")[0]
        assert part
        options = [p.opts[0] for p in command.params if p.param_type_name == "option" and p.name != "help"]
        assert all(f"`{option}" in part for option in options)


def test_every_key_of_a_recipe_is_in_the_reference(site):
    text = (site / "docs/reference/recipes.md").read_text("utf-8")
    for model in (Recipe, *(system.config_class for system in SYSTEMS.values())):
        for key in set(model.model_fields) - {"data", "training", "intermediate", "system", "tasks"}:
            assert f"\n| `{key}` |" in text


def test_types_and_descriptions_of_keys_are_whole(site):
    text = (site / "docs/reference/recipes.md").read_text("utf-8").partition("\n## Classes by name\n")[0]
    types = re.findall(r"^\| `\w+` \| `(.*?)` \|", text, re.MULTILINE)
    assert "path | None" in [shown.replace("\\|", "|") for shown in types]
    for shown in types:
        ast.parse(shown.replace("\\|", "|"), mode="eval")
    assert not re.search(r"^    ", text, re.MULTILINE)  # Markdown would take it for code


def test_every_page_is_in_the_navigation(site):
    index = (site / "built/index.html").read_text("utf-8")
    for page in (site / "docs").rglob("*.md"):
        name = page.relative_to(site / "docs").with_suffix(".html").as_posix()
        assert name == "index.html" or f'href="{name}"' in index, name
