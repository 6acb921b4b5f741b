import gzip
import hashlib
import tarfile
import tomllib
from dataclasses import replace
from itertools import islice

import pytest

from spigot.corpora.catalog import CORPORA, EWT_TRAIN_DIGEST, GLOVE, PROPBANK_DIGEST
from spigot.corpora.ewt import digest
from spigot.corpora.fetch import Source
from spigot.corpora.listops import ORIGINAL, generate
from spigot.data.conllu import read_conllu
from tests.corpora.server import serving
from tests.corpora.treebank import BROKEN, KITES, REVIEW, TRAIN, write_skeletons, write_treebank

TRAIN_FILE = "en_ewt-ud-train.conllu"


@pytest.fixture
def source(tmp_path):
    write_treebank(tmp_path / "source" / "ud")
    write_skeletons(tmp_path / "source" / "propbank", {"weblog/00/kites": KITES, "reviews/00/0007": REVIEW})
    return tmp_path / "source"


def table(folder):
    return tomllib.loads((folder / "data.toml").read_text("utf-8"))["data"]


def test_the_list_names_every_corpus_with_its_licence(spigot):
    code, out, err = spigot("data", "list")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == [*CORPORA, "vectors", "listops"]
    assert all(corpus.licence in out for corpus in CORPORA.values())


@pytest.mark.parametrize("name", ["ewt", "eud", "propbank"])
def test_a_corpus_comes_with_its_table_and_attribution(spigot, source, tmp_path, name):
    out = tmp_path / "data"
    code, printed, told = spigot("data", name, "--from", source, "--out", out, "--processes", 1)
    assert (code, printed) == (0, f"{out / 'data.toml'}\n")
    assert "CC BY-SA 4.0" in told
    for task, parts in table(out).items():
        assert task in ("syntax", "semantics")
        assert all((out / path).is_file() for path in parts.values())
    assert ("semantics" in table(out)) == (name != "ewt")
    for folder in {"ewt", name}:
        assert "CC BY-SA 4.0" in (out / folder / "ATTRIBUTION.txt").read_text("utf-8")
        assert not (out / folder / "broken.txt").exists()
    files = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert spigot("data", name, "--from", source, "--out", out, "--processes", 1)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == files


def test_corpora_share_a_folder(spigot, source, tmp_path):
    out = tmp_path / "data"
    (tmp_path / "small.2d.txt").write_text("kite 1 2\nwind 3 4\n", "utf-8")
    assert spigot("data", "eud", "--from", source, "--out", out, "--processes", 1)[0] == 0
    assert spigot("data", "vectors", "--from", tmp_path / "small.2d.txt", "--out", out)[0] == 0
    assert table(out)["vectors"] == "vectors/small.2d.txt.gz"
    with gzip.open(out / "vectors" / "small.2d.txt.gz", "rt", encoding="utf-8") as file:
        assert file.read() == "kite 1 2\nwind 3 4\n"
    code, _, told = spigot("data", "propbank", "--from", source, "--out", out, "--processes", 1)
    assert code == 0
    assert "data.semantics was set to other files; now to those of propbank" in told
    assert table(out)["semantics"]["train"] == "propbank/train.sdp.gz"


def test_broken_records_are_named(spigot, tmp_path):
    source = write_treebank(tmp_path / "ud", train=BROKEN * 8 + TRAIN)
    code, _, told = spigot("data", "eud", "--from", source, "--out", tmp_path / "data", "--processes", 1)
    assert code == 0
    named = (tmp_path / "data" / "eud" / "broken.txt").read_text("utf-8").splitlines()
    assert len(named) == 24
    assert named[0].endswith("en_ewt-ud-train.conllu:2: expected a head from 0 to 1, got '7'")
    assert told.count("left out: ") == 21 + 16  # the trees lack the 8 that are wrong in DEPS alone
    assert f"4 more; {tmp_path / 'data' / 'eud' / 'broken.txt'} names all" in told


def test_vectors_from_an_address(spigot, refused, tmp_path):
    content = b"kite 1 2\n"
    out = "--out", tmp_path / "data", "--cache", tmp_path / "cache"
    with serving({"/small.txt": content}) as server:
        url = f"{server.address}/small.txt"
        assert spigot("data", "vectors", "--url", url, *out)[0] == 2
        code, printed, told = spigot("data", "vectors", "--url", url, "--sha256", "0" * 64, *out)
        assert (code, printed) == (2, "")
        assert f"error: {url}: expected SHA-256 {'0' * 64}, got another file" in told
        assert not (tmp_path / "data").exists()
        checksum = hashlib.sha256(content).hexdigest()
        assert spigot("data", "vectors", "--url", url, "--sha256", checksum, *out)[0] == 0
        assert table(tmp_path / "data") == {"vectors": "vectors/small.txt.gz"}
        # Another address is another file, even where nothing is known about it.
        other = f"{server.address}/other/small.txt"
        server.files["/other/small.txt"] = b"wind 5 6\n"
        assert spigot("data", "vectors", "--url", other, "--unverified", *out)[0] == 0
        with gzip.open(tmp_path / "data" / "vectors" / "small.txt.gz", "rt", encoding="utf-8") as file:
            assert file.read() == "wind 5 6\n"
        assert other in (tmp_path / "data" / "vectors" / "small.ATTRIBUTION.txt").read_text("utf-8")
        assert spigot("data", "vectors", "--url", url + "x", "--unverified", *out)[0] == 1


def test_a_corpus_is_downloaded_when_asked(spigot, source, tmp_path, monkeypatch):
    files = {f"/{path.name}": path.read_bytes() for path in (source / "ud").iterdir()}
    with tarfile.open(tmp_path / "release.tar.gz", "w:gz") as archive:
        archive.add(source / "propbank" / "data", "release-0/data")
    files["/release"] = (tmp_path / "release.tar.gz").read_bytes()
    corpus = CORPORA["propbank"]
    out = "--out", tmp_path / "data", "--cache", tmp_path / "cache", "--processes", 1
    with serving(files) as server:
        sources = [
            Source(f"{server.address}/{path.name}", path.name, hashlib.sha256(path.read_bytes()).hexdigest())
            for path in (source / "ud").iterdir()
        ]
        release = Source(f"{server.address}/release", "release.tar.gz", known_content=True)
        changed = replace(corpus, sources=(*sources, release))
        monkeypatch.setattr("spigot.corpora.catalog.CORPORA", {**CORPORA, "propbank": changed})
        code, _, told = spigot("data", "propbank", *out)
        assert code == 2
        assert f"expected sentences with digest {EWT_TRAIN_DIGEST[:16]}…, got " in told
        monkeypatch.setattr("spigot.corpora.catalog.EWT_TRAIN_DIGEST", digest(source / "ud" / TRAIN_FILE))
        code, _, told = spigot("data", "propbank", *out)
        assert code == 2
        assert f"expected PropBank's skeletons with digest {PROPBANK_DIGEST[:16]}…, got " in told
        assert not (tmp_path / "data").exists()
        monkeypatch.setattr("spigot.corpora.catalog.CORPORA", {**CORPORA, "propbank": replace(changed, verify=None)})
        assert spigot("data", "propbank", *out)[0] == 0
        assert server.asked == [None] * 6  # the archive came three times, the trees once
    assert (tmp_path / "data" / "propbank" / "test.sdp").is_file()


def test_a_table_that_was_written_by_hand_is_kept_whole(spigot, tmp_path):
    mine = """# my own notes
[data]
[data."my task"] # silver
train = "x.conllu"
parts = { a = [1, 2.5], "b c" = true }
"""
    (tmp_path / "data.toml").write_text(mine, "utf-8")
    for _ in range(2):
        code, _, _ = spigot("data", "listops", "--out", tmp_path, "--sentences", 10)
        assert code == 0
        assert (tmp_path / "data.toml.old").read_text("utf-8") == mine
        assert table(tmp_path)["my task"] == {"train": "x.conllu", "parts": {"a": [1, 2.5], "b c": True}}
        assert table(tmp_path)["category"]["train"] == "listops/train.conllu"


def test_generated_sequences(spigot, tmp_path):
    out = tmp_path / "data"
    options = "--sentences", 50, "--settings", "original", "--seed", 4
    code, printed, told = spigot("data", "listops", *options, "--out", out)
    assert (code, printed) == (0, f"{out / 'data.toml'}\n")
    assert f"{out / 'listops'}: train: sentences: 50\n" in told
    files = {"train": "listops/train.conllu", "dev": "listops/dev.conllu"}
    assert table(out) == {"category": files, "syntax": files}
    for split, size in {"train": 50, "dev": 5, "test": 5}.items():
        sentences = list(read_conllu(out / "listops" / f"{split}.conllu"))
        assert [sentence.forms for sentence in sentences] == [
            sentence.forms for sentence in islice(generate(ORIGINAL, split, seed=4), size)
        ]
    origin = (out / "listops" / "ATTRIBUTION.txt").read_text("utf-8")
    assert "Licence: none needed" in origin
    assert "spigot data listops --settings original --sentences 50 --seed 4" in origin
    code, _, told = spigot("data", "listops", "--sentences", 10, "--out", out)
    assert (code, "was set to other files" in told) == (0, False)
    tokens = {token for sentence in read_conllu(out / "listops" / "train.conllu") for token in sentence.forms}
    assert "[SM" not in tokens


def test_output_among_the_sources(spigot, source):
    """Its trees would count as sources the next time."""
    code, printed, told = spigot("data", "ewt", "--from", source, "--out", source / "data")
    assert (code, printed) == (2, "")
    assert told.splitlines()[-1] == f"spigot: error: --out: expected a folder outside {source}, got {source / 'data'}"
    assert not (source / "data").exists()


def test_what_the_command_refuses(refused, tmp_path):
    out = "--out", tmp_path / "data"
    assert "expected one of list, ewt, eud" in refused("data", "penn", *out)
    assert "expected a folder, got none" in refused("data", "ewt")
    assert "expected it with vectors only, got it with ewt" in refused("data", "ewt", *out, "--url", "http://x")
    both = "--url", "http://x", "--from", tmp_path
    assert "expected it or --from, got both" in refused("data", "vectors", *out, *both)
    for option in (("--from", tmp_path), ("--cache", tmp_path), ("--unverified",), ("--processes", 1)):
        line = refused("data", "listops", *out, *option)
        assert f"{option[0]}: expected it with other corpora only, got it with listops" in line
    assert "--url: expected it with vectors only, got it with listops" in refused("data", "listops", *out, *both[:2])
    for option in (("--sentences", 10), ("--settings", "original"), ("--seed", 0)):
        for name in ("ewt", "vectors"):
            line = refused("data", name, *out, *option)
            assert f"{option[0]}: expected it with listops only, got it with {name}" in line
    assert "--sentences" in refused("data", "listops", *out, "--sentences", 9)
    assert "--settings" in refused("data", "listops", *out, "--settings", "mine")
    assert "expected a folder, got none" in refused("data", "listops")
    assert not (tmp_path / "data").exists()


def test_every_source_is_pinned():
    sources = [source for corpus in CORPORA.values() for source in corpus.sources]
    assert all(source.url.startswith("https://") for source in (*sources, GLOVE))
    known = [source for source in sources if source.sha256 is not None]
    assert all(len(source.sha256) == 64 for source in known)
    unknown = {
        (corpus.name, source.name)
        for corpus in CORPORA.values()
        for source in corpus.sources
        if source.sha256 is None and not (source.known_content and corpus.verify)
    }
    assert {corpus for corpus, _ in unknown} == {"redwoods"}


def test_a_source_that_lacks_a_split(spigot, source, tmp_path, monkeypatch):
    corpus = CORPORA["ewt"]
    tables = {"syntax": {**corpus.tables["syntax"], "dev": "ewt/none.conllu"}}
    monkeypatch.setattr("spigot.corpora.catalog.CORPORA", {**CORPORA, "ewt": replace(corpus, tables=tables)})
    code, _, told = spigot("data", "ewt", "--from", source, "--out", tmp_path / "data", "--processes", 1)
    assert code == 0
    missing = tmp_path / "data" / "ewt" / "none.conllu"
    assert f"{missing}: not made, since {source} lacks its sources; data.toml does not name it" in told
    assert table(tmp_path / "data") == {"syntax": {"train": "ewt/en_ewt-ud-train.conllu"}}
