"""The notebooks of docs/tutorials: their cells run, and what they have stored is what they give."""

import json
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, own_names

sys.path.insert(0, str(DOCS))
import run_notebooks
from run_notebooks import VARIES, code_cells, is_fresh, read, run, text_of

NOTEBOOKS = sorted((DOCS / "tutorials").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_cells_run_and_give_what_they_have_stored(path: Path, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    pytest.importorskip("IPython")
    notebook = read(path)
    with own_names(tmp_path):
        for cell, outputs in zip(code_cells(notebook), run(notebook, path.name), strict=True):
            assert is_fresh(cell, outputs), f"{text_of(cell['outputs'])}\n--- now ---\n{text_of(outputs)}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_clean(path: Path) -> None:
    notebook = read(path)
    assert path.read_text("utf-8") == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    assert notebook["cells"][0]["source"][0].startswith("# ")
    for cell in notebook["cells"]:
        assert set(cell["metadata"]) <= {"tags"}
        assert cell["cell_type"] == "markdown" or cell["execution_count"]
    text = path.read_text("utf-8")
    assert not any(word in text for word in ("/home/", "/tmp/", "/work/", "Traceback", '"stderr"'))


def test_every_notebook_is_in_the_list_of_tutorials() -> None:
    text = (DOCS / "tutorials/index.md").read_text("utf-8")
    assert NOTEBOOKS
    assert all(f"]({path.name})" in text and f"\n{path.stem}\n" in text for path in NOTEBOOKS)


def cell(source: str, stored: str, *tags: str) -> dict:
    outputs = [{"output_type": "stream", "name": "stdout", "text": [stored]}]
    return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": [source], "outputs": outputs}


def given(found: dict) -> list[dict]:
    return next(run({"cells": [found]}, "a notebook"))


@pytest.mark.parametrize(
    ("found", "fresh"),
    [
        (cell("print('a 1.25')", "a 1.25\n"), True),
        (cell("print('a 1.25')", "a 1.26\n"), False),
        (cell("print('b')", "a 1.25\n"), False),
        (cell("pass", "a\n"), False),
        (cell("print('a 1.25, −3 %')", "a 0.5,  12 %\n", VARIES), True),
        (cell("print('b 1.25')", "a 1.25\n", VARIES), False),
    ],
)
def test_what_is_stale_is_noticed(found: dict, fresh: bool) -> None:
    assert is_fresh(found, given(found)) == fresh


def test_a_cell_that_fails_is_named() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        given(cell("1 / 0", ""))
    assert caught.value.__notes__ == ["in code cell 1 of a notebook"]


def test_a_file_is_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert text_of(given(cell("%%writefile a.py\nx = 1\n", ""))) == "Writing a.py\n"
    assert (tmp_path / "a.py").read_text("utf-8") == "x = 1\n"


def test_storing_is_repeatable(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    first = {"cells": [cell("x = 1\nx + 1", "")], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(first), "utf-8")
    run_notebooks.store(path)
    stored = path.read_bytes()
    assert text_of(read(path)["cells"][0]["outputs"]) == "2"
    run_notebooks.store(path)
    assert path.read_bytes() == stored
