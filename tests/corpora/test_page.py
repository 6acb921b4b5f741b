"""The commands of docs/data.md, one after the other: downloads come from a server on this machine."""

import hashlib
import io
import re
import shlex
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from spigot.cli import main as cli
from spigot.corpora.catalog import CORPORA, GLOVE_MEMBER
from spigot.corpora.fetch import Source
from spigot.data.conllu import read_conllu
from tests.corpora.server import serving
from tests.corpora.treebank import KITES, REVIEW, TEA, write_skeletons, write_treebank

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text("utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
ENCODER = "{scorer = {hidden = 6}, encoder = {word_dim = 2, second_dim = 3, tag_dim = 3, hidden = 8, layers = 1}}"
SILVER = ("silver.conllu", "more.conllu")
SMALL = {"system.syntax": ENCODER, "system.semantics": ENCODER, "training.epochs": "1"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with sources, and a server in place of those in the catalogue."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_treebank(Path("sources/ud"))
    write_skeletons(
        Path("sources/propbank"), {"weblog/00/kites": KITES, "reviews/00/0007": REVIEW, "answers/00/tea_ans": TEA}
    )
    Path("glove.6B.100d.txt").write_text("kite 1 2\nwind 3 4\n", "utf-8")
    with zipfile.ZipFile("glove.zip", "w") as archive:
        archive.write("glove.6B.100d.txt", GLOVE_MEMBER)
    with tarfile.open("release.tar.gz", "w:gz") as archive:
        archive.add("sources/propbank/data", "release/data")
    paths = [*Path("sources/ud").iterdir(), Path("release.tar.gz"), Path("glove.zip")]
    with serving({f"/{path.name}": path.read_bytes() for path in paths}) as server:
        *sources, glove = (
            Source(f"{server.address}/{path.name}", path.name, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in paths
        )
        changed = replace(CORPORA["propbank"], sources=tuple(sources), verify=None)
        monkeypatch.setattr("spigot.corpora.catalog.CORPORA", {**CORPORA, "propbank": changed})
        monkeypatch.setattr("spigot.corpora.catalog.GLOVE", glove)
        yield tmp_path


def test_the_page_runs(folder, monkeypatch, capsys):
    ran = []
    for line in COMMANDS:
        echo, pipe, command = line.rpartition(" | ")
        command, _, target = command.partition(" > ")
        words = shlex.split(command)
        if words[0] == "pip":
            assert words[:2] == ["pip", "install"]
            continue
        if words[0] == "cat":
            Path(target).write_text("".join(Path(word).read_text("utf-8") for word in words[1:]), "utf-8")
            continue
        assert words[0] == "spigot"
        arguments = words[1:]
        if arguments[0] == "train":
            small = {
                key: value for key, value in SMALL.items() if key != "system.semantics" or "syntax" not in words[2]
            }
            arguments += [text for key, value in small.items() for text in ("--set", f"{key}={value}")]
        if arguments[0] == "data" and arguments[1] != "list":
            arguments += ["--processes", "1"]
        stdin = " ".join(shlex.split(echo)[1:]) + "\n" if pipe else ""
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8"))
        code = cli.main(arguments)
        output = capsys.readouterr()
        assert code == 0, (line, output.err)
        if target:
            Path(target).write_text(output.out, "utf-8")
        ran.append(arguments[0])
    assert set(ran) == {"data", "train", "evaluate", "parse", "convert"}
    assert Path("dev.conll09").is_file()
    trees, silver, both = ([*read_conllu(f"data/{name}")] for name in ("ewt/en_ewt-ud-train.conllu", *SILVER))
    assert silver
    assert [s.id for s in both] == [s.id for s in (*trees, *silver)]


def test_the_tables_name_what_there_is():
    from spigot.data.writers import WRITERS

    corpora = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert corpora == [*CORPORA, "vectors", "listops"]
    rows = re.findall(r"^\| [^|`]+ \| ((?:`\w[\w-]*`(?:, )?)+) \|", PAGE, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w[\w-]*)`", row)} == set(WRITERS)
