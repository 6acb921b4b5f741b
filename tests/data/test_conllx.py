from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from spigot.data.conllu import read_conllu, write_conllu
from spigot.data.conllx import read_conllx, write_conllx
from spigot.data.errors import DataError
from spigot.data.sentence import Sentence, Tree

SMALL = Path(__file__).parent / "fixtures" / "small.conllx"


def read(text: str) -> list[Sentence]:
    return list(read_conllx(io.StringIO(text)))


def write(sentences) -> str:
    file = io.StringIO()
    write_conllx(sentences, file)
    return file.getvalue()


def row(token, head="0", form="w") -> str:
    return f"{token}\t{form}\t_\t_\t_\t_\t{head}\tdep\t_\t_\n"


def small_text() -> str:
    return SMALL.read_bytes().decode().rstrip("\n") + "\n\n"  # should an editor have removed the last blank line


def test_reading():
    first, second = read_conllx(SMALL)
    assert first.id == "1"
    assert second.id == "2"
    assert first.forms == ("Der", "Regen", "fällt", "leise")
    assert first.lemmas == ("der", "Regen", "fallen", "leise")
    assert first.tags == ("ART", "NN", "V", "ADJD")
    assert first.trees["syntax"] == Tree((2, 3, 0, 3), ("det", "subj", "root", "mod"))
    assert second.trees["syntax"] == Tree((0,), ("root",))


@pytest.mark.parametrize(
    "text",
    [
        small_text(),
        small_text().rstrip("\n"),
        "\ufeff" + small_text().replace("\n", "\r\n") + "\r\n",
        "\n" + small_text().replace("\n\n", "\n\n\n"),
        row(1, form="#") + "\n" + row(1, form="trailing ").replace("_\n", "\n"),
        "",
    ],
)
def test_reading_and_writing_gives_the_same_bytes(text, tmp_path):
    assert write(read(text)) == text
    source, target = tmp_path / "a.conllx.gz", tmp_path / "b.conllx"
    write_conllx(read(text), source)
    write_conllx(read_conllx(source), target)
    assert target.read_bytes() == text.encode()


def test_a_new_tree_leaves_the_projective_columns_alone():
    first, second = read_conllx(SMALL)
    tree = Tree((0, 1, 1, 3), ("a", "b", "c", "d"))
    text = write([replace(first, trees={"syntax": tree}), second])
    assert text.split("\n")[0] == "1\tDer\tder\tD\tART\tcase=nom|num=sg\t0\ta\t2\tdet"
    assert text.split("\n")[2] == "3\tfällt\tfallen\tV\t_\t_\t1\tc\t0\troot"
    assert read(text) == [replace(first, trees={"syntax": tree}), second]


def test_writing_from_scratch():
    sentence = Sentence("x", ("Rain", "fell"), ("_", "_"), ("NN", "VBD"), {"syntax": Tree((2, 0), ("subj", "root"))})
    text = "1\tRain\t_\tNN\tNN\t_\t2\tsubj\t_\t_\n2\tfell\t_\tVBD\tVBD\t_\t0\troot\t_\t_\n\n"
    assert write([sentence]) == text
    assert read(text) == [replace(sentence, id="1")]


def test_conllu_becomes_conllx_without_ranges_and_empty_nodes():
    tricky = list(read_conllu(SMALL.with_name("tricky.conllu")))
    back = read(write(tricky))
    assert [(s.forms, s.lemmas, s.tags, s.trees["syntax"]) for s in back] == [
        (s.forms, s.lemmas, s.tags, s.trees["syntax"]) for s in tricky
    ]
    file = io.StringIO()
    write_conllu(back, file)
    assert list(read_conllu(io.StringIO(file.getvalue()))) == back


@pytest.mark.parametrize("n", [1, 5000])
def test_short_and_long_sentences(n):
    text = "".join(row(i, i - 1) for i in range(1, n + 1)) + "\n"
    (sentence,) = read(text)
    assert sentence.trees["syntax"].heads == tuple(range(n))
    assert write([sentence]) == text


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (row(1) + "\n# comment\n" + row(1), 3, "expected 10 tab-separated columns, got 1"),
        (row(1) + "2\tx\t_\t_\t0\tdep\n", 2, "expected 10 tab-separated columns, got 6"),
        (row("1-2") + row(1) + row(2), 1, "expected token id 1, got '1-2'"),
        (row(1) + row("1.1"), 2, "expected token id 2, got '1.1'"),
        (row(1) + "\n\n" + row(2), 4, "expected token id 1, got '2'"),
        (row(1) + row(2, head=3), 2, "expected a head from 0 to 2, got '3'"),
        (row(1) + row(2, head="ROOT"), 2, "expected a head from 0 to 2, got 'ROOT'"),
        (row(1) + row(2, head=3) + row(3, head=2), 2, "expected a tree, got a cycle through token 2"),
        (row(1, form=""), 1, "expected a form"),
    ],
)
def test_malformed_files_are_errors_with_file_and_line(tmp_path, text, line, message):
    path = tmp_path / "bad.conllx"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    with pytest.raises(DataError) as error:
        list(read_conllx(path))
    assert str(error.value).startswith(f"{path}:{line}: {message}")


def test_what_does_not_fit_is_not_written():
    with pytest.raises(ValueError, match="sentence x: forms"):
        write([Sentence("x", ("a\nb",), ("_",), ("_",))])
    (sentence,) = read(row(1))
    with pytest.raises(ValueError, match="sentence 1: expected the 1 tokens of its source, got 2"):
        write([Sentence("1", ("a", "b"), ("_",) * 2, ("_",) * 2, source=sentence.source)])
