"""The list of runs can be run: its recipes and settings exist, and what a run starts from comes before it."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from spigot.training.recipe import load_recipe

FOLDER = Path(__file__).parents[1] / "experiments"


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("experiments_run", FOLDER / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_run_of_the_list_has_a_recipe_that_can_be_read(runner: ModuleType) -> None:
    runs, ids = runner.read_runs(FOLDER / "runs.toml")
    known = set(ids)
    for run in runs:
        load_recipe(run.recipe, run.settings, run.data)
        assert run.needs <= known, f"{run.name} needs {run.needs - known}, which come later or never"
        assert run.name not in known
        known.add(run.name)


def test_a_run_goes_on_where_its_files_say(runner: ModuleType, tmp_path: Path) -> None:
    run = runner.Run("a-1", "modern/ste", "data/propbank", ("x=RUNS/b-1",), (), str(tmp_path / "scores"))
    work = runner.Runner([run], tmp_path, tmp_path)
    assert work.state(run) == "waits for b-1"
    (tmp_path / "b-1").mkdir()
    (tmp_path / "b-1" / "metrics.jsonl").touch()
    (tmp_path / "b-1.out").write_text('{"dev": {}}\n')
    assert work.state(run) == "start"
    (tmp_path / "a-1").mkdir()
    (tmp_path / "a-1" / "state.safetensors").touch()
    (tmp_path / "a-1" / "metrics.jsonl").touch()
    assert work.state(run) == "resume"
    with work._lock(run):
        assert work.state(run) == "runs"
    (tmp_path / "a-1.out").write_text('{"dev": {}}\n')
    assert work.state(run) == "score"
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "a-1.json").touch()
    assert work.state(run) == "done"
