from __future__ import annotations

import gzip
import io
import os
from pathlib import Path

import numpy as np
import pytest

from spigot.data.errors import DataError
from spigot.data.vectors import read_vectors

REAL = sorted(Path(os.environ.get("SPIGOT_DATA", "/nonexistent")).glob("vectors/*.txt.gz"))
TEXT = "rain 0.5 -1 2e-1\ndry 1 2 3\n, -0.25 0 1e2\n"
EXPECTED = np.array([[0.5, -1, 0.2], [1, 2, 3], [-0.25, 0, 100]], dtype=np.float32)


def read(text: str, wanted=None):
    return read_vectors(io.StringIO(text), wanted)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.rstrip("\n"),
        "3 3\n" + TEXT,
        "\ufeff" + TEXT,
        "\ufeff3 3\r\n" + TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", " \n"),
    ],
)
def test_words_and_vectors(text, tmp_path):
    path, packed = tmp_path / "v.txt", tmp_path / "v.txt.gz"
    path.write_bytes(text.encode())
    packed.write_bytes(gzip.compress(text.encode()))
    for source in (path, str(packed), io.StringIO(text)):
        words, vectors = read_vectors(source)
        assert words == ["rain", "dry", ","]
        assert vectors.dtype == np.float32
        np.testing.assert_array_equal(vectors, EXPECTED)


def test_only_wanted_words_are_kept():
    words, vectors = read(TEXT, wanted={",", "rain", "snow"})
    assert words == ["rain", ","]
    np.testing.assert_array_equal(vectors, EXPECTED[[0, 2]])
    words, vectors = read(TEXT, wanted=set())
    assert words == []
    assert vectors.shape == (0, 3)


def test_of_several_lines_for_a_word_the_first_counts():
    words, vectors = read("a 1 2\nb 3 4\na 5 6\n")
    assert words == ["a", "b"]
    np.testing.assert_array_equal(vectors, [[1, 2], [3, 4]])


def test_the_first_line_is_a_header_only_if_it_is_two_whole_numbers():
    assert read("2 3\n")[0] == []
    assert read("2 3\n")[1].shape == (0, 3)
    assert read("12 0.5\n13 1\n")[0] == ["12", "13"]
    assert read("of 3\nto 4\n")[0] == ["of", "to"]
    assert read("10 1 2\n11 3 4\n")[0] == ["10", "11"]


def test_unusual_words():
    words, vectors = read("a\u00a0b 1 2\n. . . 3 4\nat me@example.org 5 6\n\u2028 7 8\nnan 9 10\n")
    assert words == ["a\u00a0b", ". . .", "at me@example.org", "\u2028", "nan"]
    np.testing.assert_array_equal(vectors[:, 0], [1, 3, 5, 7, 9])


def test_an_empty_file_has_no_words():
    words, vectors = read("")
    assert words == []
    assert vectors.shape == (0, 0)
    assert vectors.dtype == np.float32


def test_the_vectors_can_be_changed():
    _, vectors = read(TEXT)
    vectors *= 2
    np.testing.assert_array_equal(vectors, EXPECTED * 2)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a 1 2\nb 1\n", 2, "expected 2 numbers, got 1"),
        ("a 1 2\nb 1 2 3\n", 2, "expected 2 numbers, got 3"),
        ("1 3\na 1 2\n", 2, "expected 3 numbers, got 2"),
        ("a 1 2\n\nb 1 2\n", 2, "expected 2 numbers, got 0"),
        ("a 1 2\nb 1 x\n", 2, "expected a number, got 'x'"),
        ("a 1 2\nb 1 \n", 2, "expected 2 numbers, got 1"),
        ("a 1 2\nb  1\n", 2, "expected a number, got ''"),
        ("a 1 2\nb 1 inf\nc 1 2\n", 2, "expected finite numbers, got inf or nan"),
        ("a 1 2\nb 1e40 1\n", 2, "expected finite numbers"),
        ("alone\n", 1, "expected a word and numbers, got 'alone'"),
        ("\n", 1, "expected a word and numbers, got ''"),
        ("a\t\n", 1, "expected a word and numbers"),
    ],
)
def test_malformed_files_are_errors_with_file_and_line(tmp_path, text, line, message):
    path = tmp_path / "v.txt"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read_vectors(path)
    assert str(error.value).startswith(f"{path}:{line}: {message}")


@pytest.mark.skipif(not REAL, reason="SPIGOT_DATA is not set")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_files_agree_with_numpy(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        lines = [next(file).split(" ") for _ in range(200)]
    words, vectors = read_vectors(path, wanted={line[0] for line in lines})
    assert words == [line[0] for line in lines]
    np.testing.assert_array_equal(vectors, np.array([line[1:] for line in lines], dtype=np.float32))


def test_a_tab_after_the_word():
    words, vectors = read_vectors(["the\t0.5 1", "dog\t2\t3"])
    assert words == ["the", "dog"]
    assert vectors.tolist() == [[0.5, 1], [2, 3]]


@pytest.mark.parametrize("header", ["9" * 5000 + " 2", "2 " + "9" * 5000])
def test_a_header_of_5000_digits(header):
    with pytest.raises(DataError, match=r"^<stream>:1: expected a word, or how many words"):
        read_vectors([header, "a 1 2"])
