from __future__ import annotations

import gzip
import io
import itertools

import pytest

from spigot.data.errors import DataError
from spigot.data.plain import read_plain
from spigot.data.sentence import Sentence


def test_lines_are_sentences_and_their_numbers_are_ids():
    text = "\ufeffThe  rain\tfell .\r\n\n \t \nYes\n# no comment here"
    assert list(read_plain(io.StringIO(text))) == [
        Sentence("1", ("The", "rain", "fell", "."), ("_",) * 4, ("_",) * 4),
        Sentence("4", ("Yes",), ("_",), ("_",)),
        Sentence("5", ("#", "no", "comment", "here"), ("_",) * 4, ("_",) * 4),
    ]


def test_only_ascii_blanks_separate_tokens():
    (sentence,) = read_plain(io.StringIO("10\u00a0000 trees\u3000x a\u2028b c\x85d\n"))
    assert sentence.forms == ("10\u00a0000", "trees\u3000x", "a\u2028b", "c\x85d")


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_an_empty_file_has_no_sentence(text):
    assert list(read_plain(io.StringIO(text))) == []


def test_gzip_and_long_lines(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(("w " * 5000 + "\n").encode()))
    (sentence,) = read_plain(path)
    assert len(sentence) == 5000


def test_reading_holds_one_line_at_a_time():
    assert len(list(itertools.islice(read_plain(itertools.repeat("on and on\n")), 1000))) == 1000


def test_bad_bytes_are_an_error_with_file_and_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"fine\n\xff\n")
    with pytest.raises(DataError, match=r"a\.txt:2: expected UTF-8 text"):
        list(read_plain(path))
