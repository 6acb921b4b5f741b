"""`Parse`, and the three formats that hold all of it."""

import io
import json
from dataclasses import replace

import pytest

from spigot.builtin import generate
from spigot.data.conllu import read_conllu, write_parses
from spigot.data.json_lines import read_json_lines, sentence_of_object, write_json_lines
from spigot.data.mrp import read_mrp
from spigot.data.readers import read_sentences
from spigot.data.sdp import read_sdp
from spigot.data.sentence import TOP, Arc, Confidence, Graph, Sentence, Surface, Tree
from spigot.errors import UserError
from spigot.systems.parse import Parse, Parses

GOLD = [replace(sentence, sentiment=None) for sentence in generate(30, seed=7)]
TEXT = "He  didn't\n(sleep)."
SURFACE = Surface(TEXT, ((0, 2), (4, 7), (7, 10), (11, 12), (12, 17), (17, 18), (18, 19)), 100, "", True)
FORMS = ("He", "did", "n't", "(", "sleep", ")", ".")
GRAPH = Graph(
    (Arc(0, 5, TOP), Arc(3, 5, "a,b %|=c"), Arc(5, 1, "ARG1")), frozenset({2, 3, 5}), ("_",) * 4 + ("v|1",) + ("_",) * 2
)
OTHER = Graph((Arc(5, 1, "A0"),), frozenset({5}))
TREE = Tree((5, 5, 5, 5, 0, 5, 5), ("nsubj", "aux", "advmod", "punct", "root", "punct", "punct"))


def example(**changes):
    blank = ("_",) * 7
    made = Sentence("1", FORMS, blank, blank, {"ud": TREE}, {"dm": GRAPH, "pb": OTHER}, surface=SURFACE)
    return replace(made, **changes)


def confident():
    ones = tuple(k / 7 for k in range(7))
    made = example().with_confidence("ud", Confidence(ones, ones[::-1]))
    return made.with_confidence("dm", Confidence((0.25, 0.5, 1.0), (1.0, 0.75, 0.5)))


def everything(sentence):
    """What equality of sentences leaves out, too."""
    return sentence, Parse(sentence).surface, sentence.confidences


def test_tokens_have_their_place_in_the_text():
    parse = Parse(example())
    assert parse.text == TEXT
    assert [parse.text[token.start : token.end] for token in parse.tokens] == list(FORMS)
    assert [token.space_after for token in parse.tokens] == [True, False, True, False, False, False, False]
    assert (parse.tags, parse.lemmas) == (None, None)
    assert (parse.surface.start, parse.surface.paragraph) == (100, True)


def test_without_raw_text_blanks_stand_between_forms():
    parse = Parse(GOLD[0])
    assert parse.text == " ".join(GOLD[0].forms)
    assert all(token.space_after for token in parse.tokens)
    assert [parse.text[t.start : t.end] for t in parse.tokens] == list(GOLD[0].forms)


def test_no_alone_takes_the_blank_after_a_token_away():
    rows = "".join(
        f"{k}\ta\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter={value}\n" for k, value in enumerate(("Yes", "No", "Yes"), 1)
    )
    (sentence,) = read_conllu(io.StringIO(rows + "\n"))
    assert Parse(sentence).text == "a aa"


def test_the_comment_text_counts_if_it_holds_the_forms_and_nothing_else():
    rows = "".join(f"{number}\t{form}" + "\t_" * 8 + "\n" for number, form in ((1, "a"), (2, "\u00a0b")))
    for comment, text in (("a  \u00a0b", "a  \u00a0b"), ("a  \u00a0b c", "a \u00a0b"), ("x  \u00a0b", "a \u00a0b")):
        (sentence,) = read_conllu(io.StringIO(f"# text = {comment}\n{rows}\n"))
        assert Parse(sentence).text == text


@pytest.mark.parametrize("sentence", [*GOLD, example(), confident()], ids=lambda s: s.id)
def test_json_loses_nothing(sentence):
    assert everything(Parse.from_json(Parse(sentence).to_json()).sentence) == everything(
        replace(sentence, confidences=rounded(sentence))
    )


def test_what_is_no_json_is_an_error_of_the_user():
    for text, message in (
        ("nope", r"^expected a JSON object, got: Expecting value: line 1"),
        ("[" * 100_000, r"^expected a JSON object, got too many brackets"),
        ("[]", r"^expected an object with id and forms, got list"),
        ('{"id": "1", "forms": ["a\\u0000"]}', r"^expected UTF-8 text, got the character U\+0000"),
        (None, r"^expected a JSON object as text, got NoneType"),
        (b"{}", r"^expected a JSON object as text, got bytes"),
    ):
        with pytest.raises(UserError, match=message):
            Parse.from_json(text)


def rounded(sentence):
    return {
        name: Confidence(*(tuple(round(x, 6) for x in numbers) for numbers in value))
        for name, value in sentence.confidences.items()
    }


@pytest.mark.parametrize("sentence", [*GOLD, example(), example(graphs={"dm": replace(GRAPH, arcs=GRAPH.arcs[::2])})])
def test_conllu_loses_nothing_but_confidences(sentence):
    (tree,) = sentence.trees
    (read,) = read_conllu(Parse(sentence).to_conllu().splitlines(keepends=True), tree)
    assert (read, Parse(read).surface) == (sentence, Parse(sentence).surface._replace(text=read_text(sentence)))
    # Once more, with the comments and MISC that are there already.
    assert Parse(read).to_conllu() == Parse(sentence).to_conllu()


def read_text(sentence):
    return Parse(sentence).text


def test_conllu_shows_confidences():
    text = Parse(confident()).to_conllu()
    rows = [line.split("\t") for line in text.splitlines() if line[:1].isdigit()]
    assert rows[1][9] == "SpaceAfter=No|TokenRange=104:107|Confidence=0.1429|LabelConfidence=0.7143|dm.pred=Yes"
    assert "dm.confidence=0.2500:1.0000,0.5000:0.7500" in rows[4][9]
    assert text.startswith("# newpar\n# sent_id = 1\n# text = He  didn't (sleep).\n# graphs = dm pb\n")
    (read,) = read_conllu(text.splitlines(keepends=True), "ud")
    # Confidences are those of a parse that is written anew.
    assert "onfidence" not in Parse(read).to_conllu()


def test_one_graph_stands_in_deps():
    sentence = example(graphs={"pb": OTHER})
    rows = [line.split("\t") for line in Parse(sentence).to_conllu().splitlines() if line[:1].isdigit()]
    assert [row[8] for row in rows] == ["5:A0", *"______"]
    assert not any("pb.pred" in row[9] for row in rows)  # the arc says so


def test_the_order_of_arcs_does_not_matter():
    turned = confident().with_graph(
        "dm", replace(GRAPH, arcs=(Arc(0, 5, TOP), Arc(5, 1, "ARG1"), Arc(3, 5, "a,b %|=c")))
    )
    turned = turned.with_confidence("dm", Confidence((0.25, 1.0, 0.5), (1.0, 0.5, 0.75)))
    first = turned.with_graph("dm", replace(GRAPH, arcs=(GRAPH.arcs[1], GRAPH.arcs[0], GRAPH.arcs[2])))
    first = first.with_confidence("dm", Confidence((0.5, 0.25, 1.0), (0.75, 1.0, 0.5)))
    for other in (turned, first):
        assert Parse(other).to_conllu() == Parse(confident()).to_conllu()
        plain = [replace(g, arcs=tuple(arc._replace(label="x") for arc in g.arcs)) for g in (other.graphs["dm"], GRAPH)]
        one, same = (Parse(example(graphs={"dm": graph})).to_conllu() for graph in plain)
        assert one == same


@pytest.mark.parametrize("sentence", GOLD[:10], ids=lambda s: s.id)
def test_sdp_and_mrp(sentence):
    parse = Parse(sentence)
    (of_sdp,) = read_sdp(parse.to_sdp().splitlines(keepends=True))
    assert of_sdp == replace(
        sentence,
        trees={},
        graphs={"semantics": replace(sentence.graphs["semantics"], frames=of_sdp.graphs["semantics"].frames)},
    )
    (of_mrp,) = read_mrp(parse.to_mrp().splitlines(keepends=True))
    assert Parse(of_mrp).text == parse.text
    assert len(of_mrp.graphs["semantics"].arcs) == len(sentence.graphs["semantics"].arcs)


def test_several_graphs_are_several_lines_of_mrp_and_one_of_them_sdp():
    parse = Parse(example())
    first, second = map(json.loads, parse.to_mrp().splitlines())
    assert (first["framework"], second["framework"]) == ("dm", "pb")
    assert first["input"] == TEXT
    assert [TEXT[a["from"] : a["to"]] for node in first["nodes"] for a in node["anchors"]] == ["He", "n't", "sleep"]
    assert json.loads(parse.to_mrp("pb")) == second
    with pytest.raises(UserError, match="expected the name of one graph of dm, pb, got none"):
        parse.to_sdp()
    assert "\tA0" in parse.to_sdp("pb")
    with pytest.raises(UserError, match=r"expected a graph of it \(dm, pb\), got 'eds'"):
        parse.to_sdp("eds")
    with pytest.raises(UserError, match="expected a graph, got none"):
        Parse(example(graphs={})).to_mrp()


def test_it_is_drawn():
    assert "ARG1 → He/1" in str(Parse(example()))
    assert str(Parse(example(trees={}, graphs={}))) == TEXT
    assert Parse(example())._repr_html_().startswith("<svg ")
    classified = example(categories={"topic": "a < b"})
    assert str(Parse(classified)) == f"topic = a < b\n{Parse(example())}"
    assert str(Parse(replace(classified, trees={}, graphs={}))) == f"topic = a < b\n{TEXT}"
    assert Parse(classified)._repr_html_() == "<p>topic = a &lt; b</p>" + Parse(example())._repr_html_()
    assert Parse(example(trees={}, graphs={}))._repr_html_() == "<p>He  didn&#x27;t\n(sleep).</p>"


def test_a_list_of_them_is_drawn():
    one, other = Parse(example()), Parse(example(trees={}, graphs={}))
    both = Parses([one, other])
    assert both == [one, other]
    assert both._repr_html_() == f"<div>{one._repr_html_()}</div><div>{other._repr_html_()}</div>"
    assert str(both) == f"{one}\n\n{other}"


UD = """# newpar id = p1
# sent_id = a
# text = I can't go—to Rome.
1\tI\tI\tPRON\tPRP\t_\t4\tnsubj\t4:nsubj\t_
2-3\tcan't\t_\t_\t_\t_\t_\t_\t_\t_
2\tca\tcan\tAUX\tMD\t_\t4\taux\t4:aux\t_
3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t4:advmod\t_
4\tgo\tgo\tVERB\tVB\t_\t0\troot\t0:root\tSpaceAfter=No|Note=x
5\t—\t—\tPUNCT\t:\t_\t4\tpunct\t4:punct\tSpaceAfter=No
5.1\tgo\tgo\tVERB\tVB\t_\t_\t_\t4:conj\t_
6-7\tto\t_\t_\t_\t_\t_\t_\t_\t_
6\ta\ta\tADP\tIN\t_\t8\tcase\t8:case\t_
7\tthe\tthe\tDET\tDT\t_\t8\tdet\t8:det\t_
8\tRome\tRome\tPROPN\tNNP\t_\t4\tobl\t5.1:obl\tSpaceAfter=No
9\t.\t.\tPUNCT\t.\t_\t4\tpunct\t4:punct\t_

"""


def test_offsets_of_universal_dependencies():
    (sentence,) = read_conllu(io.StringIO(UD))
    parse = Parse(sentence)
    assert parse.text == "I can't go—to Rome."
    assert [parse.text[t.start : t.end] for t in parse.tokens] == ["I", "ca", "n't", "go", "—", "to", "to", "Rome", "."]
    assert [t.space_after for t in parse.tokens] == [True, False, True, False, False, False, True, False, True]
    assert parse.surface.paragraph


@pytest.mark.parametrize("column", ["id", "tags", "lemmas", "upos"])
def test_text_stays_whatever_a_parser_predicts(column):
    (sentence,) = read_conllu(io.StringIO(UD))
    changed = replace(sentence, **{column: "b" if column == "id" else ("X",) * len(sentence)})
    parse, whole = Parse(changed), Parse(sentence)
    assert (parse.text, parse.tokens[1].end) == (whole.text, whole.tokens[1].end)
    assert parse.surface == whole.surface
    (again,) = read_json_lines(io.StringIO(parse.to_json() + "\n"))
    assert again.surface is not None
    assert again.surface.text == "I can't go—to Rome."
    assert Parse(replace(sentence, forms=("x",) * len(sentence))).text == "x x x x x x x x x"


def test_old_deps_do_not_stand_beside_new_heads():
    (sentence,) = read_conllu(io.StringIO(UD))
    for parsed in (sentence, sentence.with_tree("syntax", Tree((4,) * 3 + (0,) + (4,) * 5, ("_",) * 9))):
        text = Parse(parsed).to_conllu()
        rows = [line.split("\t") for line in text.splitlines() if line[:1].isdigit()]
        assert {row[8] for row in rows} == {"_"}
        assert "5.1" not in [row[0] for row in rows]
        assert rows[4][9] == "SpaceAfter=No|Note=x"
        assert "5.1\tgo" in Parse(parsed).to_conllu(keep_deps=True)
    assert Parse(sentence).to_conllu(keep_deps=True) == UD
    with_graph = Parse(sentence.with_graph("dm", Graph((Arc(4, 1, "ARG1"),), frozenset({4})))).to_conllu(keep_deps=True)
    assert with_graph.count("4:ARG1") == 1
    assert ":aux" not in with_graph.replace("\taux", "")
    # Several graphs are in MISC, and leave DEPS free.
    graph = Graph((Arc(4, 1, "ARG1"),), frozenset({4}))
    several = sentence.with_graph("dm", graph).with_graph("pb", graph)
    assert "5.1\tgo" in Parse(several).to_conllu(keep_deps=True)
    assert "5.1\tgo" not in Parse(several).to_conllu()
    (read,) = read_conllu(io.StringIO(Parse(several).to_conllu(keep_deps=True)))
    assert read.graphs == several.graphs


def test_files_of_several_sentences():
    sentences = [*GOLD[:3], *(replace(s, id=f"x{s.id}") for s in GOLD[:3])]
    for write, format in ((write_json_lines, "json"), (write_parses, "conllu")):
        file = io.StringIO()
        write(sentences, file)
        assert list(read_sentences(io.StringIO(file.getvalue()))) == sentences
        assert list(read_sentences(io.StringIO(file.getvalue()), format)) == sentences


BAD = {
    '{"id": "1"}': "expected an object with id and forms, got id",
    "[1]": "expected an object with id and forms, got list",
    '{"id": "1", "forms": ["a"], "heads": [0]}': "expected keys .*, got 'heads'",
    '{"id": "1", "forms": ["a", ""]}': "forms: expected a list of texts without tabs",
    '{"id": "1", "forms": ["a"], "tags": []}': "tags: expected 1 values, got 0",
    '{"id": "1", "forms": ["a"], "trees": {"ud": {"heads": [2]}}}': "trees.ud.heads: expected a list of tokens",
    '{"id": "1", "forms": ["a", "b"], "trees": {"ud": {"heads": [2, 1]}}}': (
        "trees.ud.heads: expected a tree, got a cycle through token 1"
    ),
    '{"id": "1", "forms": ["a"], "graphs": {"dm": {"arcs": [[0, 1, ""]]}}}': "graphs.dm.arcs: expected a list of",
    '{"id": "1", "forms": ["a", "b"], "text": "b a", "spans": [[2, 3], [0, 1]]}': "spans: expected a list of",
    '{"id": "1", "forms": ["a"], "trees": [1]}': "trees: expected an object of objects",
    '{"id": "1", "forms": ["a"], "graphs": {"dm": {"arcs": [[1, 2, "x"]]}}}': "graphs.dm.arcs: expected a list of",
    '{"id": "1", "forms": ["a"], "graphs": {"dm": {"predicates": [true]}}}': "graphs.dm.predicates: expected",
    '{"id": "1", "forms": ["a"], "text": "b"}': "text: expected the forms with blanks between them, or spans",
    '{"id": "1", "forms": ["a"], "text": "a", "spans": [[0, 2]]}': "spans: expected a list of",
    '{"id": "1", "forms": ["a"], "sentiment": "good"}': "sentiment: expected negative or positive, got 'good'",
    '{"id": "1", "forms": ["a"], "confidence": {"ud": {"arcs": [2]}}}': "confidence.ud.arcs: expected numbers",
    '{"id": "1", "forms": ["a"], "confidence": {"ud": {"arcs": [1, 1]}}}': "confidence.ud.arcs: expected 1 values",
    "{": "expected a JSON object, got: ",
}


@pytest.mark.parametrize("line", BAD)
def test_malformed_json(line):
    with pytest.raises(UserError, match=rf"<stream>:2: {BAD[line]}") as caught:
        list(read_json_lines(['{"id": "0", "forms": ["a"]}\n', line + "\n"]))
    assert "\n" not in str(caught.value)


def test_a_new_tree_drops_the_confidence_of_the_old_one():
    assert "ud" not in confident().with_tree("ud", TREE).confidences
    assert "dm" in confident().with_tree("ud", TREE).confidences
    assert "dm" not in confident().with_graph("dm", OTHER).confidences


def test_an_object_is_a_sentence():
    assert sentence_of_object({"id": "1", "forms": ["a"]}) == Sentence("1", ("a",), ("_",), ("_",))
