from __future__ import annotations

import gzip
import io
import itertools
import sys
from pathlib import Path

import pytest

from spigot.data.conllu import read_conllu
from spigot.data.conllx import read_conllx
from spigot.data.errors import DataError
from spigot.data.readers import read_sentences
from spigot.data.sdp import read_sdp

FIXTURES = Path(__file__).parent / "fixtures"
CONLLU, CONLLX, SDP = (FIXTURES / name for name in ("tricky.conllu", "small.conllx", "small.sdp"))


@pytest.mark.parametrize(
    ("path", "reader", "extensions"),
    [
        (CONLLU, read_conllu, [".conllu"]),
        (CONLLX, read_conllx, [".conllx", ".conll"]),
        (SDP, read_sdp, [".sdp"]),
    ],
)
def test_the_extension_decides_the_format(tmp_path, path, reader, extensions):
    for extension in extensions:
        copy, packed = tmp_path / f"a.b{extension}", tmp_path / f"a.b{extension}.gz"
        copy.write_bytes(path.read_bytes())
        packed.write_bytes(gzip.compress(path.read_bytes()))
        assert list(read_sentences(copy)) == list(read_sentences(str(packed))) == list(reader(path))
        assert next(read_sentences(copy)).source.format == next(reader(path)).source.format


def test_text_by_extension_is_text_whatever_it_looks_like(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(CONLLU.read_bytes())
    assert next(read_sentences(path)).forms[0] == "#"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CONLLU.read_text(), list(read_conllu(CONLLU))),
        ("\ufeff\r\n" + CONLLU.read_text().replace("\n", "\r\n"), list(read_conllu(CONLLU))),
        (SDP.read_text(), list(read_sdp(SDP))),
        ("\ufeff\n" + SDP.read_text(), list(read_sdp(SDP))),
        ("", []),
        ("\n\n", []),
    ],
)
def test_the_format_of_standard_input_and_unknown_names_is_detected(tmp_path, monkeypatch, text, expected):
    path = tmp_path / "data"
    path.write_bytes(text.encode())
    assert list(read_sentences(path)) == expected
    assert list(read_sentences(io.StringIO(text))) == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert list(read_sentences("-")) == expected


@pytest.mark.parametrize("text", ["# one\ntwo words\n", "a\tb\n", "Ünïcode\n", "#\n#\n"])
def test_anything_else_is_text(text):
    sentences = list(read_sentences(io.BytesIO(text.encode())))
    assert [sentence.forms for sentence in sentences] == [tuple(line.split()) for line in text.splitlines()]


def test_a_given_format_decides(monkeypatch):
    (first, second) = read_sentences(io.StringIO(CONLLX.read_text()), format="conllx")
    assert (first.source.format, second.id) == ("conllx", "2")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONLLX.read_bytes())))
    assert [sentence.id for sentence in read_sentences("-", format="text")] == ["1", "2", "3", "4", "6"]
    with pytest.raises(
        ValueError, match="format: expected one of conllu, conllx, conll2009, sdp, sdp2014, mrp, sst, text, got 'xml'"
    ):
        read_sentences("a.conllu", format="xml")


def test_errors_name_file_and_line_when_the_format_was_seen(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(CONLLU.read_bytes() + b"1\tx\n")
    with pytest.raises(DataError, match=rf"data:{CONLLU.read_text().count(chr(10)) + 1}: expected 10"):
        list(read_sentences(path))


def test_reading_an_unknown_stream_holds_one_sentence_at_a_time():
    assert len(list(itertools.islice(read_sentences(itertools.repeat("on\n")), 1000))) == 1000
