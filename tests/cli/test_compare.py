"""`spigot compare`, on two small systems."""

import json

import pytest

from spigot.data.conllu import write_conllu
from spigot.data.json_lines import write_json_lines
from spigot.data.sdp import write_sdp
from spigot.data.sentence import Graph, Tree
from spigot.evaluation.attachment import attachment
from spigot.evaluation.changes import changed_heads
from spigot.evaluation.graph_f1 import GraphScore, graph_score
from tests.models.tiny import SENTENCES, syntax_model, tiny_model

GOLD = SENTENCES[:12]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    for name, model in (("a", tiny_model()), ("b", tiny_model(seed=1)), ("trees", syntax_model())):
        model.save_pretrained(folder / name)
    write_conllu(GOLD, folder / "gold.conllu")
    write_sdp(GOLD, folder / "gold.sdp")
    return folder


def arguments(files, first="a", second="b"):
    gold = "--sdp", files / "gold.sdp", "--conllu", files / "gold.conllu"
    return "compare", files / first, files / second, *gold, "--rounds", 50


def test_scores_are_those_of_the_two_systems_and_groups_add_up(spigot, files):
    code, out, _ = spigot(*arguments(files), "--json")
    assert code == 0
    answer = json.loads(out)
    parses = [model.parse(GOLD) for model in (tiny_model(), tiny_model(seed=1))]
    groups = answer["groups"]
    assert groups["SAME"]["sentences"] + groups["DIFF"]["sentences"] == groups["ALL"]["sentences"] == len(GOLD)
    assert (answer["before"], answer["after"]) == (str(files / "a"), str(files / "b"))
    for side, parsed in (("before", parses[0]), ("after", parses[1])):
        correct = sum(attachment(*pair).head_counts.correct for pair in zip(GOLD, parsed, strict=True))
        assert groups["ALL"]["UAS"][side] == pytest.approx(correct / sum(map(len, GOLD)))
        graphs = sum((graph_score(*pair) for pair in zip(GOLD, parsed, strict=True)), GraphScore())
        assert groups["ALL"]["LF"][side] == pytest.approx(graphs.lf)
    gain = groups["ALL"]["UAS"]
    assert gain["difference"] == pytest.approx(gain["after"] - gain["before"])
    each = [changed_heads(*triple) for triple in zip(GOLD, *parses, strict=True)]
    assert answer["changed_heads"]["changed"] == sum(one.changed for one in each) > 0
    assert answer["changed_heads"]["put_right"] == sum(one.put_right for one in each)


def test_text_and_drawings(spigot, files):
    code, out, _ = spigot(*arguments(files), "--draw", files / "x.html")
    assert code == 0
    assert "DIFF: 12 sentences\n  UAS: " in out
    assert "changed heads: " in out
    assert "(a) the new head is a head in the graph" in out
    page = (files / "x.html").read_text("utf-8")
    assert page.count("<figure>") == 12
    old, new = (model.parse(GOLD[:1])[0] for model in (tiny_model(), tiny_model(seed=1)))
    one = changed_heads(GOLD[0], old, new)
    heads = f"changed heads {one.changed}, put right {one.put_right}, made wrong {one.made_wrong}"
    assert f"<b>{GOLD[0].id}</b> {heads} · {GOLD[0].forms[0]}" in page
    assert 'class="arc below old"' in page
    assert 'class="arc above old"' not in page


def test_sentences_that_one_file_lacks_are_left_out(spigot, files):
    write_conllu(GOLD[2:], files / "fewer.conllu")
    write_sdp(GOLD[:11], files / "fewer.sdp")
    gold = "--sdp", files / "fewer.sdp", "--conllu", files / "fewer.conllu"
    code, out, err = spigot("compare", files / "a", files / "b", *gold, "--rounds", 50, "--json")
    assert code == 0
    assert json.loads(out)["groups"]["ALL"]["sentences"] == 9
    assert err.splitlines() == [
        f"{files / 'fewer.conllu'}: left out 1 sentences that {files / 'fewer.sdp'} does not have",
        f"{files / 'fewer.sdp'}: left out 2 sentences that {files / 'fewer.conllu'} does not have",
    ]


def test_drawings_are_a_page(refused, files):
    for name in ("-", "out.txt"):
        assert "expected NAME.html" in refused(*arguments(files), "--draw", name)


def test_trees_are_those_of_one_file_and_graphs_those_of_the_other(spigot, files):
    """The columns of a companion's tree in SDP, and DEPS in CoNLL-U, hold something else."""
    expected = json.loads(spigot(*arguments(files), "--json")[1])["groups"]["ALL"]
    other = [s.with_tree("syntax", Tree(tuple(range(len(s))), ("x",) * len(s))) for s in GOLD]
    write_sdp(other, files / "companion.sdp", companion=True, frames=True)
    empty = Graph((), frozenset())
    write_conllu([s.with_graph("semantics", empty) for s in GOLD], files / "deps.conllu", graph="semantics")
    write_json_lines(GOLD, files / "both.jsonl")
    for sdp, conllu in (("companion.sdp", "deps.conllu"), ("both.jsonl", "both.jsonl")):
        gold = "--sdp", files / sdp, "--conllu", files / conllu
        out = spigot("compare", files / "a", files / "b", *gold, "--rounds", 50, "--json")[1]
        assert json.loads(out)["groups"]["ALL"] == expected


def test_a_drawing_that_cannot_be_written_is_named(refused, files):
    message = refused(*arguments(files), "--draw", files / "nowhere" / "x.html")
    assert message == f"{files / 'nowhere' / 'x.html'}: no such file or directory"


def test_files_of_other_sentences_are_refused(refused, files):
    write_conllu(SENTENCES[12:], files / "other.conllu")
    message = refused(
        "compare", files / "a", files / "b", "--sdp", files / "gold.sdp", "--conllu", files / "other.conllu"
    )
    assert "is missing (and 11 more)" in message or "is missing (and 27 more)" in message


def test_a_system_with_itself_is_the_same(spigot, files):
    code, out, _ = spigot(*arguments(files, second="a"))
    assert code == 0
    assert "SAME: 12 sentences" in out
    assert out.endswith("made wrong\n")
    assert "changed heads: 0" in out


def test_a_system_without_trees_or_graphs_is_refused(refused, files):
    message = refused(*arguments(files, second="trees"))
    assert message.startswith("Invalid value for B: expected a system with a graph 'semantics', got ")
    assert "expected a system with a tree 'ud'" in refused(*arguments(files), "--tree", "ud")
