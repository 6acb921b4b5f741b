import gzip
import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from spigot.data.conllu import read_conllu, write_conllu
from spigot.data.conllx import write_conllx
from spigot.data.json_lines import read_json_lines
from spigot.data.mrp import read_mrp
from spigot.data.sdp import read_sdp, write_sdp
from spigot.data.spacy_docs import pipeline
from spigot.systems.parse import Parse
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics
from tests.models.tiny import SENTENCES, category_model

FEW = SENTENCES[:5]
SPIGOT = [sys.executable, "-m", "spigot"]
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def as_text(write, sentences=FEW):
    file = io.StringIO()
    write(sentences, file)
    return file.getvalue()


def plain(sentences=FEW):
    return "".join(" ".join(s.forms) + "\n" for s in sentences)


INPUTS = {
    "conllu": as_text(write_conllu),
    "conllx": as_text(write_conllx),
    "sdp": as_text(write_sdp),
    "text": plain(),
}


def read_json(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("source", INPUTS)
def test_every_format_in_and_out(spigot, runs, source):
    model = SyntaxThenSemantics.from_pretrained(runs / "run")
    outputs = {}
    for to in ("sdp", "conllu", "json"):
        options = ["--from", source, "--to", to, *(["--tokenized"] if source == "text" else [])]
        code, outputs[to], err = spigot("parse", runs / "run", *options, stdin=INPUTS[source])
        assert (code, err) == (0, "")
    graphs, trees = (list(read(io.StringIO(outputs[to]))) for read, to in ((read_sdp, "sdp"), (read_conllu, "conllu")))
    objects = read_json(outputs["json"])
    assert len(graphs) == len(trees) == len(objects) == 5
    for given, graph, tree, content in zip(FEW, graphs, trees, objects, strict=True):
        assert graph.forms == tree.forms == tuple(content["forms"]) == given.forms
        assert list(tree.trees["syntax"].heads) == content["trees"]["syntax"]["heads"]
        assert [list(arc) for arc in graph.graphs["semantics"].arcs] == content["graphs"]["semantics"]["arcs"]
        assert sorted(graph.graphs["semantics"].predicates) == content["graphs"]["semantics"]["predicates"]
        assert tree.graphs["semantics"] == replace(graph.graphs["semantics"], frames=())
        if source != "text":
            assert graph.id == content["id"]
            assert tuple(content["lemmas"]) == given.lemmas
            (alone,) = model.parse([given])
            assert (tree.trees["syntax"].heads, graph.graphs["semantics"].arcs) == (
                alone.trees["syntax"].heads,
                tuple(sorted(alone.graphs["semantics"].arcs)),
            )


@pytest.mark.parametrize("source", ["conllu", "sdp", "text"])
def test_the_first_lines_decide_the_format(spigot, runs, source):
    options = ["--to", "json", *(["--tokenized"] if source == "text" else [])]
    told = spigot("parse", runs / "run", *options, "--from", source, stdin=INPUTS[source])
    assert told[0] == 0
    assert spigot("parse", runs / "run", "-", *options, stdin=INPUTS[source]) == told


def test_files_plain_and_packed(spigot, runs, tmp_path):
    (tmp_path / "a.sdp").write_text(INPUTS["sdp"])
    with gzip.open(tmp_path / "a.sdp.gz", "wt") as file:
        file.write(INPUTS["sdp"])
    told = spigot("parse", runs / "run", "--to", "sdp", stdin=INPUTS["sdp"])
    assert told[0] == 0
    assert told[1].startswith("#SDP 2015\n")
    assert spigot("parse", runs / "run", tmp_path / "a.sdp", "--to", "sdp") == told
    assert spigot("parse", runs / "run", tmp_path / "a.sdp.gz", "--to", "sdp") == told


@pytest.mark.parametrize("options", [["--tokenized"], ["--spacy", "blank:en"], []], ids=str)
def test_several_files_are_one_input(spigot, runs, tmp_path, options):
    (tmp_path / "a.txt").write_text("the dog sleeps\n\nit barks\n")
    (tmp_path / "b.txt").write_text("\nit sleeps\n")
    files = tmp_path / "a.txt", "-", tmp_path / "b.txt"
    code, out, err = spigot("parse", runs / "run", *files, "--to", "json", *options, stdin="the dog barks\n")
    assert (code, err) == (0, "")
    assert [(each["id"], " ".join(each["forms"])) for each in read_json(out)] == [
        ("1", "the dog sleeps"),
        ("2", "it barks"),
        ("3", "the dog barks"),
        ("4", "it sleeps"),
    ]


def test_ids_of_several_files(spigot, runs, tmp_path):
    for name in ("a.conllx", "b.conllx", "c.sdp"):
        (tmp_path / name).write_text(INPUTS[name[2:]])
    files = [tmp_path / name for name in ("a.conllx", "b.conllx", "c.sdp")]
    code, out, _ = spigot("parse", runs / "run", *files)
    assert code == 0
    numbers = [str(number) for number in range(1, 11)]
    assert [sentence.id for sentence in read_conllu(io.StringIO(out))] == numbers + [sentence.id for sentence in FEW]


def test_an_error_in_one_of_several_files_names_it(spigot, refused, runs, tmp_path):
    good, bad = tmp_path / "good.conllu", tmp_path / "bad.conllu"
    good.write_text(INPUTS["conllu"])
    bad.write_text("1\ta\n\n")
    for wrong, message in (
        (bad, f"{bad}:1: expected 10 tab-separated columns, got 2"),
        (tmp_path / "none.txt", f"{tmp_path / 'none.txt'}: no such file or directory"),
    ):
        code, out, err = spigot("parse", runs / "run", good, wrong, good, "--to", "json")
        assert [content["id"] for content in read_json(out)] == [sentence.id for sentence in FEW]
        assert (code, err.startswith(f"spigot: error: {message}")) == (2, True), err
        assert refused("parse", runs / "run", wrong, good).startswith(message)


def test_small_batches_change_nothing(spigot, runs):
    told = spigot("parse", runs / "run", "--tokenized", stdin=INPUTS["text"])
    assert told[0] == 0
    assert spigot("parse", runs / "run", "--tokenized", "--batch-tokens", 1, stdin=INPUTS["text"]) == told


@pytest.mark.parametrize("options", [["--tokenized"], ["--spacy", "blank:en"], []], ids=str)
def test_a_window_of_one_answers_each_sentence_as_it_comes(runs, options):
    command = [*SPIGOT, "parse", str(runs / "run"), "--to", "json", "--window", "1", *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=ENVIRONMENT
    ) as process:
        for words in (["the", "dog", "sleeps"], ["it", "barks"]):
            process.stdin.write(" ".join(words) + "\n")
            process.stdin.flush()
            # This would block for ever if it were not written before the next sentence is read.
            assert json.loads(process.stdout.readline())["forms"] == words
        process.stdin.close()
        assert process.wait() == 0


def test_without_a_syntactic_parser(spigot, refused, runs):
    code, out, _ = spigot("parse", runs / "neurbo", "--tokenized", "--to", "json", stdin="the dog sleeps\n")
    assert code == 0
    assert "trees" not in json.loads(out)
    code, out, _ = spigot("parse", runs / "neurbo", "--tokenized", stdin="the dog sleeps\n")
    assert (code, out.splitlines()[2]) == (0, "# graphs = semantics")
    line = refused("parse", runs / "neurbo", "--to", "syntax", stdin="the dog sleeps\n")
    assert f"expected a system with a syntactic parser, got {runs / 'neurbo'}, which has none" in line


def test_empty_input(spigot, runs, tmp_path):
    (tmp_path / "empty.sdp").write_text("")
    for to in ("json", "conllu"):
        assert spigot("parse", runs / "run", tmp_path / "empty.sdp", "--to", to) == (0, "", "")
        assert spigot("parse", runs / "run", "--to", to, stdin="\n\n") == (0, "", "")
    assert list(read_sdp(io.StringIO(spigot("parse", runs / "run", "--to", "sdp", stdin="")[1]))) == []


def test_letters_of_all_alphabets(spigot, runs):
    code, out, _ = spigot("parse", runs / "run", "--tokenized", "--to", "json", stdin="naïve 犬 😀\n")
    assert code == 0
    assert json.loads(out)["forms"] == ["naïve", "犬", "😀"]


def test_text_without_the_tags_that_a_model_reads(spigot, refused, runs):
    line = refused("parse", runs / "tagged", "--to", "json", stdin="the dog sleeps\n")
    assert line == (
        "sentence '1': expected tags and lemmas, which this model reads beside words, got no tags; "
        "give it input with tags, such as CoNLL-U (spigot parse --spacy PIPELINE tags text), "
        "or use a model of words alone"
    )
    assert spigot("parse", runs / "tagged", "--to", "json", stdin=INPUTS["conllu"])[0] == 0


def test_refusals(refused, runs, tmp_path):
    run = runs / "run"
    (tmp_path / "bad.sdp").write_text("#SDP 2015\n#1\n1\ta\n\n")
    (tmp_path / "bad.txt").write_bytes(b"\xff\n")
    (tmp_path / "notes").mkdir()
    cases = {
        f"{tmp_path / 'none.sdp'}: no such file or directory": [run, tmp_path / "none.sdp"],
        f"{tmp_path / 'bad.sdp'}:3: expected at least 7 tab-separated columns, got 2": [run, tmp_path / "bad.sdp"],
        f"{tmp_path / 'bad.txt'}:1: expected UTF-8 text": [run, tmp_path / "bad.txt"],
        f"{tmp_path / 'notes'}: expected a checkpoint, got no config.json": [tmp_path / "notes"],
        f"{tmp_path / 'a' / 'b'}: expected a folder, got none": [tmp_path / "a" / "b"],
        "Invalid value for --device: expected cpu or another device that torch has, got 'gpu': ": [
            run,
            "--device",
            "gpu",
        ],
        "Invalid value for --to: expected conllu, sdp, mrp, json, text, semantics, syntax, got 'xml'": [
            run,
            "--to",
            "xml",
        ],
        "Invalid value for '--from': 'pdf' is not one of": [run, "--from", "pdf"],
        "Invalid value for --tokenized: expected no --spacy": [run, "--tokenized", "--spacy", "blank:en"],
        "Invalid value for --from: expected text beside --tokenized, got conllu": [
            run,
            "--tokenized",
            "--from",
            "conllu",
        ],
        "Invalid value for --confidence: expected --to conllu or json beside it, got text": [
            run,
            "--confidence",
            "--to",
            "text",
        ],
        "Invalid value for --keep-deps: expected --to conllu beside it, got json": [run, "--keep-deps", "--to", "json"],
        "Invalid value for --keep-deps: expected a model whose graph is not written to DEPS, got one with the graph": [
            run,
            "--keep-deps",
        ],
        "Invalid value for '--batch-tokens': ": [run, "--batch-tokens", 0],
        "Invalid value for '--window': expected a number greater than or equal to 1, got '0'": [run, "--window", 0],
    }
    for message, arguments in cases.items():
        assert refused("parse", *arguments).startswith(message)


def test_raw_text_needs_spacy(refused, spigot, runs, monkeypatch):
    pipeline.cache_clear()
    monkeypatch.setitem(sys.modules, "spacy", None)
    for options in (["--spacy", "blank:en"], []):
        line = refused("parse", runs / "run", *options, stdin="It rains. It pours.\n")
        assert line == (
            "raw text: expected spaCy, which is not installed: pip install 'torch-spigot[text]' "
            "(or give tokens between blanks: --tokenized)"
        )


@pytest.mark.parametrize("options", [["--spacy", "blank:en"], ["--from", "text"], []], ids=str)
def test_raw_text(spigot, runs, options):
    pytest.importorskip("spacy")
    code, out, _ = spigot("parse", runs / "run", *options, "--to", "json", stdin="It rains. It's\nwet.\n")
    assert code == 0
    assert [content["text"] for content in read_json(out)] == ["It rains.", "It's\nwet."]
    assert [content["forms"] for content in read_json(out)] == [["It", "rains", "."], ["It", "'s", "wet", "."]]


def test_a_stream_is_parsed_before_it_ends(runs):
    command = [*SPIGOT, "parse", str(runs / "run"), "--tokenized", "--to", "json"]
    process = subprocess.Popen(
        command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        # More than one window: the first sentences come back while the input stays open.
        process.stdin.write(plain(SENTENCES) * 14)
        process.stdin.flush()
        first = process.stdout.readline()
        assert json.loads(first)["id"] == "1"
        process.stdin.write(plain(SENTENCES[:3]))
        process.stdin.close()
        out, err = process.stdout.read(), process.stderr.read()
        process.wait(timeout=600)
    finally:
        process.kill()
    assert (process.returncode, err) == (0, "")
    contents = read_json(out)
    assert [content["id"] for content in contents] == [str(k) for k in range(2, 40 * 14 + 4)]
    assert [tuple(content["forms"]) for content in contents[-3:]] == [s.forms for s in SENTENCES[:3]]


def test_a_closed_output_is_quiet(runs):
    reader, writer = os.pipe()
    os.close(reader)
    command = [*SPIGOT, "parse", str(runs / "run"), "--tokenized"]
    with os.fdopen(writer, "wb") as closed:
        result = subprocess.run(
            command, env=ENVIRONMENT, input=plain().encode(), stdout=closed, stderr=subprocess.PIPE, timeout=600
        )
    assert (result.returncode, result.stderr) == (1, b"")


@pytest.mark.parametrize("window", ["1", "512"])
def test_what_was_read_before_an_error_is_written(spigot, runs, window):
    text = INPUTS["conllu"] + "1\ta\n\n"
    code, out, err = spigot("parse", runs / "run", "--from", "conllu", "--to", "json", "--window", window, stdin=text)
    assert [content["id"] for content in read_json(out)] == [sentence.id for sentence in FEW]
    assert (code, err.count("\n")) == (2, 1)
    assert "expected 10 tab-separated columns, got 2" in err


def test_shards_are_the_whole_and_their_ids_are_unique(spigot, refused, runs):
    parse = ("parse", runs / "run", "--to", "json")
    whole = read_json(spigot(*parse, stdin=plain())[1])
    shards = [read_json(spigot(*parse, "--shard", f"{k}/3", stdin=plain())[1]) for k in (1, 2, 3)]
    assert [len(shard) for shard in shards] == [2, 2, 1]
    for k, shard in enumerate(shards):
        assert shard == whole[k::3]
    for wrong in ("0/3", "4/3", "3", "a/b", "1/" + "9" * 5000):
        assert "--shard: expected I/N with 1 <= I <= N" in refused(*parse, "--shard", wrong, stdin=plain())


def test_a_sentence_that_is_too_long_is_named_and_the_rest_is_parsed(spigot, runs):
    text = f"a b .\n{'x ' * 1001}\nc d .\n"
    for to in ("json", "sdp", "conllu"):
        code, out, err = spigot("parse", runs / "run", "--tokenized", "--to", to, stdin=text)
        assert (code, err) == (0, "spigot: left out: sentence '2' of 1001 tokens; --max-length is 1000\n")
        assert "x x" not in " ".join(out.split())
        assert "c" in out
    code, out, err = spigot(
        "parse", runs / "run", "--to", "json", "--max-length", 2, "--tokenized", stdin="a b\na b c\n"
    )
    assert [s["id"] for s in read_json(out)] == ["1"]


def test_drawings_and_mrp(spigot, runs):
    objects = spigot("parse", runs / "run", "--to", "json", stdin=INPUTS["conllu"])[1]
    parses = [Parse(sentence) for sentence in read_json_lines(io.StringIO(objects))]
    code, out, _ = spigot("parse", runs / "run", "--to", "text", stdin=INPUTS["conllu"])
    assert (code, out) == (0, "".join(f"# {p.id}: {p.text}\n{p}\n\n" for p in parses))
    code, out, _ = spigot("parse", runs / "run", "--to", "mrp", stdin=INPUTS["conllu"])
    assert code == 0
    graphs = read_mrp(io.StringIO(out))
    assert [g.graphs["semantics"].arcs for g in graphs] == [tuple(sorted(p.graphs["semantics"].arcs)) for p in parses]


def test_confidences(spigot, runs):
    told = spigot("parse", runs / "run", "--to", "json", "--confidence", stdin=INPUTS["conllu"])
    assert told[0] == 0
    for content in read_json(told[1]):
        for name, arcs in (
            ("syntax", len(content["forms"])),
            ("semantics", len(content["graphs"]["semantics"]["arcs"])),
        ):
            numbers = content["confidence"][name]
            assert len(numbers.get("arcs", ())) == len(numbers.get("labels", ())) == arcs
    code, out, _ = spigot("parse", runs / "run", "--confidence", stdin=INPUTS["conllu"])
    assert code == 0
    assert "|LabelConfidence=0." in out


def test_the_confidence_of_a_class(spigot, tmp_path):
    category_model().save_pretrained(tmp_path)
    rows = INPUTS["conllu"]
    code, out, _ = spigot("parse", tmp_path, "--confidence", "--to", "json", stdin=rows)
    found = [content["confidence"]["category"]["labels"][0] for content in read_json(out)]
    assert code == 0
    assert found
    code, out, _ = spigot("parse", tmp_path, "--confidence", stdin=rows)
    lines = out.splitlines()
    after = [lines[k + 1] for k, line in enumerate(lines) if line.startswith("# category = ")]
    assert after == [f"# category.confidence = {number:.4f}" for number in found]
    code, out, _ = spigot("parse", tmp_path, stdin=out)
    assert code == 0
    assert out.count("# category = ") == len(found)
    assert "onfidence" not in out


def test_nothing_of_the_input_is_passed_off_as_predicted(spigot, runs):
    """A parser of graphs alone leaves out gold trees, and DEPS unless they are asked for."""
    rows = INPUTS["conllu"].splitlines()
    text = "\n".join(line.replace("\t_\t_", "\t0:root\t_") if line[:1].isdigit() else line for line in rows) + "\n\n"
    assert "0:root" in text
    code, out, _ = spigot("parse", runs / "neurbo", "--from", "conllu", stdin=text)
    read = list(read_conllu(io.StringIO(out), graph="semantics"))
    assert code == 0
    assert all(not s.trees and "semantics" in s.graphs for s in read)


def test_half_precision_changes_little(spigot, runs):
    def confidences(*options):
        code, out, _ = spigot("parse", runs / "run", "--to", "json", "--confidence", *options, stdin=INPUTS["conllu"])
        assert code == 0
        return [x for content in read_json(out) for x in content["confidence"]["syntax"]["arcs"]]

    whole, half = confidences(), confidences("--mixed-precision", "bf16")
    assert whole == pytest.approx(half, abs=0.05)
    assert whole != half
