"""Downloads, from a server on this machine."""

import hashlib
import sys

import pytest

from spigot.corpora.fetch import Source, fetch
from spigot.errors import UserError
from tests.corpora.server import serving

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server():
    with serving({"/a/file.bin": CONTENT}) as server:
        server.url = f"{server.address}/a/file.bin"
        yield server


def test_a_download_is_checked_and_not_repeated(server, tmp_path):
    source = Source(server.url, "folder/file.bin", SHA256)
    told = []
    fetch([source], tmp_path, progress=lambda *what: told.append(what))
    assert (tmp_path / "folder" / "file.bin").read_bytes() == CONTENT
    assert told[-1] == ("folder/file.bin", len(CONTENT), len(CONTENT))
    fetch([source], tmp_path)
    assert len(server.asked) == 1
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["file.bin"]


def test_a_download_that_was_cut_off_goes_on(server, tmp_path):
    source = Source(server.url, "file.bin", SHA256)
    server.cuts = [100_000]
    with pytest.raises(OSError, match="the same command goes on from here") as caught:
        fetch([source], tmp_path)
    assert caught.value.filename == server.url
    assert not (tmp_path / "file.bin").exists()
    have = (tmp_path / "file.bin.part").stat().st_size
    assert 0 < have <= 100_000
    fetch([source], tmp_path)
    assert server.asked == [None, f"bytes={have}-"]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    assert not (tmp_path / "file.bin.part").exists()


@pytest.mark.parametrize("resumes", [True, False])
def test_a_rest_that_does_not_fit_starts_anew(server, tmp_path, resumes):
    server.resumes = resumes
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"more" if resumes else b"less")
    fetch([Source(server.url, "file.bin", SHA256)], tmp_path)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_another_file_than_the_pinned_one(server, tmp_path):
    server.files["/a/file.bin"] = CONTENT[:-1]
    with pytest.raises(UserError, match=rf"file\.bin: expected SHA-256 {SHA256}, got another file"):
        fetch([Source(server.url, "file.bin", SHA256)], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_checksum_is_refused_unless_asked_for(server, tmp_path):
    source = Source(server.url, "file.bin")
    with pytest.raises(UserError, match=r"file\.bin: expected a known SHA-256, got none; --unverified"):
        fetch([source], tmp_path)
    assert server.asked == []
    # Without a checksum, what came before a failure is not trusted to be of the same file.
    (tmp_path / "file.bin.part").write_bytes(b"half of another file")
    fetch([source], tmp_path, unverified=True)
    assert server.asked == [None]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_missing_file(server, tmp_path):
    url = server.url.replace("file.bin", "none.bin")
    with pytest.raises(OSError, match="404"):
        fetch([Source(url, "none.bin", SHA256)], tmp_path)


def test_without_pooch(server, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(
        UserError, match=r"expected pooch to be installed \(pip install 'torch-spigot\[corpora\]'\), got none"
    ):
        fetch([Source(server.url, "file.bin", SHA256)], tmp_path)
    assert server.asked == []
