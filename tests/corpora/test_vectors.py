import gzip
import os
import zipfile
from pathlib import Path

import pytest

from spigot.corpora.vectors import convert, member_of, packed_name
from spigot.data.errors import DataError
from spigot.data.vectors import read_vectors

TEXT = "the 0.5 -1\nat name 2 3\nthe 7 7\nodd 1\nkite 1e-3 4\nbad 1 x\nhuge 1 inf\n"
REAL = Path(os.environ.get("SPIGOT_DATA", "/nonexistent")) / "vectors" / "en_md.100d.txt.gz"


def test_good_lines_are_kept_as_they_are_and_others_named(tmp_path):
    source = tmp_path / "small.txt"
    source.write_text("5 2\n" + TEXT, "utf-8")
    summary = convert(source, tmp_path / "out" / "small.txt.gz")
    with gzip.open(tmp_path / "out" / "small.txt.gz", "rt", encoding="utf-8") as file:
        assert file.read() == "the 0.5 -1\nat name 2 3\nkite 1e-3 4\n"
    assert summary.counts == {"words": 3, "dimensions": 2, "repeated words, left out": 1}
    assert summary.broken == [
        f"{source}:5: expected 2 numbers, got 1",
        f"{source}:7: expected a number, got 'x'",
        f"{source}:8: expected finite numbers, got inf or nan",
    ]
    assert read_vectors(tmp_path / "out" / "small.txt.gz")[0] == ["the", "at name", "kite"]


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("folder/one.2d.txt", TEXT)
        file.writestr("folder/two.2d.txt", "kite 1 2\n")
    return path


def test_a_member_of_an_archive(archive, tmp_path):
    summary = convert(archive, tmp_path / "two.txt.gz", member="two.2d.txt")
    assert summary.counts["words"] == 1
    assert summary.broken == []
    assert packed_name(member_of(archive, "two.2d.txt")) == "two.2d.txt.gz"


def test_which_member(archive, tmp_path):
    with pytest.raises(DataError, match=r"expected one member \(or --member .*got folder/one\.2d\.txt, folder/two"):
        convert(archive, tmp_path / "out.txt.gz")
    with pytest.raises(DataError, match=r"expected the member three\.txt, got folder/one"):
        convert(archive, tmp_path / "out.txt.gz", member="three.txt")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"broken\.zip: expected an intact \.zip archive"):
        convert(tmp_path / "broken.zip", tmp_path / "out.txt.gz")
    assert not (tmp_path / "out.txt.gz").exists()


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(DataError, match="expected a file of word vectors, got a folder"):
        convert(tmp_path, tmp_path / "out" / "small.txt.gz")
    assert not (tmp_path / "out").exists()


def test_a_file_without_vectors(tmp_path):
    (tmp_path / "none.txt").write_text("nothing\n", "utf-8")
    with pytest.raises(DataError, match="expected lines of a word and its numbers, got none"):
        convert(tmp_path / "none.txt", tmp_path / "out.txt.gz")
    assert not (tmp_path / "out.txt.gz").exists()


@pytest.mark.skipif(not REAL.is_file(), reason="SPIGOT_DATA is not set")
def test_real_vectors_stay_as_they_are(tmp_path):
    assert convert(REAL, tmp_path / "out.txt.gz").broken == []
    with gzip.open(REAL) as before, gzip.open(tmp_path / "out.txt.gz") as after:
        assert before.read() == after.read()
