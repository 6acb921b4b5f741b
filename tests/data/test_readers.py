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


@pytest.mark.parametrize("text", ["# one\ntwo words\n", "Ünïcode\n", "#\n#\n"])
def test_anything_else_is_text(text):
    sentences = list(read_sentences(io.BytesIO(text.encode())))
    assert [sentence.forms for sentence in sentences] == [tuple(line.split()) for line in text.splitlines()]


def test_a_given_format_decides(monkeypatch):
    (first, second) = read_sentences(io.StringIO(CONLLX.read_text()), format="conllx")
    assert (first.source.format, second.id) == ("conllx", "2")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CONLLX.read_bytes())))
    assert [sentence.id for sentence in read_sentences("-", format="text")] == ["1", "2", "3", "4", "6"]
    with pytest.raises(
        ValueError,
        match="format: expected one of conllu, conllx, conll2009, sdp, sdp2014, mrp, json, sst, text, got 'xml'",
    ):
        read_sentences("a.conllu", format="xml")


def test_errors_name_file_and_line_when_the_format_was_seen(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(CONLLU.read_bytes() + b"1\tx\n")
    with pytest.raises(DataError, match=rf"data:{CONLLU.read_text().count(chr(10)) + 1}: expected 10"):
        list(read_sentences(path))


def test_reading_an_unknown_stream_holds_one_sentence_at_a_time():
    assert len(list(itertools.islice(read_sentences(itertools.repeat("on\n")), 1000))) == 1000


@pytest.mark.parametrize("width", [2, 4, 7, 8, 14])
def test_a_table_of_no_known_format_is_never_text(width):
    text = "#20001001\n" + "\t".join(["1", *["_"] * (width - 1)]) + "\n"
    with pytest.raises(DataError, match=rf"^<stream>:2: expected .*, got {width} columns .*--from"):
        list(read_sentences(io.BytesIO(text.encode())))


def test_an_error_says_what_the_file_was_read_as(tmp_path):
    path = tmp_path / "trees.conll"
    path.write_text("# sent_id = a\n1\ta\ta\tX\tX\t_\t0\troot\t_\t_\n\n")
    message = r"trees\.conll:1: expected 10 .* \(read as conllx, from its suffix \.conll; another suffix, --from"
    with pytest.raises(DataError, match=message):
        list(read_sentences(path))


ROWS = {
    "conllu": "# sent_id = {id}\n1\t{form}\t{lemma}\tX\tX\t_\t0\t{label}\t_\t_\n\n",
    "conllx": "1\t{form}\t{lemma}\tX\tX\t_\t0\t{label}\t_\t_\n\n",
    "sdp": "#SDP 2015\n#{id}\n1\t{form}\t{lemma}\tX\t-\t+\tv\t{label}\n\n",
    "sst": "# instance {id}\n1\t{form}\t{lemma}\tX\t1\n\n",
    "conll2009": "1\t{form}\t{lemma}\t_\tX\t_\t_\t_\t0\t_\t{label}\t_\t_\t_\n\n",
}


@pytest.mark.parametrize("format", ROWS)
@pytest.mark.parametrize("column", ["form", "lemma", "label", "id"])
@pytest.mark.parametrize("value", ["a\rb", "a\tb"])
def test_what_no_writer_can_write_is_refused_with_its_line(format, column, value):
    if f"{{{column}}}" not in ROWS[format]:
        return
    good = dict.fromkeys(("form", "lemma", "label", "id"), "good")
    assert len(list(read_sentences(io.StringIO(ROWS[format].format(**good)), format))) == 1
    with pytest.raises(DataError, match=r"^<stream>:\d+: expected "):
        list(read_sentences(io.StringIO(ROWS[format].format(**(good | {column: value}))), format))


@pytest.mark.parametrize("value", ["\\ud800", "a\\tb", "\\n"])
def test_json_that_no_writer_can_write_is_refused(value):
    text = f'{{"id": "a{value}", "input": "a b", "nodes": []}}\n'
    with pytest.raises(DataError, match=r"^<stream>:1: expected .*(text without tabs|UTF-8 text)"):
        list(read_sentences(io.StringIO(text), "mrp"))


NUMBER = "9" * 5000


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("conllu", ROWS["conllu"].replace("\t0\t", f"\t{NUMBER}\t")),
        ("conllu", ROWS["conllu"].replace("\n1\t", f"\n{NUMBER}\t")),
        ("conllu", ROWS["conllu"].replace("\n1\t", f"\n1-{NUMBER}\ta\t_\t_\t_\t_\t_\t_\t_\t_\n1\t")),
        ("conllx", ROWS["conllx"].replace("1\t", f"{NUMBER}\t")),
        ("sdp", ROWS["sdp"].replace("\n1\t", f"\n{NUMBER}\t")),
        ("sst", ROWS["sst"].replace("\n1\t", f"\n{NUMBER}\t")),
        ("conll2009", ROWS["conll2009"].replace("\t0\t", f"\t{NUMBER}\t")),
        ("mrp", f'{{"id": {NUMBER}, "input": "a"}}\n'),
        ("mrp", "[" * 100_000 + "\n"),
    ],
)
def test_numbers_of_5000_digits_are_refused_with_their_line(format, text):
    with pytest.raises(DataError, match=r"^<stream>:\d+: expected ") as caught:
        list(read_sentences(io.StringIO(text), format))
    assert len(str(caught.value)) < 300


def test_a_damaged_gzip_file_of_an_unknown_format(tmp_path):
    (tmp_path / "data").write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(DataError, match=r"data:1: expected an intact gzip file, got: "):
        list(read_sentences(tmp_path / "data"))
