import io

import pytest

from spigot.data.conll2009 import read_conll2009, write_conll2009
from spigot.data.errors import DataError
from spigot.data.sentence import Arc, Graph, Sentence, Tree

HEADER = [
    "ID",
    "FORM",
    "LEMMA",
    "PLEMMA",
    "POS",
    "PPOS",
    "FEAT",
    "PFEAT",
    "HEAD",
    "PHEAD",
    "DEPREL",
    "PDEPREL",
    "FILLPRED",
    "PRED",
]


def row(text: str) -> str:
    return "\t".join(text.split()) + "\n"


GOLD = (
    row("1 Mia mia Mia NNP NN _ _ 2 3 SBJ NMOD _ _ A0 A0")
    + row("2 wants want want VBZ VBZ tense=pres _ 0 0 ROOT ROOT Y want.01 _ _")
    + row("3 to to to TO TO _ _ 2 2 OPRD OPRD _ _ A1 _")
    + row("4 win win win VB NN _ _ 3 3 IM IM Y win.01 _ _")
    + "\n"
)
PREDICTED = row("1 Rain _ rain _ NN _ _ _ 0 _ ROOT Y rain.01 A1") + "\n"


def read(text: str) -> list[Sentence]:
    return list(read_conll2009(io.StringIO(text)))


def write(sentences) -> str:
    file = io.StringIO()
    write_conll2009(sentences, file)
    return file.getvalue()


def test_gold_columns_and_arguments():
    (sentence,) = read(GOLD)
    assert sentence == Sentence(
        id="1",
        forms=("Mia", "wants", "to", "win"),
        lemmas=("mia", "want", "to", "win"),
        tags=("NNP", "VBZ", "TO", "VB"),
        trees={"syntax": Tree((2, 0, 2, 3), ("SBJ", "ROOT", "OPRD", "IM"))},
        graphs={
            "semantics": Graph(
                (Arc(2, 1, "A0"), Arc(2, 3, "A1"), Arc(4, 1, "A0")), frozenset({2, 4}), ("_", "want.01", "_", "win.01")
            )
        },
    )


def test_predicted_columns_where_there_are_no_gold_ones():
    (sentence,) = read(PREDICTED)
    assert (sentence.lemmas, sentence.tags) == (("rain",), ("NN",))
    assert sentence.trees["syntax"] == Tree((0,), ("ROOT",))
    assert sentence.graphs["semantics"].arcs == (Arc(1, 1, "A1"),)


def test_what_was_read_is_written_as_it_stood_there():
    assert write(read(GOLD + PREDICTED)) == GOLD + PREDICTED


def test_what_changed_is_put_in_its_place():
    (sentence,) = read(GOLD)
    changed = sentence.with_graph("semantics", Graph((Arc(2, 1, "A0"),), frozenset({2}), ("_", "want.02", "_", "_")))
    changed = changed.with_tree("syntax", Tree((2, 0, 4, 2), ("a", "b", "c", "d")))
    assert write([changed]) == (
        row("1 Mia mia Mia NNP NN _ _ 2 3 a NMOD _ _ A0")
        + row("2 wants want want VBZ VBZ tense=pres _ 0 0 b ROOT Y want.02 _")
        + row("3 to to to TO TO _ _ 4 2 c OPRD _ _ _")
        + row("4 win win win VB NN _ _ 2 3 d IM _ _ _")
        + "\n"
    )


def test_sentences_from_elsewhere():
    sentence = Sentence("x", ("a", "b"), ("_", "_"), ("_", "_"))
    assert write([sentence]) == "\t".join(["1", "a", *["_"] * 12]) + "\n" + "\t".join(["2", "b", *["_"] * 12]) + "\n\n"
    graph = Graph((Arc(1, 2, "A0"),), frozenset({1}), ("f", "_"))
    annotated = sentence.with_tree("syntax", Tree((0, 1), ("r", "s"))).with_graph("semantics", graph)
    (again,) = read(write([annotated]))
    assert (again.trees, again.graphs) == (annotated.trees, annotated.graphs)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (row("1 a " + "_ " * 11), 1, "expected at least 14 tab-separated columns, got 13"),
        (GOLD.replace("3\tto\tto\tto", "5\tto\tto\tto"), 3, "expected token id 3, got '5'"),
        (GOLD.replace("Y\twin", "yes\twin"), 4, "expected Y or _ in column FILLPRED, got 'yes'"),
        (GOLD.replace("Y\twin", "_\twin"), 1, r"expected 15 columns (1 predicates), got 16"),
        (GOLD.replace("_\t0\t0\tROOT", "_\t2\t0\tROOT").replace("tense=pres", "_"), 2, "expected a tree, got a cycle"),
        (GOLD.replace("\tMia\tmia", "\t\tmia"), 1, "expected a form in column 2, got nothing"),
    ],
)
def test_malformed_files(tmp_path, text, line, message):
    path = tmp_path / "bad.conll09"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError) as error:
        list(read_conll2009(path))
    assert str(error.value).startswith(f"{path}:{line}: {message}")
