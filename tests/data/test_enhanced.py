import io
from dataclasses import replace

import pytest

from spigot.data.conllu import read_conllu, write_conllu
from spigot.data.enhanced import EnhancedArc, arcs_between_words
from spigot.data.errors import DataError
from spigot.data.sentence import TOP, Arc, Graph

TEXT = """\
# sent_id = tea
# text = I drank tea and you coffee
1	I	I	PRON	PRP	_	2	nsubj	2:nsubj	_
2	drank	drink	VERB	VBD	_	0	root	0:root	_
3	tea	tea	NOUN	NN	_	2	obj	2:obj	_
4	and	and	CCONJ	CC	_	5	cc	5.1:cc	_
5	you	you	PRON	PRP	_	2	conj	5.1:nsubj	_
5.1	drank	drink	VERB	VBD	_	_	_	2:conj:and	_
6	coffee	coffee	NOUN	NN	_	5	orphan	5.1:obj|2:x	Note=a

"""
GRAPH = Graph(
    (
        Arc(0, 2, TOP),
        Arc(2, 1, "nsubj"),
        Arc(2, 3, "obj"),
        Arc(2, 4, "conj:and>cc"),
        Arc(2, 5, "conj:and>nsubj"),
        Arc(2, 6, "x"),
    ),
    frozenset({2}),
)


def read(text: str, graph: str | None = "eud"):
    return list(read_conllu(io.StringIO(text), graph=graph))


def write(sentences, graph: str | None = "eud") -> str:
    file = io.StringIO()
    write_conllu(sentences, file, graph=graph)
    return file.getvalue()


def test_deps_become_a_graph_if_asked_for():
    (sentence,) = read(TEXT)
    assert sentence.graphs == {"eud": GRAPH}
    assert read(TEXT, graph=None)[0].graphs == {}
    assert read("1\ta\t_\t_\t_\t_\t0\troot\t_\t_\n\n")[0].graphs == {}


def test_what_was_read_is_written_as_it_stood_there():
    assert write(read(TEXT)) == TEXT
    assert write(read(TEXT, graph=None), graph=None) == TEXT
    without = "".join(
        line if line.startswith(("#", "5.1", "\n")) else "\t".join([*(c := line.split("\t"))[:8], "_", c[9]])
        for line in TEXT.splitlines(keepends=True)
    )
    assert write(read(TEXT, graph=None), graph="eud") == without


def test_a_changed_graph_is_put_in_its_place():
    (sentence,) = read(TEXT)
    changed = sentence.with_graph("eud", Graph((Arc(0, 6, TOP), Arc(2, 1, "c"), Arc(6, 1, "a:b")), frozenset({2, 6})))
    text = write([changed])
    assert "1\tI\tI\tPRON\tPRP\t_\t2\tnsubj\t2:c|6:a:b\t_\n" in text
    assert "5.1\tdrank\tdrink\tVERB\tVBD\t_\t_\t_\t2:conj:and\t_\n" in text
    assert "6\tcoffee\tcoffee\tNOUN\tNN\t_\t5\torphan\t0:root\tNote=a\n" in text
    assert read(text)[0].graphs == changed.graphs


def test_sentences_from_elsewhere():
    (sentence,) = read(TEXT)
    text = write([replace(sentence, source=None)])
    assert text.splitlines()[2] == "1\tI\tI\tPRON\tPRP\t_\t2\tnsubj\t2:nsubj\t_"
    assert read(text)[0].graphs == {"eud": GRAPH}
    wrong = replace(sentence, source=None).with_graph("eud", Graph((Arc(2, 1, "a|b"),), frozenset({2})))
    with pytest.raises(ValueError, match=r"sentence tea: expected labels without blanks and \|, got 'a\|b'"):
        write([wrong])


def test_paths_through_several_empty_nodes_and_cycles_of_them():
    arcs = [
        EnhancedArc("1", "1.1", "a"),
        EnhancedArc("1.1", "1.2", "b"),
        EnhancedArc("1.2", "1.1", "c"),
        EnhancedArc("1.2", "2", "d"),
        EnhancedArc("1.1", "1", "back"),
        EnhancedArc("0", "2.1", "root"),
        EnhancedArc("2.1", "2", "e"),
    ]
    assert arcs_between_words(arcs) == [Arc(0, 2, TOP), Arc(1, 2, "a>b>d")]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("2:nsubj", "2", 3, "expected head:label pairs in DEPS, got '2'"),
        ("2:nsubj", "x:nsubj", 3, "expected head:label pairs in DEPS, got 'x:nsubj'"),
        ("2:obj", "2:", 5, "expected head:label pairs in DEPS, got '2:'"),
        ("5.1:cc", "5.2:cc", 6, "expected a head of this sentence in DEPS, got '5.2'"),
    ],
)
def test_malformed_deps(tmp_path, old, new, line, message):
    path = tmp_path / "bad.conllu"
    path.write_text(TEXT.replace(old, new), "utf-8")
    assert len(list(read_conllu(path))) == 1
    with pytest.raises(DataError) as error:
        list(read_conllu(path, graph="eud"))
    assert str(error.value) == f"{path}:{line}: {message}"
