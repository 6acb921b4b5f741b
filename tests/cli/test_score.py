import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from spigot.builtin import generate
from spigot.cli.main import app, main
from spigot.data.conllu import write_conllu
from spigot.data.json_lines import write_json_lines
from spigot.data.sdp import write_sdp
from spigot.data.sentence import Graph

GOLD_SDP = """\
#SDP 2015
#h1
1	Anna	Anna	NNP	-	-	_	ARG1	ARG1
2	wants	want	VBZ	+	+	v	_	_
3	to	to	TO	-	-	_	_	_
4	sleep	sleep	VB	-	+	v	ARG2	_

#h2
1	It	it	PRP	-	-	_	ARG1
2	rains	rain	VBZ	+	+	v	_

"""
# The arc from "sleep" to "Anna" is missing and "sleep" has another label: 5 gold items, 4 here, 3 right.
SYSTEM_SDP = """\
#SDP 2015
#h2
1	It	it	PRP	-	-	_	ARG1
2	rains	rain	VBZ	+	+	v	_

#h1
1	Anna	Anna	NNP	-	-	_	ARG1
2	wants	want	VBZ	+	+	v	_
3	to	to	TO	-	-	_	_
4	sleep	sleep	VB	-	-	v	ARG3

"""
GOLD_TREES = """\
# sent_id = t1
1	Dogs	dog	NOUN	NNS	_	2	nsubj	_	_
2	bark	bark	VERB	VBP	_	0	root	_	_
3	.	.	PUNCT	.	_	2	punct	_	_

# sent_id = t2
1	Stop	stop	VERB	VB	_	0	root	_	_
2	it	it	PRON	PRP	_	1	obj	_	_

"""
WRONG_FULL_STOP = GOLD_TREES.replace("2	punct", "1	punct")


@pytest.fixture
def write(tmp_path):
    def write_file(name, text):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write_file


def run(*arguments):
    result = CliRunner().invoke(app, ["score", *arguments])
    assert result.exception is None, result.exception
    return result.stdout


def test_graphs_in_another_order(write):
    output = run(write("gold.sdp", GOLD_SDP), write("sys.sdp", SYSTEM_SDP))
    header, *lines = output.splitlines()
    assert header.endswith("gold.sdp")
    assert "sys.sdp: 2 sentences" in header
    cells = {line.split()[0]: line for line in lines}
    # Items: h1 has 1 top + 3 arcs, h2 1 top + 1 arc. System: 3 and 2. Labelled in common: 2 and 2.
    assert " 72.73 " in cells["LF"]
    assert " 4/6 gold/5 system " in cells["LF"]
    assert cells["LF"].endswith("labelled arcs with tops (as arcs from ROOT), micro")
    assert " 90.91 " in cells["UF"]
    assert " 50.00 " in cells["LM"]


def test_trees_as_json(write):
    output = run(write("gold.conllu", GOLD_TREES), write("sys.conllu", WRONG_FULL_STOP), "--json", "--per-label")
    value = json.loads(output)
    assert (value["kind"], value["sentences"]) == ("trees", 2)
    assert value["scores"]["UAS"] == {
        "value": 4 / 5,
        "correct": 4,
        "total": 5,
        "convention": "heads, all tokens, punctuation included",
    }
    assert value["scores"]["UAS-nopunct"]["value"] == 1
    assert value["punctuation"]["rule"] == "forms"
    assert value["punctuation"]["tokens"] == 1
    assert value["labels"]["punct"]["correct"] == 0
    assert value["labels"]["root"]["correct"] == 2


def test_punctuation_rule_is_the_one_asked_for(write):
    text = GOLD_TREES.replace("PUNCT	.", "X	FS")
    gold, system = write("gold.conllu", text), write("sys.conllu", text)
    by_tag = json.loads(run(gold, system, "--json", "--punctuation", "tags"))
    assert by_tag["punctuation"]["tokens"] == 0
    assert "gold tags" in by_tag["scores"]["UAS-nopunct"]["convention"]
    assert json.loads(run(gold, system, "--json"))["punctuation"]["tokens"] == 1


def test_unlabelled_system_has_no_las(write):
    bare = GOLD_TREES
    for label in ("nsubj", "root", "punct", "obj"):
        bare = bare.replace(f"	{label}	", "	_	")
    value = json.loads(
        run(
            write("gold.conllu", GOLD_TREES),
            write("sys.conllu", bare),
            "--json",
            "--against",
            bare_path(write),
        )
    )
    assert value["scores"]["UAS"]["value"] == 1
    assert value["scores"]["LAS"]["value"] is None
    assert list(value["comparison"]) == ["UAS"]


def bare_path(write):
    return write("other.conllu", WRONG_FULL_STOP)


def test_two_systems_are_compared(write):
    gold, right, wrong = (
        write(name, text)
        for name, text in (
            ("gold.conllu", GOLD_TREES),
            ("right.conllu", GOLD_TREES),
            ("wrong.conllu", WRONG_FULL_STOP),
        )
    )
    value = json.loads(run(gold, right, "--against", wrong, "--json", "--rounds", "500", "--seed", "1"))
    assert value["against"]["system"] == wrong
    assert value["against"]["scores"]["UAS"]["value"] == 4 / 5
    uas = value["comparison"]["UAS"]
    assert uas["difference"] == pytest.approx(1 / 5)
    # They differ in one sentence: every swap is as extreme as the outcome.
    assert uas["p_value"] == 1
    assert (uas["rounds"], uas["seed"]) == (500, 1)
    lines = run(gold, right, "--against", wrong, "--rounds", "500").splitlines()
    assert [line for line in lines if line.startswith("LAS: 100.00 against 80.00, difference +20.00, p = 1 ")]


def test_format_option_and_standard_input(write):
    gold = write("gold", GOLD_TREES)
    result = CliRunner().invoke(app, ["score", gold, "-", "--format", "conllu", "--json"], input=GOLD_TREES)
    assert json.loads(result.stdout)["scores"]["LAS"]["value"] == 1


def test_per_label_lines_follow_the_scores(write):
    gold, system = write("gold.sdp", GOLD_SDP), write("sys.sdp", SYSTEM_SDP)
    plain, labelled = run(gold, system).splitlines(), run(gold, system, "--per-label").splitlines()
    assert [line.split()[0] for line in labelled[len(plain) :]] == ["ARG1", "ARG2", "ARG3"]


@pytest.mark.parametrize(
    ("gold", "system", "message"),
    [
        (GOLD_TREES, GOLD_TREES.split("\n\n")[0] + "\n", "sys: sentence 't2' of {gold} is missing"),
        (GOLD_TREES, GOLD_TREES.replace("Dogs", "Cats"), "sys: sentence 't1': expected token 1 to be 'Dogs'"),
        (
            GOLD_TREES,
            GOLD_TREES.replace("	2	nsubj", "	9	nsubj"),
            "sys:2: expected a head from 0 to 3, got '9'",
        ),
        (GOLD_TREES, SYSTEM_SDP, "sys: sentence 'h2': expected a tree, got none"),
        (GOLD_SDP, GOLD_TREES, "sys: sentence 't1': expected a graph, got none"),
        ("", GOLD_TREES, "gold: expected sentences, got none"),
    ],
)
def test_bad_files_are_named_in_one_line(write, capsys, gold, system, message):
    gold_path, system_path = write("gold", gold), write("sys", system)
    assert main(["score", gold_path, system_path]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("spigot: error: ")
    assert message.format(gold=gold_path) in captured.err


def test_missing_file_and_two_standard_inputs(write, capsys):
    gold = write("gold.sdp", GOLD_SDP)
    assert main(["score", gold, "nowhere.sdp"]) == 2
    assert capsys.readouterr().err == "spigot: error: nowhere.sdp: no such file or directory\n"
    assert main(["score", "-", "-"]) == 2
    assert capsys.readouterr().err == "spigot: error: -: expected standard input for one file only, got it for 2\n"


def write_named(gold, folder):
    """Write sentences as gold files, and as JSON with other names and a second, empty graph; return those."""
    named = [
        replace(s, trees={"ud": s.trees["syntax"]}, graphs={"dm": s.graphs["semantics"], "pb": Graph((), frozenset())})
        for s in gold
    ]
    write_conllu(gold, folder / "gold.conllu")
    write_sdp(gold, folder / "gold.sdp")
    write_json_lines(named, folder / "named.jsonl")
    return named


def test_json_of_any_names_is_scored(spigot, refused, tmp_path):
    gold = generate(10, seed=3)
    named = write_named(gold, tmp_path)
    write_json_lines([replace(s, graphs={}) for s in named], tmp_path / "trees.jsonl")
    files = {name: tmp_path / name for name in ("gold.conllu", "gold.sdp", "named.jsonl", "trees.jsonl")}

    def scores(*arguments):
        code, out, err = spigot("score", *arguments, "--json")
        assert (code, err) == (0, "")
        return {name: score["value"] for name, score in json.loads(out)["scores"].items()}

    assert scores(files["gold.conllu"], files["trees.jsonl"])["LAS"] == 1
    assert scores(files["gold.conllu"], files["named.jsonl"])["LAS"] == 1
    assert scores(files["named.jsonl"], files["named.jsonl"], "--name", "ud")["UAS"] == 1
    assert scores(files["named.jsonl"], files["gold.sdp"], "--name", "dm")["LF"] == 1
    assert scores(files["named.jsonl"], files["gold.sdp"], "--name", "pb")["LF"] == 0
    message = refused("score", files["named.jsonl"], files["gold.sdp"], "--name", "foo")
    assert message.startswith("Invalid value for --name: expected one of ud, ")
    assert "which " in message
    assert "got 'foo'" in message
    code, _, err = spigot("score", files["gold.sdp"], files["named.jsonl"])
    assert code == 2
    assert "expected one graph, got dm, pb (--name says which)" in err


def test_a_name_selects_in_the_file_that_has_several(spigot, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a message with long paths is shortened
    gold = generate(5, seed=3)
    write_named(gold, tmp_path)
    write_json_lines([replace(s, trees={}, graphs={}) for s in gold], tmp_path / "bare.jsonl")

    def scores(gold, system, name):
        code, out, err = spigot("score", gold, system, "--name", name, "--json")
        assert (code, err) == (0, "")
        return {name: score["value"] for name, score in json.loads(out)["scores"].items()}

    assert scores("gold.sdp", "named.jsonl", "dm")["LF"] == 1
    assert scores("gold.sdp", "named.jsonl", "pb")["LF"] == 0
    assert scores("gold.conllu", "named.jsonl", "ud")["LAS"] == 1
    files = ["gold.sdp", "named.jsonl", "bare.jsonl"]
    known = f"one of semantics, which {files[0]} has; ud, dm, pb, which {files[1]} has"
    message = refused("score", *files[:2], "--name", "x")
    assert message.startswith(f"Invalid value for --name: expected {known}, got 'x'")
    message = refused("score", files[2], files[2], "--name", "x")
    assert f"expected trees or graphs in {files[2]} and {files[2]}, got 'x'" in message
