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


@pytest.mark.parametrize(("form", "score"), [("sdp2014", "LF"), ("conll2009", "LF"), ("conllx", "LAS"), ("mrp", "LF")])
def test_every_format_of_trees_and_graphs_can_be_named(write, tmp_path, form, score):
    source = write("gold.sdp", GOLD_SDP) if score == "LF" else write("gold.conllu", GOLD_TREES)
    gold = str(tmp_path / "gold.any")
    assert CliRunner().invoke(app, ["convert", source, gold, "--to", form]).exit_code == 0
    value = json.loads(run(gold, gold, "--format", form, "--json"))
    assert value["scores"][score]["value"] == 1


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


# The same text, "bark." in one token, and one sentence.
RAW_TREES = """\
1	Dogs	_	_	_	_	2	nsubj	_	_
2	bark.	_	_	_	_	0	root	_	_
3	Stop	_	_	_	_	2	dep	_	_
4	it	_	_	_	_	3	obj	_	_

"""


def test_trees_of_other_tokens_are_aligned(write):
    gold, system = write("gold.conllu", GOLD_TREES), write("sys.conllu", RAW_TREES)
    header, *lines = run(gold, system, "--align").splitlines()
    assert header.endswith("sys.conllu: 1 sentences, scored against " + gold)
    cells = {line.split()[0]: " ".join(line.split()[1:9]) for line in lines}
    assert cells["sentences"] == "0.00 P 0.00 R 0.00 0/2 gold/1 system"
    assert cells["tokens"] == cells["words"] == "66.67 P 75.00 R 60.00 3/5 gold/4 system"
    # Only "it" has an aligned head that is the gold one.
    assert cells["UAS"] == cells["LAS"] == "22.22 P 25.00 R 20.00 1/5 gold/4 system"
    value = json.loads(run(gold, system, "--align", "--json", "--per-label"))
    assert (value["aligned"], value["kind"]) == (True, "trees")
    assert value["scores"]["UAS"]["precision"] == 1 / 4
    assert value["scores"]["UAS"]["recall"] == 1 / 5
    assert value["labels"]["obj"]["value"] == 1
    assert value["punctuation"]["words"] == {"gold": 1, "system": 0}


def test_aligned_scores_of_equal_tokens_are_those_without(write):
    for gold, system, name in ((GOLD_TREES, WRONG_FULL_STOP, "trees.conllu"), (GOLD_SDP, GOLD_SDP, "graphs.sdp")):
        paths = write(f"gold-{name}", gold), write(f"sys-{name}", system)
        plain, aligned = (json.loads(run(*paths, "--json", *more))["scores"] for more in ((), ("--align",)))
        assert aligned["words"]["value"] == 1
        names = plain.keys() & aligned.keys()
        assert {"UAS", "UEM"} < names or {"LF", "pred-F", "LM"} < names
        assert [aligned[each]["value"] for each in names] == [plain[each]["value"] for each in names]


def test_graphs_of_other_tokens_are_aligned(write):
    rains = GOLD_SDP.split("\n\n")[1] + "\n\n"
    merged = "#SDP 2015\n#x\n1	Itrains	_	_	+	-	_\n\n"
    gold, system = write("gold.sdp", f"#SDP 2015\n{rains}"), write("sys.sdp", merged)
    scores = json.loads(run(gold, system, "--align", "--json"))["scores"]
    assert "tokens" not in scores
    assert (scores["words"]["correct"], scores["sentences"]["correct"]) == (0, 1)
    assert (scores["UF"]["gold"], scores["UF"]["system"], scores["UF"]["correct"]) == (2, 1, 0)


def test_aligned_system_without_labels_has_no_las(write):
    bare = RAW_TREES
    for label in ("nsubj", "root", "dep", "obj"):
        bare = bare.replace(f"	{label}	", "	_	")
    paths = write("gold.conllu", GOLD_TREES), write("sys.conllu", bare)
    scores = json.loads(run(*paths, "--align", "--json"))["scores"]
    assert [scores["LAS"][key] for key in ("value", "precision", "recall")] == [None] * 3
    assert scores["UAS"]["correct"] == 1
    assert "n/a  P    n/a  R    n/a" in run(*paths, "--align")


def test_other_tokens_need_the_option(write, refused, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    write("gold.conllu", GOLD_TREES), write("sys.conllu", RAW_TREES)
    assert refused("score", "gold.conllu", "sys.conllu").endswith(
        "(for other sentences and tokens of the same text: --align)"
    )
    cats = GOLD_TREES.replace("Dogs", "Cats")
    write("cats.conllu", cats)
    assert "'Cats' (for other sentences and" in refused("score", "gold.conllu", "cats.conllu")
    assert refused("score", "gold.conllu", "cats.conllu", "--align") == (
        "cats.conllu: sentence 't1', token 1: expected 'Dogsbark.Stopit', as in gold.conllu (sentence 't1', token 1), "
        "got 'Catsbark.Stopit'"
    )
    message = refused("score", "gold.conllu", "sys.conllu", "--align", "--against", "sys.conllu")
    assert message.startswith("Invalid value for --against: expected no --align, as its test pairs sentences, got both")


def test_tags_and_lemmas_that_both_files_have_are_scored(write):
    gold = write("gold.conllu", GOLD_TREES)
    # One universal tag is wrong, two words have no tag of the treebank.
    wrong = (
        GOLD_TREES.replace("VERB	VB	", "NOUN	VB	")
        .replace("NNS", "_")
        .replace("PRP", "_")
        .replace("dog", "dogs")
    )
    system = write("sys.conllu", wrong)
    for more in ((), ("--align",)):
        scores = json.loads(run(gold, system, "--json", *more))["scores"]
        assert (scores["UPOS"]["value"], scores["XPOS"]["value"], scores["Lemmas"]["value"]) == (4 / 5, 3 / 5, 4 / 5)
    assert "UPOS 80.00 4/5 tokens with the right universal tag" in " ".join(run(gold, system).split())
    untagged = write("untagged.conllu", RAW_TREES)
    for pair in ((untagged, gold), (gold, untagged)):
        assert not {"UPOS", "XPOS", "Lemmas"} & json.loads(run(*pair, "--align", "--json"))["scores"].keys()
