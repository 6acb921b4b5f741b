import gzip
import json
import re
from dataclasses import replace

import pytest

from spigot.data.json_lines import write_json_lines
from spigot.data.readers import READERS, read_sentences
from spigot.data.sentence import SEMANTICS, SYNTAX, TOP, Arc, Confidence, Graph, Sentence, Surface, Tree
from spigot.data.writers import WRITERS

CONLLU = """\
# newdoc
# sent_id = a
# text = Mia's kite can fly.
1-2	Mia's	_	_	_	_	_	_	_	_
1	Mia	Mia	PROPN	NNP	Number=Sing	3	nmod:poss	3:nmod:poss	_
2	's	's	PART	POS	_	1	case	1:case	_
3	kite	kite	NOUN	NN	Number=Sing	5	nsubj	5:nsubj	_
4	can	can	AUX	MD	_	5	aux	5:aux	_
5	fly	fly	VERB	VB	_	0	root	0:root	SpaceAfter=No
6	.	.	PUNCT	.	_	5	punct	5:punct	_

# sent_id = b
# text = Wow
1	Wow	wow	INTJ	UH	_	0	root	_	_

"""
SDP = """\
#SDP 2015
#a
1	Mia	Mia	NNP	-	-	named:x	ARG1	_
2	can	can	MD	-	-	_	_	_
3	fly	fly	VB	+	+	v:e-i	_	ARG1
4	now	now	RB	-	+	_	_	_

"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "in.conllu").write_text(CONLLU, "utf-8")
    (tmp_path / "in.sdp").write_text(SDP, "utf-8")
    return tmp_path


def told(err, path):
    return [line.removeprefix(f"{path}: ") for line in err.splitlines()]


def test_every_format_can_be_read_and_written():
    assert set(WRITERS) - {"sdp-companion"} == set(READERS)


@pytest.mark.parametrize("format", ["conllu", "sdp"])
def test_the_same_format_loses_nothing(spigot, files, format):
    out = files / f"out.{format}"
    code, printed, err = spigot("convert", files / f"in.{format}", out)
    assert (code, printed) == (0, "")
    assert err == f"{out}: {2 if format == 'conllu' else 1} sentences\n"
    assert out.read_text("utf-8") == (files / f"in.{format}").read_text("utf-8")


def test_what_is_lost_is_counted(spigot, files):
    out = files / "out.sdp.gz"
    code, _, err = spigot("convert", files / "in.conllu", out)
    assert code == 0
    assert told(err, out) == [
        "1 sentences",
        "sdp does not hold 6 coarse tags, 1 comments, 2 features, 1 multiword tokens, 1 sentences without a graph, "
        f"1 trees, 1 values of MISC of {files / 'in.conllu'}",
    ]
    with gzip.open(out, "rt", encoding="utf-8") as file:
        assert file.read().splitlines()[1:4] == [
            "#a",
            "1\tMia\tMia\tNNP\t-\t+\t_\t_\tnmod:poss\t_",
            "2\t's\t's\tPOS\t-\t-\t_\tcase\t_\t_",
        ]


@pytest.mark.parametrize("format", sorted(WRITERS))
def test_a_graph_goes_through_every_format_that_holds_it(spigot, files, format):
    middle, again = files / "middle", files / "again.sdp"
    code, _, err = spigot("convert", files / "in.sdp", middle, "--to", format)
    assert code == 0
    lost = {
        "conll2009": "conll2009 does not hold 1 frames, 1 sentence ids, 1 tops",
        "conllu": "",
        "conllx": "conllx does not hold 1 graphs, 1 sentence ids",
        "json": "",
        "mrp": "mrp does not hold 1 lemmas, 1 tags",
        "sdp": "",
        "sdp-companion": "",
        "sdp2014": "sdp2014 does not hold 2 frames",
        "sst": "sst does not hold 1 graphs",
        "text": "text does not hold 1 graphs, 4 lemmas, 1 sentence ids, 4 tags",
    }[format]
    assert told(err, middle)[1:] == ([f"{lost} of {files / 'in.sdp'}"] if lost else [])
    spigot("convert", middle, again, "--from", format)
    (old,) = read_sentences(files / "in.sdp")
    found = list(read_sentences(again))
    if "1 graphs" in lost:
        assert found == []
        return
    (new,) = found
    assert new.forms == old.forms
    ours, theirs = new.graphs[SEMANTICS], old.graphs[SEMANTICS]
    assert ours.predicates == theirs.predicates
    assert [arc for arc in ours.arcs if arc.head] == [arc for arc in theirs.arcs if arc.head]
    assert (ours.arcs == theirs.arcs) == (format != "conll2009")
    assert (ours.frames == theirs.frames) == (format not in ("sdp2014", "conll2009"))


@pytest.mark.parametrize("format", ["conllx", "conll2009", "sdp-companion"])
def test_a_tree_goes_through_every_format_that_holds_it(spigot, files, format):
    middle, again = files / "middle", files / "again.conllu"
    assert spigot("convert", files / "in.conllu", middle, "--to", format)[0] == 0
    assert spigot("convert", middle, again, "--from", format)[0] == 0
    old, new = next(read_sentences(files / "in.conllu")), next(read_sentences(again))
    assert (new.forms, new.lemmas, new.tags, new.trees[SYNTAX]) == (old.forms, old.lemmas, old.tags, old.trees[SYNTAX])


def test_arcs_that_a_format_cannot_hold(spigot, files):
    row = ["1", "win", "win", "_", "NN", *["_"] * 7, "Y", "win.01", "A1"]
    (files / "in.conll09").write_text("\t".join(row) + "\n\n", "utf-8")
    _, _, err = spigot("convert", files / "in.conll09", files / "out.conllu")
    assert f"conllu does not hold 1 arcs of a token to itself of {files / 'in.conll09'}" in err
    nodes = [{"id": k, "anchors": [{"from": 2 * k, "to": 2 * k + 1}]} for k in (0, 1)]
    edges = [{"source": 0, "target": 1, "label": label} for label in "XY"]
    content = {"id": "1", "input": "a b", "nodes": nodes, "edges": edges}
    (files / "in.mrp").write_text(json.dumps(content) + "\n", "utf-8")
    for format in ("sdp", "conllu"):
        _, _, err = spigot("convert", files / "in.mrp", files / f"out.{format}")
        assert f"{format} does not hold 1 second arcs between two tokens of" in err
        (sentence,) = read_sentences(files / f"out.{format}", graph="semantics")
        assert sentence.graphs["semantics"].arcs == (Arc(1, 2, "X"),)


NAMED = Sentence(
    "7",
    ("It", "rains", "."),
    ("_",) * 3,
    ("PRP", "VBZ", "."),
    trees={"ud": Tree((2, 0, 2), ("nsubj", "root", "punct"))},
    graphs={
        "dm": Graph((Arc(0, 2, TOP), Arc(2, 1, "ARG1")), frozenset({2}), ("_", "v:e-i", "_")),
        "pb": Graph((Arc(2, 1, "ARG0"), Arc(2, 2, "ARG1")), frozenset({2, 3})),
    },
    surface=Surface("It rains.", ((0, 2), (3, 8), (8, 9)), start=4, paragraph=True),
    confidences={"ud": Confidence((0.5, 0.5, 0.5)), "dm": Confidence((0.5, 0.25)), "tags": Confidence((), (0.5,) * 3)},
)
"""As a model of several tasks predicts it."""


@pytest.fixture
def named(tmp_path):
    write_json_lines([NAMED], tmp_path / "in.jsonl")
    return tmp_path / "in.jsonl"


@pytest.mark.parametrize("format", ["conllu", "mrp"])
def test_a_label_of_a_top_is_lost_and_counted(spigot, tmp_path, format):
    graph = Graph((Arc(0, 2, "FOO"), Arc(0, 1, TOP), Arc(2, 1, "ARG1")), frozenset({2}))
    write_json_lines([replace(NAMED, graphs={SEMANTICS: graph}, confidences={})], tmp_path / "in.jsonl")
    _, _, err = spigot("convert", tmp_path / "in.jsonl", tmp_path / "out", "--to", format)
    assert re.search(f"{format} does not hold (.*, )?1 labels of tops", err)


def test_json_has_two_extensions(spigot, tmp_path, named):
    assert spigot("convert", named, tmp_path / "out.json")[0] == 0
    assert list(read_sentences(tmp_path / "out.json")) == [NAMED]


@pytest.mark.parametrize("format", ["conllu", "conllx", "conll2009", "sdp-companion"])
def test_the_only_tree_is_written_whatever_its_name(spigot, tmp_path, named, format):
    out = tmp_path / "out"
    assert spigot("convert", named, out, "--to", format, "--graph", "dm")[0] == 0
    (sentence,) = read_sentences(out, format.removesuffix("-companion"))
    assert list(sentence.trees.values()) == [NAMED.trees["ud"]]


def test_all_graphs_are_written_to_conllu_and_read_back(spigot, tmp_path, named):
    out, again = tmp_path / "out.conllu", tmp_path / "again.jsonl"
    code, _, err = spigot("convert", named, out)
    assert (code, told(err, out)) == (0, ["1 sentences", f"conllu does not hold 1 confidences of {named}"])
    (sentence,) = read_sentences(out)
    assert {name: graph.arcs for name, graph in sentence.graphs.items()} == {
        name: graph.arcs for name, graph in NAMED.graphs.items()
    }
    _, _, err = spigot("convert", out, again)
    # Spaces, places in the document, paragraphs and graphs are in JSON; confidences are not read.
    assert told(err, again) == ["1 sentences", f"json does not hold 3 values of MISC of {out}"]
    (sentence,) = read_sentences(again)
    assert sentence.surface == NAMED.surface
    assert list(sentence.graphs) == ["dm", "pb"]


def test_a_graph_is_chosen_where_a_format_holds_one(spigot, refused, tmp_path, named):
    out = tmp_path / "out.sdp"
    message = f"{out}: sentence 7: expected one graph, got dm, pb (--graph says which)"
    assert refused("convert", named, out) == message
    assert refused("convert", named, out, "--graph", "x").endswith("expected a graph of it (dm, pb), got 'x'")
    code, _, err = spigot("convert", named, out, "--graph", "dm")
    assert code == 0
    assert told(err, out)[1] == f"sdp does not hold 3 confidences, 1 raw texts, 1 trees of {named}"
    (sentence,) = read_sentences(out)
    assert sentence.graphs == {"semantics": NAMED.graphs["dm"]}


def test_mrp_gets_a_line_for_each_graph(spigot, tmp_path, named):
    out, again = tmp_path / "out.mrp", tmp_path / "again.jsonl"
    assert spigot("convert", named, out)[0] == 0
    assert [json.loads(line)["framework"] for line in out.read_text("utf-8").splitlines()] == ["dm", "pb"]
    assert spigot("convert", out, again)[0] == 0
    (sentence,) = read_sentences(again)
    assert {name: graph.arcs for name, graph in sentence.graphs.items()} == {
        name: graph.arcs for name, graph in NAMED.graphs.items()
    }


def test_a_graph_of_the_default_name_beside_others_comes_back_from_mrp(spigot, tmp_path):
    both = replace(NAMED, graphs={SEMANTICS: NAMED.graphs["dm"], "pb": NAMED.graphs["pb"]}, confidences={})
    write_json_lines([both], tmp_path / "in.jsonl")
    assert spigot("convert", tmp_path / "in.jsonl", tmp_path / "out.mrp")[0] == 0
    (sentence,) = read_sentences(tmp_path / "out.mrp")
    assert {name: graph.arcs for name, graph in sentence.graphs.items()} == {
        name: graph.arcs for name, graph in both.graphs.items()
    }


def test_a_graph_that_was_asked_for_gets_its_name_written(spigot, files):
    """Enhanced dependencies that are to be a graph; nothing else changes, line ends least of all."""
    text = CONLLU.replace("\n", "\r\n")
    (files / "crlf.conllu").write_bytes(text.encode())
    assert spigot("convert", files / "crlf.conllu", files / "out.conllu", "--graph", "eud")[0] == 0
    written = (files / "out.conllu").read_bytes().decode()
    assert written.count("# graphs = eud\r\n") >= 1
    assert written.replace("# graphs = eud\r\n", "") == text
    assert list(next(read_sentences(files / "out.conllu")).graphs) == ["eud"]


def test_a_graph_that_convert_wrote_is_found(spigot, files):
    """The comment `graphs` names what stands in DEPS: so `score` and `draw` read it, and the name comes back."""
    out, again = files / "out.conllu", files / "again.jsonl"
    spigot("convert", files / "in.sdp", out, "--graph", "dm")
    assert list(next(read_sentences(out)).graphs) == ["dm"]
    assert spigot("score", files / "in.sdp", out)[0] == 0
    assert spigot("draw", out)[0] == 0
    spigot("convert", out, again)
    assert list(next(read_sentences(again)).graphs) == ["dm"]


def test_standard_input_and_output(spigot):
    code, out, _ = spigot("convert", "-", "-", "--from", "sdp", "--to", "text", stdin=SDP)
    assert (code, out) == (0, "Mia can fly now\n")


def test_refusals(refused, files):
    out = files / "out"
    assert "expected one of conllu, conllx" in refused("convert", files / "in.sdp", out)
    assert "got 'xml'" in refused("convert", files / "in.sdp", out, "--to", "xml")
    assert "got 'xml'" in refused("convert", files / "in.sdp", out, "--from", "xml", "--to", "sdp")
    assert refused("convert", files / "none.sdp", out, "--to", "mrp").endswith("none.sdp: no such file or directory")
    (files / "bad.sdp").write_text(SDP.replace("\t+\t+", "\t+\tyes"), "utf-8")
    message = f"{files / 'bad.sdp'}:5: expected + or - in column pred, got 'yes'"
    message += " (read as sdp, from its suffix .sdp; "
    message += "another suffix, --from of convert or parse, or --format of score names another format)"
    assert refused("convert", files / "bad.sdp", out, "--to", "mrp") == message
    (files / "blank.conllu").write_text(CONLLU.replace("kite\t", "big kite\t"), "utf-8")
    message = f"{out}: sentence a: expected forms without blanks, got 'big kite'"
    assert refused("convert", files / "blank.conllu", out, "--to", "text") == message
    assert not out.exists()
