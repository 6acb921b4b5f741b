import io
import json
from dataclasses import replace

import pytest

from spigot.data.errors import DataError
from spigot.data.mrp import read_mrp, write_mrp
from spigot.data.sentence import TOP, Arc, Graph, Sentence
from spigot.data.surface import surface_of

# As in the data of 2019: punctuation and the infinitive's "to" have no nodes.
OBJECT = {
    "id": "7",
    "flavor": 0,
    "framework": "dm",
    "version": 1.0,
    "time": "2019-04-10",
    "input": 'Mia, "the Kite", wants to win.',
    "tops": [4],
    "nodes": [
        {"id": 0, "label": "Mia", "properties": ["pos", "frame"], "values": ["NNP", "named:x-c"],
         "anchors": [{"from": 0, "to": 3}]},
        {"id": 3, "label": "kite", "properties": ["pos"], "values": ["NN"], "anchors": [{"from": 10, "to": 14}]},
        {"id": 4, "label": "want", "properties": ["pos"], "values": ["VBZ"], "anchors": [{"from": 17, "to": 22}]},
        {"id": 6, "anchors": [{"from": 26, "to": 29}]},
    ],
    "edges": [
        {"source": 4, "target": 0, "label": "ARG1"},
        {"source": 4, "target": 6, "label": "ARG2"},
        {"source": 6, "target": 0, "label": "ARG1", "attributes": ["remote"], "values": [True]},
    ],
}  # fmt: skip


def read(*objects) -> list[Sentence]:
    return list(read_mrp(io.StringIO("".join(json.dumps(o) + "\n" for o in objects))))


def write(sentences) -> str:
    file = io.StringIO()
    write_mrp(sentences, file)
    return file.getvalue()


@pytest.mark.parametrize("version", [0.9, 1.0, 1.1])
def test_tokens_are_what_nodes_stand_on_and_the_words_between(version):
    (sentence,) = read(OBJECT | {"version": version})
    assert sentence == Sentence(
        id="7",
        forms=("Mia", ",", '"the', "Kite", '",', "wants", "to", "win", "."),
        lemmas=("Mia", "_", "_", "kite", "_", "want", "_", "_", "_"),
        tags=("NNP", "_", "_", "NN", "_", "VBZ", "_", "_", "_"),
        graphs={
            "semantics": Graph(
                (Arc(0, 6, TOP), Arc(6, 1, "ARG1"), Arc(6, 8, "ARG2"), Arc(8, 1, "ARG1")),
                frozenset({6, 8}),
                ("named:x-c", *["_"] * 8),
            )
        },
    )


def test_a_graph_without_nodes():
    (sentence,) = read({"id": 1, "input": "Oh no ."})
    assert sentence.id == "1"
    assert sentence.forms == ("Oh", "no", ".")
    assert sentence.graphs["semantics"] == Graph((), frozenset(), ("_",) * 3)


def test_what_was_read_is_written_as_it_stood_there():
    text = json.dumps(OBJECT) + "\n" + json.dumps(OBJECT | {"id": "8", "language": "eng"}) + "\n"
    assert write(read_mrp(io.StringIO(text))) == text
    assert write(read_mrp(io.StringIO(text.rstrip("\n")))) == text


def test_graphs_of_one_id_are_one_sentence():
    """A token is one that any of them has a node on; only neighbours with frameworks of their own go together."""
    nodes = [{"id": 9, "label": "the", "anchors": [{"from": 6, "to": 9}]}, OBJECT["nodes"][2]]
    other = OBJECT | {"framework": "psd", "nodes": nodes, "edges": [{"source": 4, "target": 9, "label": "X"}]}
    text = "".join(json.dumps(o) + "\n" for o in (OBJECT, other, OBJECT | {"id": "8"}))
    first, second = read_mrp(io.StringIO(text))
    assert (first.id, second.id) == ("7", "8")
    assert first.forms == ("Mia", ",", '"', "the", "Kite", '",', "wants", "to", "win", ".")
    assert first.lemmas == ("Mia", "_", "_", "the", "kite", "_", "want", "_", "_", "_")
    assert list(first.graphs) == ["dm", "psd"]
    assert first.graphs["dm"].arcs == (Arc(0, 7, TOP), Arc(7, 1, "ARG1"), Arc(7, 9, "ARG2"), Arc(9, 1, "ARG1"))
    assert first.graphs["psd"].arcs == (Arc(0, 7, TOP), Arc(7, 4, "X"))
    assert list(second.graphs) == ["semantics"]
    file = io.StringIO()
    write_mrp([first, second], file, graph=None)
    assert file.getvalue() == text
    assert surface_of(first).text == surface_of(replace(first, tags=("X",) * 10)).text == OBJECT["input"]
    assert [s.id for s in read(OBJECT, OBJECT)] == ["7", "7"]
    assert len(read(OBJECT, other | {"input": OBJECT["input"] + " "})) == 2


def test_sentences_before_an_error_are_read():
    reader = read_mrp(io.StringIO(json.dumps(OBJECT) + "\n{\n"))
    assert next(reader).id == "7"
    with pytest.raises(DataError):
        next(reader)


GRAPH = Graph((Arc(0, 2, TOP), Arc(2, 1, "A"), Arc(2, 4, "B"), Arc(4, 2, "C")), frozenset({2, 4}), ("_", "f", "_", "_"))
SENTENCE = Sentence(
    "s", ("ö 1", "fly", "–", "kites"), ("ö", "fly", "_", "_"), ("NN", "VB", "_", "_"), graphs={"semantics": GRAPH}
)


def test_sentences_from_elsewhere():
    content = json.loads(write([SENTENCE]))
    assert content["input"] == "ö 1 fly – kites"
    assert content["tops"] == [1]
    assert [node["id"] for node in content["nodes"]] == [0, 1, 3]
    assert content["nodes"][1] == {
        "id": 1,
        "label": "fly",
        "properties": ["pos", "frame"],
        "values": ["VB", "f"],
        "anchors": [{"from": 4, "to": 7}],
    }
    assert read(content) == [SENTENCE]


def test_two_edges_between_two_nodes_are_kept():
    twice = SENTENCE.with_graph("semantics", Graph((Arc(2, 1, "A"), Arc(2, 1, "B")), frozenset({2}), ("_",) * 4))
    assert read(json.loads(write([twice])))[0].graphs == twice.graphs


def test_what_cannot_be_written():
    with pytest.raises(ValueError, match="sentence s: expected a graph, got none"):
        write([Sentence("s", ("a",), ("_",), ("_",))])
    with pytest.raises(ValueError, match="sentence s: expected arcs between its 4 tokens"):
        write([SENTENCE.with_graph("semantics", Graph((Arc(2, 5, "A"),), frozenset({2})))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected a JSON object, got: "),
        ("[1]", "expected an object with id and input, got list"),
        (json.dumps({"id": "1"}), "expected an object with id and input, got id"),
        ("{}", "expected an object with id and input, got an empty one"),
        (
            json.dumps(OBJECT | {"flavor": 2, "framework": "amr"}),
            "expected a graph over tokens (flavor 0), got flavor 2 (amr)",
        ),
        (json.dumps(OBJECT | {"tops": [5]}), "expected tops and edges of nodes, got no node with the id '5'"),
        (
            json.dumps(OBJECT | {"edges": [{"source": 4, "target": "x", "label": "ARG1"}]}),
            "expected tops and edges of nodes, got no node with the id 'x'",
        ),
        (
            json.dumps(OBJECT | {"nodes": OBJECT["nodes"] + [{"id": 4, "anchors": [{"from": 4, "to": 9}]}]}),
            "expected one node with the id '4', got several",
        ),
        (
            json.dumps(OBJECT | {"edges": [{"source": 4, "target": 0}]}),
            "expected nodes, edges and tops as in MRP, got: one without 'label'",
        ),
        (
            json.dumps(OBJECT | {"nodes": [{"id": 0, "anchors": [{"from": 0, "to": 99}]}]}),
            "expected one anchor within the text for node 0, got ",
        ),
        (
            json.dumps(OBJECT | {"nodes": [{"id": k, "anchors": [{"from": 0, "to": 3}]} for k in (0, 1)]}),
            "expected nodes on tokens of their own, got 'Mia' twice",
        ),
    ],
)  # fmt: skip
def test_malformed_files(tmp_path, text, message):
    path = tmp_path / "bad.mrp"
    path.write_text(f"{json.dumps(OBJECT)}\n{text}\n", "utf-8")
    with pytest.raises(DataError) as error:
        list(read_mrp(path))
    assert str(error.value).startswith(f"{path}:2: {message}")
