import io
import sys

import pytest

from spigot.cli import main as cli


@pytest.fixture
def spigot(capsys, monkeypatch):
    """Run a command in this process; return its exit code, and what it wrote to stdout and stderr."""

    def run(*arguments, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8"))
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def refused(spigot):
    """Run a command that must be refused; return its one line."""

    def run(*arguments, stdin=""):
        code, out, err = spigot(*arguments, stdin=stdin)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith("spigot: error: ")
        return err.removeprefix("spigot: error: ").rstrip("\n")

    return run


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A folder with checkpoints: "run"; "neurbo", without a syntactic parser; "tagged", which reads tags and lemmas."""
    from tests.models.tiny import WORDS_ALONE, tiny_model

    folder = tmp_path_factory.mktemp("runs")
    tiny_model(encoder=WORDS_ALONE).save_pretrained(folder / "run")
    tiny_model(syntax=False, encoder=WORDS_ALONE).save_pretrained(folder / "neurbo")
    tiny_model().save_pretrained(folder / "tagged")
    return folder
