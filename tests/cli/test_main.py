import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pydantic
import pytest
import typer
from typer.testing import CliRunner

import spigot
from spigot.cli import main as cli
from spigot.data.errors import DataError
from spigot.errors import UserError


@pytest.fixture
def failing(monkeypatch):
    """A program with one command that raises what it is given."""

    def make(error):
        app = typer.Typer(cls=cli._Group, pretty_exceptions_enable=False)

        @app.callback()
        def program():
            pass

        @app.command()
        def fail():
            raise error

        monkeypatch.setattr(cli, "app", app)
        return lambda: cli.main(["fail"])

    return make


class Settings(pydantic.BaseModel, extra="forbid"):
    rate: float = pydantic.Field(1, gt=0)
    table: dict[str, int] = {}


def validation_error(**values):
    with pytest.raises(pydantic.ValidationError) as caught:
        Settings(**values)
    return caught.value


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (
            DataError("a.sdp", 3, "expected 7 columns, got 2"),
            2,
            "error: a.sdp:3: expected 7 columns, got 2",
        ),
        (UserError("no such recipe"), 2, "error: no such recipe"),
        (
            typer.BadParameter("expected cpu", param_hint="--device"),
            2,
            "error: Invalid value for --device: expected cpu (see 'spigot fail --help')",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "x"),
            2,
            "error: x: no such file or directory",
        ),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "x"), 2, "error: x: is a directory"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), 2, "error: x: permission denied"),
        (OSError(errno.ENOSPC, "No space left on device", "x"), 1, "error: x: no space left on device"),
        (OSError("something else"), 1, "error: something else"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (typer.Abort(), 1, "error: aborted"),
        (validation_error(rate=-1), 2, "error: rate: expected a number greater than 0, got -1"),
        (
            validation_error(rat=1, table={"a": [1]}),
            2,
            "error: table.a: expected an integer, got [1]; rat: no such key",
        ),
    ],
)
def test_expected_failures_are_one_line(failing, capsys, error, code, line):
    assert failing(error)() == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"spigot: {line}\n"


@pytest.mark.parametrize("bug", [RuntimeError("bug"), KeyError("bug"), ValueError("bug"), EOFError("bug")])
def test_the_unexpected_is_one_line_without_debug(failing, capsys, bug):
    run = failing(bug)
    assert run() == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(
        rf"spigot: error: unexpected {type(bug).__name__}: \W?bug\W? \(fail, line \d+ of .*test_main\.py; "
        r"use --debug to see the traceback\)\n",
        captured.err,
    )


@pytest.mark.parametrize("arguments", [["--debug", "fail"], ["fail", "--debug"]])
@pytest.mark.parametrize(("error", "code"), [(KeyError("bug"), 1), (UserError("wrong"), 2)])
def test_debug_shows_the_traceback(failing, capsys, arguments, error, code):
    failing(error)
    assert cli.main(arguments) == code
    captured = capsys.readouterr()
    assert captured.err.startswith("Traceback (most recent call last):\n")
    assert "raise error" in captured.err
    assert "\nspigot: error: " in captured.err


def test_memory_is_named(failing, capsys):
    assert failing(MemoryError())() == 1
    assert capsys.readouterr().err.startswith("spigot: error: out of memory (fail, line ")


@pytest.mark.parametrize("text", ["x" * 5000, "a\x1b[31m\u202e\x07b", "line\nline"])
def test_messages_are_short_and_printable(failing, capsys, text):
    failing(UserError(f"begin {text} end"))()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert len(line) < 300
    assert line.startswith("spigot: error: begin ")
    assert line.endswith(" end")


def test_exit_code_asked_for_by_a_command(failing, capsys):
    assert failing(typer.Exit(130))() == 130
    assert failing(typer.Exit())() == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["scor"], "No such command 'scor'. Did you mean 'score'? (see 'spigot --help')"),
        (["score", "a"], "Missing argument 'system' (see 'spigot score --help')"),
        (["--colour"], "No such option: --colour (see 'spigot --help')"),
        (["score", "a", "b", "--rounds", "0"], "Invalid value for '--rounds': "),
        (["score", "a", "b", "--format", "amr"], "Invalid value for '--format': 'amr' is not one of"),
    ],
)
def test_usage_errors_are_one_line(capsys, arguments, line):
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith(f"spigot: error: {line}")


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert re.fullmatch(r"spigot \d+\.\d+.*\n", capsys.readouterr().out)


def test_without_arguments_the_help_is_shown(capsys):
    assert cli.main([]) == 2
    captured = capsys.readouterr()
    assert "score" in captured.out + captured.err
    assert "error" not in captured.err


@pytest.mark.parametrize("command", [[], ["demo"], ["train"], ["evaluate"], ["parse"], ["score"]])
def test_each_command_has_help(command):
    result = CliRunner().invoke(cli.app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.stdout
    assert result.stderr == ""


# The package without the core, which its __init__ loads in some seconds: this shows what the commands load.
LIGHT = (
    "import sys, types\n"
    "package = sys.modules['spigot'] = types.ModuleType('spigot')\n"
    f"package.__path__ = {list(spigot.__path__)!r}\n"
)
RUN = "from spigot.cli.main import run\nrun()\n"


def test_commands_load_nothing_heavy_before_they_run():
    program = LIGHT + "import spigot.cli.main\nprint(*{name.partition('.')[0] for name in sys.modules})\n"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert "typer" in loaded
    heavy = {"torch", "numba", "numpy", "accelerate", "pydantic", "conllu", "safetensors", "spacy", "rich"}
    assert not heavy & loaded


@pytest.mark.parametrize("tokens", [3, 3000])
def test_broken_pipe_is_quiet(tmp_path, tokens):
    # The output is closed: a short output fails when it is flushed at the end, a long one in the middle.
    rows = "".join(f"{k}\tw\tw\tX\tX\t_\t{k - 1}\tlabel{k}\t_\t_\n" for k in range(1, tokens + 1))
    path = tmp_path / "trees.conllu"
    path.write_text(rows + "\n")
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", LIGHT + RUN, "score", str(path), str(path), "--per-label"]
    with os.fdopen(writer, "wb") as closed:
        result = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, timeout=60)
    assert (result.returncode, result.stderr) == (1, b"")


def test_exit_code_of_the_process():
    missing = str(Path("does") / "not" / "exist.sdp")
    command = [sys.executable, "-c", RUN, "score", missing, missing]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == f"spigot: error: {missing}: no such file or directory\n"


def test_brackets_in_help_texts_are_shown(spigot):
    code, out, _ = spigot("train", "--help")
    assert code == 0
    assert "A TOML file with a [data] table" in " ".join(out.split())


def test_compile_names_what_it_compiles(spigot, monkeypatch):
    monkeypatch.setattr("spigot.cli.compile.RECIPES", ("demo",))
    code, out, err = spigot("compile")
    lines = err.splitlines()
    assert (code, out) == (0, "")
    assert lines[0] == "spigot: compiling what demo uses ..."
    assert re.fullmatch(r"spigot: demo: \d+ functions compiled, \d+ s", lines[1])
    assert re.fullmatch(r"spigot: \d+ functions compiled in \d+ s", lines[2])


def test_compilation_is_told_of_once_and_on_a_terminal_alone(monkeypatch, capsys):
    from numba import njit
    from numba.core import event

    from spigot.cli.kernels import announce_compilation

    listeners = []
    with monkeypatch.context() as patch:
        patch.setattr(event, "register", lambda kind, listener: listeners.append((kind, listener)))
        announce_compilation()
        assert listeners == []
        patch.setattr(sys.stderr, "isatty", lambda: True)
        announce_compilation()
    ((kind, listener),) = listeners
    with event.install_listener(kind, listener):
        njit(lambda x: x + 1)(1)
        njit(lambda x: x + 2)(1)
    assert capsys.readouterr().err == "spigot: compiling kernels, once (`spigot compile` does it ahead of time) ...\n"
