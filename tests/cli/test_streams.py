"""Standard streams that are closed, or not UTF-8. Each test starts a process: a test's own streams are pytest's."""

import os
import subprocess
import sys

import pytest

from tests.cli.test_main import LIGHT, RUN

TREE = "# sent_id = a\n1\ta\ta\tX\tX\t_\t0\t\u043a\u043e\u0440\u0435\u043d\u044c\t_\t_\n\n"


@pytest.fixture
def gold(tmp_path):
    path = tmp_path / "gold.conllu"
    path.write_text(TREE, "utf-8")
    return path


def run(redirection, *arguments, **environment):
    """Run a command in a shell with redirected streams; return its exit code, stdout and stderr."""
    command = [sys.executable, "-c", LIGHT + RUN, *map(os.fsencode, arguments)]
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", *command]
    result = subprocess.run(shell, capture_output=True, timeout=60, env=os.environ | environment)
    return result.returncode, result.stdout, result.stderr.decode()


@pytest.mark.parametrize(
    ("redirection", "files", "message"),
    [
        ("<&-", ("-", "gold"), "standard input: expected an open stream, got a closed one"),
        (">&-", ("gold", "gold"), "standard output: expected an open stream, got a closed one"),
        ("1</dev/null", ("gold", "gold"), "a standard stream: bad file descriptor"),
        ("0>/dev/null", ("-", "gold"), "a standard stream: bad file descriptor"),
    ],
)
def test_a_closed_stream_that_is_needed_is_one_line(gold, redirection, files, message):
    code, out, err = run(redirection, "score", *(str(gold) if name == "gold" else name for name in files))
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert err.startswith("spigot: error: ")
    assert message in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize("command", [("score", "gold", "gold"), ("convert", "gold", "-", "--to", "conllx")], ids=str)
@pytest.mark.parametrize("trees", [1, 1000])
def test_a_full_disk_behind_standard_output(gold, command, trees):
    gold.write_text("".join(TREE.replace("= a", f"= {number}") for number in range(trees)), "utf-8")
    code, out, err = run(">/dev/full", *(str(gold) if name == "gold" else name for name in command))
    assert (code, out, err) == (1, b"", "spigot: error: standard output: no space left on device\n")


def test_without_stderr_no_error_is_written_to_stdout(gold):
    assert run("2>&-", "score", gold, "none.conllu") == (2, b"", "")


def test_closed_streams_that_are_not_needed(gold, tmp_path):
    assert run("<&-", "score", gold, gold)[0] == 0
    code, out, err = run(">&-", "convert", gold, tmp_path / "out.conllx")
    assert (code, out, err) == (0, b"", f"{tmp_path / 'out.conllx'}: 1 sentences\n" + err.partition("\n")[2])
    assert (tmp_path / "out.conllx").read_text("utf-8") == TREE.partition("\n")[2]


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_output_is_utf8_whatever_the_encoding(gold, encoding, form):
    code, out, err = run("", "score", gold, gold, "--per-label", *form, PYTHONIOENCODING=encoding)
    assert (code, err) == (0, "")
    assert "\u043a\u043e\u0440\u0435\u043d\u044c" in out.decode("utf-8")


def test_file_names_that_are_not_utf8(gold):
    odd = os.fsencode(gold.parent) + b"/\xff.conllu"
    with open(odd, "wb") as file:
        file.write(TREE.encode())
    code, out, err = run("", "score", odd, odd)
    assert (code, err) == (0, "")
    assert rb"\udcff.conllu: 1 sentences" in out
    code, out, err = run("", "score", os.fsencode(gold.parent) + b"/\xfe.conllu", odd)
    assert (code, out) == (2, b"")
    assert r"\udcfe.conllu: no such file or directory" in err


def test_sigterm_ends_with_143_and_leaves_nothing_half_written(tmp_path):
    program = LIGHT + (
        "import os, signal\n"
        "import spigot.data.conllx as conllx\n"
        "conllx.new_rows = lambda *a, **k: os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    gold, out = tmp_path / "a.conllu", tmp_path / "a.conllx"
    gold.write_text(TREE, "utf-8")
    command = [sys.executable, "-c", program + RUN, "convert", str(gold), str(out)]
    result = subprocess.run(command, capture_output=True, timeout=60)
    assert (result.returncode, result.stderr) == (143, b"spigot: terminated\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.conllu"]
