"""The code in the README runs, and what it names exists."""

import re
from pathlib import Path

import pytest

from spigot.training.recipe import find_recipe, load_recipe
from tests.models.tiny import tiny_model

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_python_blocks_run(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_model().save_pretrained("runs/spigot")
    exec(compile(block, "README.md", "exec"), {})  # the README is ours


def test_named_recipes_exist() -> None:
    commands = re.findall(r"spigot train (\S+) --data (\S+)", README)
    assert commands
    for name, data in commands:
        recipe = load_recipe(name, data=data)
        assert all(recipe.data.tasks[task].train is not None for task in recipe.made_tasks)


def test_every_system_of_the_table_has_its_recipes() -> None:
    for name in ("neurbo", "pipeline", "sa", "ste", "spigot"):
        assert f"| `{name}` |" in README
        assert find_recipe(f"paper/{name}").is_file()
        assert find_recipe(f"modern/{name}").is_file()


def test_data_example_is_a_data_file(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "mine.toml"
    path.write_text(example, "utf-8")
    assert str(load_recipe("paper/spigot", data=str(path)).data.vectors) == "glove.6B.100d.txt"
