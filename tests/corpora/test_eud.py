import gzip
import hashlib
import os
from pathlib import Path

import pytest

from spigot.corpora import eud, ewt
from spigot.corpora.catalog import CORPORA
from spigot.data.errors import DataError
from spigot.data.sdp import read_sdp
from spigot.data.sentence import SEMANTICS, TOP
from tests.corpora.treebank import BROKEN, TRAIN, write_treebank

REAL = Path(os.environ.get("SPIGOT_DATA", "/nonexistent"))


@pytest.fixture
def treebank(tmp_path):
    return write_treebank(tmp_path / "source")


def arcs_of(path):
    (sentence,) = read_sdp(path)
    return set(sentence.graphs[SEMANTICS].arcs)


def test_tops_labels_and_predicates(treebank, tmp_path):
    eud.convert(treebank, tmp_path / "out")
    with gzip.open(tmp_path / "out" / "train.sdp.gz", "rt", encoding="utf-8") as file:
        text = file.read()
    assert text == (
        "#SDP 2015\n"
        "#weblog-kites-0001\n"
        "1\tMia\tMia\tNNP\t-\t-\t_\tnsubj\tnsubj:xsubj\n"
        "2\twants\twant\tVBZ\t+\t+\t_\t_\t_\n"
        "3\tto\tto\tTO\t-\t-\t_\t_\tmark\n"
        "4\tfly\tfly\tVB\t-\t+\t_\txcomp\t_\n"
        "5\tit\tit\tPRP\t-\t-\t_\t_\tobj\n"
        "6\t.\t.\t.\t-\t-\t_\tpunct\t_\n"
        "\n"
        "#weblog-kites-0003\n"
        "1\tThe\tthe\tDT\t-\t-\t_\tdet\t_\t_\t_\t_\n"
        "2\twind\twind\tNN\t-\t+\t_\t_\t_\tnsubj\t_\t_\n"
        "3\tof\tof\tIN\t-\t-\t_\t_\tcase\t_\t_\t_\n"
        "4\tMay\tMay\tNNP\t-\t+\t_\tnmod\t_\t_\t_\t_\n"
        "5\tdropped\tdrop\tVBD\t+\t+\t_\t_\t_\t_\t_\t_\n"
        "6\tand\tand\tCC\t-\t-\t_\t_\t_\t_\t_\tcc\n"
        "7\tthe\tthe\tDT\t-\t-\t_\t_\t_\t_\tdet\t_\n"
        "8\tkite\tkite\tNN\t-\t+\t_\t_\t_\t_\t_\tnsubj\n"
        "9\tfell\tfall\tVBD\t-\t+\t_\t_\t_\tconj\t_\t_\n"
        "10\t.\t.\t.\t-\t-\t_\t_\t_\tpunct\t_\t_\n"
        "\n"
    )


def test_a_path_through_an_empty_node_becomes_one_arc(treebank, tmp_path):
    eud.convert(treebank, tmp_path / "out")
    # drank -> you: the plain label is kept before the path `conj>nsubj`.
    assert arcs_of(tmp_path / "out" / "dev.sdp") == {
        (0, 2, TOP),
        (2, 1, "nsubj"),
        (2, 3, "obj"),
        (2, 4, "conj>cc"),
        (2, 5, "conj"),
        (2, 6, "conj>obj"),
    }


def test_counts_and_a_second_run(treebank, tmp_path):
    first = eud.convert(treebank, tmp_path / "out")
    assert first.broken == []
    assert first.counts["train: sentences"] == 2
    assert first.counts["train: without an arc"] == 1
    assert first.counts["train: arcs"] == 6 + 9
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert eud.convert(treebank, tmp_path / "out", processes=2) == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


def test_broken_sentences_are_named_and_left_out(tmp_path):
    source = write_treebank(tmp_path / "source", train=BROKEN + TRAIN)
    summary = eud.convert(source, tmp_path / "out")
    assert summary.counts["train: sentences"] == 2
    name = source / "en_ewt-ud-train.conllu"
    assert summary.broken == [
        f"{name}:2: expected a head from 0 to 1, got '7'",
        f"{name}:4: expected at least one word, got none",
        f"{name}:7: expected a head of this sentence in DEPS, got '9'",
    ]


def test_trees_are_copied_as_they_are(treebank, tmp_path):
    summary = ewt.convert(treebank, tmp_path / "out")
    assert summary.counts["train: sentences"] == 3
    assert summary.counts["train: tokens"] == 17
    for path in treebank.iterdir():
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


def test_the_digest_of_a_file_is_that_of_its_sentences(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    sentences = TRAIN.split("\n\n")[:-1]
    paths[0].write_text(TRAIN, "utf-8")
    paths[1].write_text("\n\n\n".join(sentences[::-1]), "utf-8")
    paths[2].write_text(TRAIN.replace("kite", "kites"), "utf-8")
    assert ewt.digest(paths[0]) == ewt.digest(paths[1]) != ewt.digest(paths[2])


@pytest.mark.skipif(not (REAL / "ewt").is_dir(), reason="SPIGOT_DATA is not set")
def test_the_published_treebank_is_the_pinned_one():
    files = ewt.find_splits(REAL / "ewt")
    CORPORA["ewt"].verify(REAL / "ewt")
    for source in CORPORA["ewt"].sources:
        content = files[source.name.removeprefix("en_ewt-ud-").removesuffix(".conllu")].read_bytes()
        assert source.sha256 in (None, hashlib.sha256(content).hexdigest())


def test_a_missing_file(treebank, tmp_path):
    (treebank / "en_ewt-ud-dev.conllu").unlink()
    with pytest.raises(DataError, match=r"expected one file en_ewt-ud-dev\.conllu in this folder, got none"):
        eud.convert(treebank, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_label_is_cut_to_the_longest_relation():
    relations = {"acl", "acl:relcl", "nmod"}
    assert eud.shortened("acl:relcl:because", relations) == "acl:relcl"
    assert eud.shortened("nmod:of", relations) == "nmod"
    assert eud.shortened("odd:by", relations) == "odd"


@pytest.mark.skipif(not (REAL / "eud").is_dir(), reason="SPIGOT_DATA is not set")
def test_the_published_treebank_gives_the_known_files(tmp_path):
    eud.convert(REAL / "ewt", tmp_path, processes=2)
    for name in eud.FILES.values():
        opened = gzip.open if name.endswith(".gz") else open
        with opened(tmp_path / name, "rb") as ours, opened(REAL / "eud" / name, "rb") as known:
            assert ours.read() == known.read()
