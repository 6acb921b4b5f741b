"""The code in the README runs, and what it names exists."""

import io
import re
import shlex
from pathlib import Path

import pytest
from safetensors import safe_open
from typer.main import get_command

from spigot.cli.main import app, main
from spigot.systems.checkpoint import CHECKSUM, WEIGHTS
from spigot.training.recipe import find_recipe, load_recipe
from tests.models.tiny import tiny_model

TOP = Path(__file__).parents[1]
README = (TOP / "README.md").read_text("utf-8")
MODEL = TOP / "models/en/spigot_model_en/model"
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_python_blocks_run(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_model().save_pretrained("runs/spigot")
    exec(compile(block, "README.md", "exec"), {})  # the README is ours


def test_the_first_command_prints_what_the_readme_shows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text, _, shown = README.partition('    echo "')[2].partition('" | spigot parse en --to text\n\n```text\n')
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{text}\n".encode())))
    assert main(["parse", str(MODEL), "--to", "text"]) == 0
    assert capsys.readouterr().out.rstrip() == shown.partition("```")[0].rstrip()


def commands() -> list[list[str]]:
    """Return the arguments of each `spigot` that the README shows in an indented block, line by line."""
    lines = re.sub(r"\\\n", " ", README).splitlines()
    shown = [line.rpartition("| ")[2].strip() for line in lines if line.startswith("    ")]
    return [shlex.split(line)[1:] for line in shown if line.startswith("spigot ")]


def test_named_recipes_exist_and_take_their_settings() -> None:
    trained = [arguments for arguments in commands() if arguments[0] == "train"]
    assert trained
    for _, recipe, *options in trained:
        given = list(zip(options[::2], options[1::2], strict=True))
        settings = [value for option, value in given if option == "--set"]
        data = dict(given).get("--data")
        # "data" is a folder that another of the commands makes.
        made = load_recipe(recipe, settings, data=None if data == "data" else data)
        assert data == "data" or all(made.data.tasks[task].train is not None for task in made.made_tasks)


def test_commands_have_the_options() -> None:
    known = get_command(app).commands
    for name, *arguments in commands():
        options = {option for parameter in known[name].params for option in parameter.opts}
        assert {argument for argument in arguments if argument.startswith("--")} <= options, name


def test_surrogates_in_settings_are_what_they_say() -> None:
    settings = re.findall(r"`--set '(system\.surrogate=.*?)'`", README)
    assert settings
    for setting in settings:
        if "mine." not in setting:
            assert load_recipe("paper/spigot", [setting]).system.surrogate.name in setting


def test_every_system_of_the_table_has_its_recipes() -> None:
    for name in ("neurbo", "pipeline", "sa", "ste", "spigot"):
        assert re.search(rf"^\| `{name}`[ ,]", README, re.MULTILINE)
        assert find_recipe(f"paper/{name}").is_file()
        assert find_recipe(f"modern/{name}").is_file()


def test_data_example_is_a_data_file(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "mine.toml"
    path.write_text(example, "utf-8")
    assert str(load_recipe("paper/spigot", data=str(path)).data.vectors) == "glove.6B.100d.txt"


def test_the_english_model_is_tied_by_a_checksum() -> None:
    with safe_open(MODEL / WEIGHTS, "pt") as file:
        assert CHECKSUM in file.metadata()
