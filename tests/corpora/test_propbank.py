import gzip
import os
import tarfile
from itertools import pairwise
from pathlib import Path

import pytest

from spigot.corpora.catalog import PROPBANK_DIGEST
from spigot.corpora.propbank.alignment import Group, Words, align_sentences, align_tokens
from spigot.corpora.propbank.corpus import FILES, convert
from spigot.corpora.propbank.roles import SpanError, Syntax, head_of, role_graph
from spigot.corpora.propbank.skeleton import Predicate, Span, digest, find_documents, read_skeletons
from spigot.data.errors import DataError
from spigot.data.sentence import TOP, Arc
from tests.corpora.treebank import KITES, REVIEW, skeleton, write_skeletons, write_treebank

REAL = Path(os.environ.get("SPIGOT_DATA", "/nonexistent"))


@pytest.fixture
def source(tmp_path):
    write_treebank(tmp_path / "source" / "ewt")
    write_skeletons(tmp_path / "source" / "propbank", {"weblog/00/kites": KITES, "reviews/00/0007": REVIEW})
    return tmp_path / "source"


def read(path):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        return file.read()


def test_the_files(source, tmp_path):
    summary = convert(source, tmp_path / "out")
    assert read(tmp_path / "out" / "train.sdp.gz") == (
        "#SDP 2015\n"
        "#weblog-kites-0001\n"
        "1\tMia\tMia\tNNP\t-\t-\t_\tARG0\tARG0\n"
        "2\twants\twant\tVBZ\t+\t+\twant.01\t_\t_\n"
        "3\tto\tto\tTO\t-\t-\t_\t_\t_\n"
        "4\tfly\tfly\tVB\t-\t+\tfly.01\tARG1\t_\n"
        "5\tit\tit\tPRP\t-\t-\t_\t_\tARG1\n"
        "6\t.\t.\t.\t-\t-\t_\t_\t_\n"
        "\n"
        "#weblog-kites-0003\n"
        "1\tThe\tthe\tDT\t-\t-\t_\t_\t_\n"
        "2\twind\twind\tNN\t-\t-\t_\tARG1\t_\n"
        "3\tof\tof\tIN\t-\t-\t_\t_\t_\n"
        "4\tMay\tMay\tNNP\t-\t-\t_\t_\t_\n"
        "5\tdropped\tdrop\tVBD\t+\t+\tdrop.01\t_\t_\n"
        "6\tand\tand\tCC\t-\t-\t_\t_\t_\n"
        "7\tthe\tthe\tDT\t-\t-\t_\t_\t_\n"
        "8\tkite\tkite\tNN\t-\t-\t_\t_\tARG1\n"
        "9\tfell\tfall\tVBD\t-\t+\tfall.01\t_\t_\n"
        "10\t.\t.\t.\t-\t-\t_\t_\t_\n"
        "\n"
    )
    assert read(tmp_path / "out" / "test.sdp").splitlines()[2:5] == [
        "1\tShe\tshe\tPRP\t-\t-\t_\tARG0",
        "2\tgave\tgive\tVBD\t+\t+\tgive_up.07\t_",
        "3\tup\tup\tRP\t-\t-\t_\t_",
    ]
    assert summary.broken == []
    assert summary.counts["dev: not in PropBank"] == 1
    assert summary.counts["test: not in PropBank"] == 1
    assert summary.counts["train: without an arc"] == 1


def test_a_second_run_on_two_processes_changes_nothing(source, tmp_path):
    first = convert(source, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert convert(source, tmp_path / "out", processes=2) == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before


def test_an_archive_holds_the_same_documents(source):
    folder = source / "propbank"
    loose = {key: text for key, (_, text) in find_documents(folder).items()}
    with tarfile.open(source / "release.tar.gz", "w:gz") as archive:
        archive.add(folder / "data", "release-0/data")
    packed = {key: text for key, (_, text) in find_documents(source.parent / "source").items()}
    assert packed == loose
    assert set(loose) == {"weblog-kites", "reviews-0007"}


def test_no_skeletons(tmp_path):
    with pytest.raises(
        DataError, match=r"expected PropBank's files google/ewt/GENRE/00/NAME\.xml\.gold_skel.*got none"
    ):
        find_documents(tmp_path)


def test_a_damaged_archive(tmp_path):
    (tmp_path / "release.tar.gz").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"release\.tar\.gz: expected an intact \.tar\.gz archive"):
        find_documents(tmp_path)


def test_broken_sentences_are_named_and_the_others_keep_their_places(source, tmp_path):
    broken = KITES.replace("(ARG0*) (ARG0*)", "(ARG0* (ARG0*)", 1)
    write_skeletons(source / "propbank", {"weblog/00/kites": broken})
    summary = convert(source, tmp_path / "out")
    name = source / "propbank" / "data" / "google" / "ewt" / "weblog" / "00" / "kites.xml.gold_skel"
    assert summary.broken == [f"{name}:1: expected the span ARG0 to end, got the sentence's end"]
    assert "#weblog-kites-0001" not in read(tmp_path / "out" / "train.sdp.gz")
    assert "#weblog-kites-0003" in read(tmp_path / "out" / "train.sdp.gz")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("UH - - (V*)", "expected a column for each of 0 predicates, got 1"),
        ("UH go go.01 *)", "expected a span to close in column 9, got none open"),
        ("UH go go.01 V*", "expected brackets around * in column 9, got 'V*'"),
        ("UH go", "expected 8 columns, got 7"),
    ],
)
def test_broken_rows(row, message):
    assert list(read_skeletons("name", skeleton("weblog/00/x", 0, row))) == [f"name:1: {message}"]


def words(text, tags):
    """Words separated by blanks; a "+" after a word: no space follows."""
    forms = text.split()
    return Words(tuple(f.rstrip("+") for f in forms), tuple(tags.split()), tuple(f.endswith("+") for f in forms))


@pytest.mark.parametrize(
    ("tags", "sentence", "groups"),
    [
        # Two words glued together are one token.
        ("DT NNS VBP", words("the cook+ s stir", "DT NN POS VBP"), [(1, 2, 1, 3)]),
        # One word with a hyphen is three tokens.
        ("UH GW HYPH RB .", words("yes for-ever .", "UH RB ."), [(1, 4, 1, 2)]),
        # As many tokens, but a split and a merge between them.
        ("WP VBZ DT JJ NN IN NNP", words("whats the good thing in Mc+ Ann", "WP DT JJ NN IN NNP NNP"), None),
    ],
)
def test_tokens_that_one_side_splits(tags, sentence, groups):
    found = align_tokens(tags.split(), sentence)
    unequal = [tuple(g) for g in found if (g.first_end - g.first_start, g.second_end - g.second_start) != (1, 1)]
    assert unequal == (groups or [(0, 2, 0, 1), (6, 7, 5, 7)])
    assert (found[0].first_start, found[0].second_start) == (0, 0)
    assert all((a.first_end, a.second_end) == (b.first_start, b.second_start) for a, b in pairwise(found))
    assert (found[-1].first_end, found[-1].second_end) == (len(tags.split()), len(sentence.forms))


def test_no_alignment_of_few_tokens_with_many():
    assert align_tokens(["NN"], words("a b c d e f g", "NN " * 7)) is None


def test_sentences_that_one_side_splits_or_lacks():
    go, stop = words("go on", "VB RB"), words("she stopped here .", "PRP VBD RB .")
    one_in_two = align_sentences([("VB", "RB", "PRP", "VBD", "RB", ".")], [go, stop])
    assert one_in_two == [Group(0, 1, 0, 2)]
    extra = align_sentences([("VB", "RB"), ("NFP", "NN"), ("PRP", "VBD", "RB", ".")], [go, stop])
    assert extra == [Group(0, 1, 0, 1), Group(1, 2, 1, 1), Group(2, 3, 1, 2)]


def test_one_sentence_of_propbank_that_is_two_in_ud(tmp_path):
    write_treebank(tmp_path / "ewt")
    kites = (
        skeleton(
            "weblog/00/kites",
            0,
            "NNP - - (ARG0*)",
            "VBZ want want.01 (V*)",
            "TO - - (ARG1*",
            "VB - - *",
            "PRP - - *)",
            ". - - *",
            "UH - - *",
        )
        + KITES[KITES.index("google/ewt/weblog/00/kites.xml 2") :]
    )
    write_skeletons(tmp_path, {"weblog/00/kites": kites})
    summary = convert(tmp_path, tmp_path / "out")
    assert summary.broken == []
    assert summary.counts["train: aligned after repair"] == 2
    assert "2\twants\twant\tVBZ\t+\t+\twant.01\t_" in read(tmp_path / "out" / "train.sdp.gz")


#         1 2 3 4 5: 2 is the root; 1, 3, 5 hang on it, 4 on 3
SYNTAX = Syntax((2, 0, 2, 3, 2), ("nsubj", "root", "obj", "xcomp", "punct"), (False, False, False, False, True))


def test_the_head_of_a_span():
    assert head_of([3, 4], SYNTAX) == 3
    assert head_of([1, 3], SYNTAX) == 1  # equally high: the first
    assert head_of([4, 5], SYNTAX) == 4  # no punctuation, though it is deeper
    small_clause = Syntax((2, 0, 2, 2), ("nsubj", "root", "obj", "xcomp"), (False,) * 4)
    assert head_of([3, 4], small_clause) == 4


def predicate(token, roleset, *spans):
    return Predicate(token, roleset, tuple(Span(*span) for span in spans))


def test_predicates_of_several_tokens_and_auxiliaries():
    apart = [(1,), (2,), (3,), (4,), (5,)]
    graph = role_graph(
        [
            predicate(1, "be.03", ("V", 1, 1)),
            predicate(2, "have.02", ("V", 2, 2)),
            predicate(4, "play.01", ("C-V", 3, 3), ("V", 4, 4), ("ARG0", 1, 1)),
        ],
        apart,
        SYNTAX,
    )
    assert graph.arcs == (Arc(0, 3, TOP), Arc(3, 1, "ARG0"))
    assert graph.frames == ("_", "have.02", "play.01", "_", "_")
    assert graph.predicates == {3}


def test_predicates_that_share_a_word():
    apart = [(1,), (2,), (3,), (4,), (5,)]
    both = [(3, "play.01"), (4, "fight.01")]
    spans = ("V", 3, 4), ("ARG0", 1, 1)
    graph = role_graph([predicate(token, roleset, *spans) for token, roleset in both], apart, SYNTAX)
    assert graph.frames == ("_", "_", "play.01", "fight.01", "_")
    assert Arc(3, 1, "ARG0") in graph.arcs
    assert Arc(4, 1, "ARG0") in graph.arcs
    merged = role_graph([predicate(token, "play.01", *spans) for token in (3, 4)], apart, SYNTAX)
    assert merged.arcs == (Arc(0, 3, TOP), Arc(3, 1, "ARG0"))


def test_a_span_that_ends_inside_a_word():
    with pytest.raises(SpanError, match="the span of tokens 1 to 2 ends inside a word"):
        role_graph([predicate(5, "go.01", ("ARG0", 1, 2))], [(1,), (2,), (2,), (3,), (4,)], SYNTAX)


@pytest.mark.skipif(not (REAL / "propbank").is_dir(), reason="SPIGOT_DATA is not set")
def test_the_published_sources_give_the_known_files(tmp_path):
    assert digest(find_documents(REAL)) == PROPBANK_DIGEST
    summary = convert(REAL, tmp_path / "out", processes=2)
    assert len(summary.broken) == 1
    for name in FILES.values():
        assert read(tmp_path / "out" / name) == read(REAL / "propbank" / name)
