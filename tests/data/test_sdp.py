from __future__ import annotations

import gzip
import io
import itertools
import os
from dataclasses import replace
from pathlib import Path

import pytest

from spigot.data.conllu import read_conllu
from spigot.data.errors import DataError
from spigot.data.sdp import read_sdp, write_sdp
from spigot.data.sentence import TOP, Arc, Graph, Sentence, Tree

SMALL = Path(__file__).parent / "fixtures" / "small.sdp"
COMPANION = SMALL.with_name("companion.sdp")
_REAL_FOLDER = Path(os.environ.get("SPIGOT_DATA", "/nonexistent")) / "redwoods"
REAL = sorted([*_REAL_FOLDER.glob("*.sdp"), *_REAL_FOLDER.glob("*.sdp.gz")])


def read(text: str, companion: bool | None = None) -> list[Sentence]:
    return list(read_sdp(io.StringIO(text), companion))


def write(sentences, companion: bool | None = None) -> str:
    file = io.StringIO()
    write_sdp(sentences, file, companion)
    return file.getvalue()


def text_of(path: Path) -> str:
    # The blank line that ends the file is put back, should an editor have removed it.
    return path.read_bytes().decode().rstrip("\n") + "\n\n"


def row(*columns) -> str:
    return "\t".join(map(str, columns)) + "\n"


def test_tokens_and_graphs_are_read():
    first, second, third = read_sdp(SMALL)
    assert first.id == "orchard-1"
    assert first.forms == ("The", "goat", "wanted", "to", "eat", "ripe", "pears", ".")
    assert first.lemmas[-2:] == ("pear", "_")
    assert first.tags == ("DT", "NN", "VBD", "TO", "VB", "JJ", "NNS", ".")
    assert not first.trees
    assert first.graphs["semantics"] == Graph(
        arcs=(
            Arc(0, 3, TOP),
            Arc(1, 2, "BV"),
            Arc(3, 2, "ARG1"),
            Arc(3, 5, "ARG2"),
            Arc(5, 2, "ARG1"),
            Arc(5, 7, "ARG2"),
            Arc(6, 7, "ARG1"),
        ),
        predicates=frozenset({1, 3, 5, 6}),
        frames=("q:i-h-h", "n:x", "v:e-i-h", "_", "v:e-i-p", "a:e-p", "n:x", "_"),
    )
    assert second.graphs["semantics"] == Graph((), frozenset(), ("_", "_"))
    # Two tops, one of them no predicate; a predicate without arguments.
    assert third.graphs["semantics"].arcs == (Arc(0, 1, TOP), Arc(0, 2, TOP), Arc(1, 3, "_and_c"))
    assert third.graphs["semantics"].predicates == {1, 3}


def test_the_companion_columns_are_seen_and_become_the_tree():
    first, second = read_sdp(COMPANION)
    assert first.trees["syntax"] == Tree((2, 3, 0), ("det", "nsubj", "root"))
    assert first.graphs["semantics"].arcs == (Arc(0, 3, TOP), Arc(1, 2, "BV"), Arc(3, 2, "ARG1"))
    assert first.graphs["semantics"].frames == ("q:i-h-h", "n:x", "v:e-i")
    assert second.trees["syntax"] == Tree((0,), ("root",))
    assert second.graphs["semantics"] == Graph((), frozenset(), ("_",))
    assert list(read_sdp(COMPANION, companion=True)) == [first, second]
    with pytest.raises(DataError, match=r"companion\.sdp:3: expected \+ or - in column top, got '2'"):
        list(read_sdp(COMPANION, companion=False))
    assert list(read_sdp(SMALL, companion=False)) == list(read_sdp(SMALL))
    with pytest.raises(DataError, match=r"small\.sdp:3: expected \+ or - in column top, got 'q:i-h-h'"):
        list(read_sdp(SMALL, companion=True))


def test_a_companion_without_heads_has_no_tree():
    text = "#SDP 2015\n#a\n" + row(1, "x", "x", "X", "_", "_", "-", "-", "_") + "\n"
    (sentence,) = read(text)
    assert not sentence.trees
    assert write([sentence]) == text
    assert write([replace(sentence, lemmas=("y",))]) == text.replace("x\tx", "x\ty")


@pytest.mark.parametrize("original", [text_of(SMALL), text_of(COMPANION)], ids=["plain", "companion"])
@pytest.mark.parametrize(
    "variant",
    [
        lambda text: text,
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n\n",
        lambda text: "\ufeff" + text.replace("\n", "\r\n"),
        lambda text: text.replace("#SDP 2015\n", ""),
        lambda text: text.replace("#SDP 2015\n", "\n#SDP 2015\n\n"),
        lambda text: text.replace("#orchard-1\n", "# orchard-1 \n#second comment\n"),
        lambda text: text.replace("\n\n", "\n\n\n"),
        lambda text: text.replace("goat\tNN", "go at \t"),
        lambda text: text + text,
    ],
)
def test_reading_and_writing_gives_the_same_bytes(original, variant, tmp_path):
    text = variant(original)
    assert write(read(text)) == text
    path = tmp_path / "a.sdp.gz"
    write_sdp(read(text), path)
    assert gzip.decompress(path.read_bytes()) == text.encode()
    assert write(read_sdp(path)) == text


@pytest.mark.skipif(not REAL, reason="SPIGOT_DATA is not set")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_files_come_back_byte_by_byte(path):
    expected = path.read_bytes()
    expected = gzip.decompress(expected) if path.suffix == ".gz" else expected
    sentences = list(read_sdp(path))
    assert write(sentences).encode() == expected
    from_scratch = (replace(sentence, source=None) for sentence in sentences)
    assert write(from_scratch).encode() == expected


def test_what_is_read_is_all_that_is_in_the_file():
    for path in (SMALL, COMPANION):
        sentences = [replace(sentence, source=None) for sentence in read_sdp(path)]
        assert write(sentences, companion=path == COMPANION) == text_of(path)


def test_a_new_graph_makes_new_rows_and_keeps_the_comments():
    text = text_of(SMALL).replace("#orchard-2\n", "#orchard-2\n#remark\n")
    sentences = read(text)
    graph = Graph((Arc(0, 2, TOP), Arc(2, 1, "loc")), frozenset({2}))
    changed = [sentences[0], replace(sentences[1], graphs={"semantics": graph}), sentences[2]]
    old = "1\tReally\treally\tRB\t-\t-\t_\n2\t?\t_\t.\t-\t-\t_\n"
    new = "1\tReally\treally\tRB\t-\t-\t_\tloc\n2\t?\t_\t.\t+\t+\t_\t_\n"
    assert old in text
    assert write(changed) == text.replace(old, new)
    windows = read(text.replace("\n", "\r\n"))
    assert write([windows[0], replace(windows[1], graphs={"semantics": graph}), windows[2]]) == text.replace(
        old, new
    ).replace("\n", "\r\n")


def test_a_new_graph_without_frames_does_not_keep_the_old_frames():
    first = next(read_sdp(SMALL))
    text = write(
        [
            replace(
                first, graphs={"semantics": Graph(first.graphs["semantics"].arcs, first.graphs["semantics"].predicates)}
            )
        ]
    )
    (again,) = read(text)
    assert again.graphs["semantics"].frames == ("_",) * 8
    assert again.graphs["semantics"].arcs == first.graphs["semantics"].arcs


def test_a_new_tree_goes_to_the_companion_columns():
    first, second = read_sdp(COMPANION)
    changed = replace(first, trees={"syntax": Tree((0, 1, 2), ("a", "b", "c"))})
    text = write([changed, second])
    assert read(text) == [changed, second]
    assert "3\tsleeps\tsleep\tVBZ\t2\tc\t+\t+\tv:e-i\t_\t_\n" in text


def test_the_order_of_arcs_does_not_matter():
    first = next(read_sdp(SMALL))
    backwards = replace(
        first, graphs={"semantics": replace(first.graphs["semantics"], arcs=first.graphs["semantics"].arcs[::-1])}
    )
    assert write([backwards]) == write([first])


def test_a_new_id_replaces_the_old_one():
    first = next(read_sdp(SMALL))
    assert write([replace(first, id="b")]) == write([first]).replace("#orchard-1\n", "#b\n")
    (nameless,) = read(row(1, "x", "_", "_", "-", "-", "_"))
    assert nameless.id == "1"
    assert write([replace(nameless, id="b")]) == "#b\n" + row(1, "x", "_", "_", "-", "-", "_")


def test_companion_columns_can_be_added_and_left_out():
    sentences = list(read_sdp(COMPANION))
    without = write(sentences, companion=False)
    assert "2\tgoat\tgoat\tNN\t-\t-\tn:x\tBV\tARG1\n" in without
    assert read(without) == [replace(sentence, trees={}) for sentence in sentences]
    plain = [
        replace(sentence, trees={"syntax": tree.trees["syntax"]})
        for sentence, tree in zip(read(without), sentences, strict=True)
    ]
    assert write(plain, companion=True) == text_of(COMPANION)
    assert "\t_\t_\t-\t-\t_\n" in write(read_sdp(SMALL), companion=True)


def test_a_file_keeps_the_columns_of_its_first_sentence():
    mixed = [next(read_sdp(SMALL)), next(read_sdp(COMPANION))]
    assert [s.graphs["semantics"] for s in read(write(mixed), companion=False)] == [
        s.graphs["semantics"] for s in mixed
    ]
    assert [s.graphs["semantics"] for s in read(write(mixed[::-1]), companion=True)] == [
        s.graphs["semantics"] for s in mixed[::-1]
    ]


def test_the_header_opens_each_file():
    assert write([]) == "#SDP 2015\n"
    assert read("#SDP 2015\n") == []
    second = list(read_sdp(SMALL))[1]
    assert write([second]).startswith("#SDP 2015\n#orchard-2\n1\tReally")
    sentence = Sentence("s", ("x",), ("_",), ("_",), graphs={"semantics": Graph((), frozenset())})
    assert write([sentence]) == "#SDP 2015\n#s\n1\tx\t_\t_\t-\t-\t_\n\n"


def test_joined_files_keep_ids_apart_from_headers():
    assert [s.id for s in read(text_of(SMALL) * 2)] == ["orchard-1", "orchard-2", "orchard-3"] * 2


@pytest.mark.parametrize("text", ["", "\n", "\ufeff", "\ufeff#SDP 2015\r\n\r\n"])
def test_an_empty_file_has_no_sentence(text):
    assert read(text) == []


def test_windows_line_ends_and_byte_order_mark_do_not_reach_the_sentence():
    for path in (SMALL, COMPANION):
        assert read("\ufeff" + text_of(path).replace("\n", "\r\n")) == list(read_sdp(path))


def test_reading_holds_one_sentence_at_a_time():
    lines = itertools.cycle(["#x\n", row(1, "on", "_", "_", "-", "-", "_"), "\n"])
    assert len(list(itertools.islice(read_sdp(lines), 1000))) == 1000


def test_a_sentence_of_5000_tokens():
    n = 5000
    arcs = (Arc(0, 1, TOP), *(Arc(1, m, "a") for m in range(2, n + 1)), Arc(n, 1, "b"))
    words = tuple(f"w{i}" for i in range(n))
    sentence = Sentence("long", words, words, words, graphs={"semantics": Graph(arcs, frozenset({1, n}), ("_",) * n)})
    text = write([sentence])
    assert read(text) == [sentence]
    assert write(read(text)) == text


def test_conllu_and_sdp_carry_the_same_sentence():
    (sentence, *_) = read_conllu(SMALL.with_name("tricky.conllu"))
    graph = Graph((Arc(0, 4, TOP), Arc(4, 1, "ARG1")), frozenset({4}), ("_",) * 6)
    annotated = replace(sentence, graphs={"semantics": graph})
    assert read(write([annotated], companion=True)) == [annotated]


P, C = "-", "+"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            "#SDP 2014\n#a\n" + row(1, "x", "_", "_", P, P),
            1,
            "expected the header '#SDP 2015', got '#SDP 2014'",
        ),
        (
            "#SDP 2015 x\n#a\n" + row(1, "x", "_", "_", P, P, "_"),
            1,
            "expected the header '#SDP 2015', got '#SDP 2015 x'",
        ),
        ("#a\n" + row(1, "x", "_", "_", P, P), 2, "expected at least 7 tab-separated columns, got 6"),
        ("#a\n1 x _ _ - - _\n", 2, "expected at least 7 tab-separated columns, got 1"),
        (row(1, "x", "_", "_", P, P, "_", "_"), 1, "expected 7 columns (0 predicates), got 8"),
        (
            "#SDP 2015\n#a\n" + row(1, "x", "_", "_", P, C, "_", "_") + row(2, "y", "_", "_", P, C, "_", "_", "_"),
            3,
            "expected 9 columns (2 predicates), got 8",
        ),
        (row(1, "x", "_", "_", P, C, "_"), 1, "expected 8 columns (1 predicates), got 7"),
        (row(1, "x", "_", "_", "yes", P, "_"), 1, "expected + or - in column top, got 'yes'"),
        (row(1, "x", "_", "_", P, "_", "_"), 1, "expected + or - in column pred, got '_'"),
        (row(1, "x", "_", "_", P, "", "_"), 1, "expected + or - in column pred, got ''"),
        (row(2, "x", "_", "_", P, P, "_"), 1, "expected token id 1, got '2'"),
        (row(1, "x", "_", "_", P, P, "_") * 2, 2, "expected token id 2, got '1'"),
        (row(1, "", "_", "_", P, P, "_"), 1, "expected a form"),
        (row(1, "x", "_", "_", P, C, "_", ""), 1, "expected a label or _"),
        (
            row(1, "x", "_", "_", 0, "r", P, P, "_") + row(2, "x", "_", "_", 0, "r", P, P),
            2,
            "expected at least 9",
        ),
        (row(1, "x", "_", "_", 2, "r", P, P, "_"), 1, "expected a head from 0 to 1, got '2'"),
        (row(1, "x", "_", "_", 1, "r", P, P, "_"), 1, "expected a tree, got a cycle through token 1"),
        (row(1, "x", "_", "_", P, P, "_") + "\n#b\n", 3, "expected token lines after the comments"),
    ],
)
def test_malformed_files_are_errors_with_file_and_line(tmp_path, text, line, message):
    path = tmp_path / "bad.sdp"
    path.write_bytes(text.encode())
    with pytest.raises(DataError) as error:
        list(read_sdp(path))
    assert str(error.value).startswith(f"{path}:{line}: {message}")


WORDS = ("a", "b")
GOOD = Sentence("s1", WORDS, WORDS, WORDS, graphs={"semantics": Graph((Arc(1, 2, "x"),), frozenset({1}))})


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (None, "expected a graph, got none"),
        (Graph((Arc(2, 1, "x"),), frozenset({1})), "expected arcs from predicates"),
        (Graph((Arc(0, 1, "x"),), frozenset({1})), "expected arcs from predicates"),
        (Graph((Arc(1, 2, "_"),), frozenset({1})), "expected arcs from predicates"),
        (Graph((Arc(1, 2, "x"), Arc(1, 2, "y")), frozenset({1})), "expected at most one arc"),
        (Graph((Arc(1, 3, "x"),), frozenset({1})), "expected modifiers from 1 to 2"),
        (Graph((Arc(0, 0, TOP),), frozenset({1})), "expected modifiers from 1 to 2"),
        (Graph((), frozenset({0})), "expected predicates from 1 to 2"),
        (Graph((), frozenset({3})), "expected predicates from 1 to 2"),
        (Graph((), frozenset(), ("_",)), "expected 2 frames, got 1"),
        (Graph((), frozenset(), ("_", "a\tb")), "frames: expected text"),
        (Graph((Arc(1, 2, ""),), frozenset({1})), "arc labels: expected text"),
    ],
)
def test_what_does_not_fit_is_not_written(tmp_path, graph, message):
    path = tmp_path / "a.sdp"
    with pytest.raises(ValueError, match=f"sentence s1: {message}"):
        write_sdp([GOOD, replace(GOOD, graphs={"semantics": graph})], path)
    assert not path.exists()


def test_other_tokens_than_the_source_has_are_an_error():
    source = next(read_sdp(SMALL)).source
    with pytest.raises(ValueError, match="sentence s1: expected the 8 tokens of its source, got 2"):
        write([replace(GOOD, source=source)])


def test_the_format_of_2014_has_neither_header_nor_frames():
    text = row(1, "Kites", "kite", "NNS", "-", "-", "ARG1") + row(2, "fly", "fly", "VBP", "+", "+", "_")
    text = f"#20001001\n{text}\n"
    (sentence,) = read_sdp(io.StringIO(text), frames=False)
    assert sentence.id == "20001001"
    graph = sentence.graphs["semantics"]
    assert graph == Graph((Arc(0, 2, TOP), Arc(2, 1, "ARG1")), frozenset({2}))
    assert write([sentence]) == text
    newer = io.StringIO()
    write_sdp([sentence], newer, frames=True)
    assert newer.getvalue() == "#SDP 2015\n" + text.replace("-\t-\t", "-\t-\t_\t").replace("+\t+\t", "+\t+\t_\t")
    older = io.StringIO()
    write_sdp(read(newer.getvalue()), older, frames=False)
    assert older.getvalue() == text
    with pytest.raises(DataError, match=r"expected 10 columns \(4 predicates\), got 11"):
        list(read_sdp(SMALL, frames=False))
