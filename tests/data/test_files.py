from __future__ import annotations

import gzip
import io
import os
import sys

import pytest

from spigot.data.conllu import read_conllu
from spigot.data.errors import DataError
from spigot.data.files import display_name, numbered_lines, open_output, parse_json, read_text
from spigot.errors import UserError

UNUSUAL = "a\r\nb\u2028c\x0cd\u0085e\rf\n\nlast"


def test_only_line_feeds_end_lines_and_nothing_is_translated(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(UNUSUAL.encode())
    expected = [(1, "a\r\n"), (2, "b\u2028c\x0cd\u0085e\rf\n"), (3, "\n"), (4, "last")]
    assert list(numbered_lines(path)) == expected
    assert list(numbered_lines(str(path))) == expected
    with open(path, "rb") as file:
        assert list(numbered_lines(file)) == expected
        assert not file.closed


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_what_is_written_is_read_back_unchanged(tmp_path, name):
    path = tmp_path / name
    with open_output(path) as file:
        file.write(UNUSUAL)
    assert "".join(line for _, line in numbered_lines(path)) == UNUSUAL
    raw = path.read_bytes()
    assert (gzip.decompress(raw) if name.endswith(".gz") else raw) == UNUSUAL.encode()
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_gzip_output_is_reproducible(tmp_path):
    for name in ("a.gz", "b.gz"):
        with open_output(tmp_path / name) as file:
            file.write("same")
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)

    def stop_half_way():
        with open_output(path) as file:
            file.write("new")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        stop_half_way()
    assert path.read_text() == "old"
    with open_output(path) as file:
        file.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed_and_a_device_is_written_to(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with open_output(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    with open_output("/dev/null") as file:
        file.write("gone")


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="needs /dev/fd")
def test_an_open_file_is_written_to_by_its_number(tmp_path):
    """As in `spigot convert IN /dev/stdout | ...`, `>(gzip > OUT)` and `>> LOG`."""
    reader, writer = os.pipe()
    with open_output(f"/dev/fd/{writer}") as file:
        file.write("to a pipe")
    os.close(writer)
    with open(reader) as file:
        assert file.read() == "to a pipe"
    with open(tmp_path / "log", "a") as log:
        log.write("before, ")
        log.flush()
        with open_output(f"/dev/fd/{log.fileno()}") as file:
            file.write("after, ")
        log.write("at the end")
    assert (tmp_path / "log").read_text() == "before, after, at the end"


def test_standard_streams(monkeypatch, capfdbinary):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("é\r\nf".encode()), encoding="ascii"))
    assert list(numbered_lines("-")) == [(1, "é\r\n"), (2, "f")]
    assert display_name("-") == "<stdin>"
    with open_output("-") as file:
        file.write("é\r\n")
    print("and on")
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == "é\r\nand on\n".encode()


def test_bad_bytes_are_reported_with_their_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"fine\n" * 3000 + b"caf\xe9\n" + b"fine\n" * 3000)
    with pytest.raises(DataError, match=r"a\.txt:3001: expected UTF-8 text, got b'\\xe9'"):
        list(numbered_lines(path))


def test_damaged_gzip_files_are_reported(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(b"no gzip at all")
    with pytest.raises(DataError, match=r"a\.gz:1: expected an intact gzip file"):
        list(numbered_lines(path))
    path.write_bytes(gzip.compress(b"\n".join(b"%d" % i for i in range(20000)))[:-500])
    with pytest.raises(DataError, match=r"a\.gz:\d+: expected an intact gzip file"):
        list(numbered_lines(path))


def test_a_missing_file_is_the_usual_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(numbered_lines(tmp_path / "none"))


TREE = "# sent_id = x\n1\ta\ta\tX\tX\t_\t0\troot\t_\t_\n\n"


@pytest.mark.parametrize("end", [True, False])
def test_lists_of_lines_are_read_like_the_file(end):
    lines = (TREE + TREE).splitlines(keepends=end)
    assert list(read_conllu(lines)) == list(read_conllu(io.StringIO(TREE + TREE)))
    assert list(read_conllu(line.encode() for line in lines)) == list(read_conllu(lines))


@pytest.mark.parametrize("text", [TREE, TREE.encode()])
def test_text_given_for_a_path_is_named(text):
    with pytest.raises(UserError, match=r"expected a path or lines, got (text|bytes).*\.splitlines\(\)"):
        list(read_conllu(text))


def test_packed_text_is_known_by_its_first_bytes(tmp_path):
    path = tmp_path / "ids"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfa\r\nb c\n"))
    assert read_text(path) == "a\r\nb c\n"


def test_byte_order_marks_of_joined_files_are_left_out(tmp_path):
    path = tmp_path / "joined.conllu"
    path.write_text(f"\ufeff{TREE}\ufeff{TREE.replace('= x', '= y')}", "utf-8")
    assert [sentence.id for sentence in read_conllu(path)] == ["x", "y"]


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("utf-16", "UTF-16 or UTF-32"),
        ("utf-32", "UTF-16 or UTF-32"),
        ("utf-16-le", "UTF-16 or UTF-32"),
        ("latin-1", r"b'\\xe9' \(convert it, for example with iconv"),
    ],
)
def test_other_encodings_are_named(tmp_path, encoding, message):
    path = tmp_path / "a.txt"
    path.write_bytes("caf\xe9\n".encode(encoding))
    with pytest.raises(DataError, match=rf"a\.txt:1: expected UTF-8 text, got {message}"):
        read_text(path)


def test_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with open_output("~/a.txt") as file:
        file.write("text")
    assert (tmp_path / "a.txt").read_text() == read_text("~/a.txt") == "text"


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_closed_streams_are_named(monkeypatch, stream):
    monkeypatch.setattr(sys, stream, None)
    use = read_text if stream == "stdin" else lambda name: open_output(name).__enter__()
    with pytest.raises(UserError, match=r"^standard (in|out)put: expected an open stream, got a closed one$"):
        use("-")


def test_a_nul_character_is_named():
    with pytest.raises(DataError, match=r"^<stream>:2: expected UTF-8 text, got a NUL character, as in UTF-16$"):
        read_text(["a", "b\0"])


@pytest.mark.parametrize(
    ("text", "character"),
    [(r'{"a": ["x", "b\ud83d"]}', "D83D"), (r'{"a": {"\udc00": 1}}', "DC00"), (r'"a\u0000"', "0000")],
)
def test_json_whose_escapes_no_file_could_hold(text, character):
    with pytest.raises(ValueError, match=f"^expected UTF-8 text, got the character U.{character}$"):
        parse_json(text)


def test_json_with_escapes():
    text = r'{"a": ["\ud83d\ude00", "\\ud83d", "\\u0000", "\u00e9"]}'
    assert parse_json(text) == {"a": ["\U0001f600", r"\ud83d", r"\u0000", "é"]}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_full_disk_is_told_of_with_the_file():
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"), open_output("/dev/full") as file:
        file.write("text\n")
    with pytest.raises(OSError, match=r"no room$") as caught, open_output("/dev/full") as file:
        raise OSError(None, "no room")
    assert caught.value.filename is None
