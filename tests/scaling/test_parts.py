import gzip

import pytest

from spigot.data.readers import read_sentences
from spigot.data.writers import WRITERS
from spigot.errors import UserError
from spigot.scaling.parts import Part, cut, files_in
from tests.models.tiny import SENTENCES


def content(folder, parts):
    return [b"".join(part.lines(folder)) for part in parts]


def test_text_is_cut_after_lines(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one two\nthree\n\nfour five\nsix")
    parts = list(cut(tmp_path, "a.txt", "line", 10))
    assert content(tmp_path, parts) == [b"one two\nthree\n", b"\nfour five\n", b"six"]
    assert [(part.number, part.line) for part in parts] == [(0, 1), (1, 3), (2, 5)]
    assert parts[2].name == "a.txt/00002"
    assert list(cut(tmp_path, "a.txt", "line", 1000)) == [Part("a.txt", 0, 0, 28, 1)]


@pytest.mark.parametrize("size", [1, 300, 2000, 10**9])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_no_sentence_is_cut_or_lost(tmp_path, size, newline):
    WRITERS["conllu"](SENTENCES, tmp_path / "a.conllu")
    text = (tmp_path / "a.conllu").read_text("utf-8").replace("\n", newline)
    (tmp_path / "a.conllu").write_bytes(text.encode())
    parts = list(cut(tmp_path, "a.conllu", "blank", size))
    read = [list(read_sentences(list(part.lines(tmp_path)), "conllu")) for part in parts]
    assert [sentence.forms for part in read for sentence in part] == [s.forms for s in SENTENCES]
    assert all(read)
    assert len(parts) == {1: len(SENTENCES), 10**9: 1}.get(size, len(parts))
    assert b"".join(content(tmp_path, parts)) == text.encode()


def test_a_gzip_file_is_one_part(tmp_path):
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"one\ntwo\n"))
    (part,) = cut(tmp_path, "a.txt.gz", "line", 1)
    assert list(part.lines(tmp_path)) == [b"one\n", b"two\n"]


def test_an_empty_file_has_an_empty_part(tmp_path):
    (tmp_path / "a.txt").touch()
    (part,) = cut(tmp_path, "a.txt", "line", 10)
    assert list(part.lines(tmp_path)) == []


def test_files_of_a_folder(tmp_path):
    for name in ("b/c.txt", "a.txt", ".hidden", ".git/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert files_in(tmp_path) == ["a.txt", "b/c.txt"]
    with pytest.raises(UserError, match="expected a folder"):
        files_in(tmp_path / "a.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="expected files, got none"):
        files_in(tmp_path / "empty")


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path):
    """Data sets are often folders of links to where the files are."""
    (tmp_path / "store/en").mkdir(parents=True)
    (tmp_path / "store/en/a.txt").touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/en").symlink_to(tmp_path / "store/en")
    (tmp_path / "data/b.txt").symlink_to(tmp_path / "store/en/a.txt")
    (tmp_path / "data/again").symlink_to(tmp_path / "data")
    (tmp_path / "store/en/up").symlink_to("..")
    assert files_in(tmp_path / "data") == ["b.txt", "en/a.txt"]
