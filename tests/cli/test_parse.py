import gzip
import io
import json
import os
import subprocess
import sys

import pytest

from spigot.data.conllu import read_conllu, write_conllu
from spigot.data.conllx import write_conllx
from spigot.data.sdp import read_sdp, write_sdp
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics
from tests.models.tiny import SENTENCES

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
        code, outputs[to], err = spigot("parse", runs / "run", "--from", source, "--to", to, stdin=INPUTS[source])
        assert (code, err) == (0, "")
    graphs, trees = (list(read(io.StringIO(outputs[to]))) for read, to in ((read_sdp, "sdp"), (read_conllu, "conllu")))
    objects = read_json(outputs["json"])
    assert len(graphs) == len(trees) == len(objects) == 5
    for given, graph, tree, content in zip(FEW, graphs, trees, objects, strict=True):
        assert graph.forms == tree.forms == tuple(content["forms"]) == given.forms
        assert list(tree.trees["syntax"].heads) == content["heads"]
        assert [list(arc) for arc in graph.graphs["semantics"].arcs] == content["arcs"]
        assert sorted(graph.graphs["semantics"].predicates) == content["predicates"]
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
    told = spigot("parse", runs / "run", "--to", "json", "--from", source, stdin=INPUTS[source])
    assert spigot("parse", runs / "run", "-", "--to", "json", stdin=INPUTS[source]) == told


def test_files_plain_and_packed(spigot, runs, tmp_path):
    (tmp_path / "a.sdp").write_text(INPUTS["sdp"])
    with gzip.open(tmp_path / "a.sdp.gz", "wt") as file:
        file.write(INPUTS["sdp"])
    told = spigot("parse", runs / "run", stdin=INPUTS["sdp"])
    assert told[0] == 0
    assert told[1].startswith("#SDP 2015\n")
    assert spigot("parse", runs / "run", tmp_path / "a.sdp") == told
    assert spigot("parse", runs / "run", tmp_path / "a.sdp.gz") == told


def test_small_batches_change_nothing(spigot, runs):
    told = spigot("parse", runs / "run", stdin=INPUTS["text"])
    assert spigot("parse", runs / "run", "--batch-tokens", 1, stdin=INPUTS["text"]) == told


def test_a_window_of_one_answers_each_sentence_as_it_comes(runs):
    command = [*SPIGOT, "parse", str(runs / "run"), "--to", "json", "--window", "1"]
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
    code, out, _ = spigot("parse", runs / "neurbo", "--to", "json", stdin="the dog sleeps\n")
    assert code == 0
    assert "heads" not in json.loads(out)
    line = refused("parse", runs / "neurbo", "--to", "conllu", stdin="the dog sleeps\n")
    assert f"expected a system with a syntactic parser, got {runs / 'neurbo'}, which has none" in line


def test_empty_input(spigot, runs, tmp_path):
    (tmp_path / "empty.sdp").write_text("")
    for to in ("json", "conllu"):
        assert spigot("parse", runs / "run", tmp_path / "empty.sdp", "--to", to) == (0, "", "")
        assert spigot("parse", runs / "run", "--to", to, stdin="\n\n") == (0, "", "")
    assert list(read_sdp(io.StringIO(spigot("parse", runs / "run", stdin="")[1]))) == []


def test_letters_of_all_alphabets(spigot, runs):
    code, out, _ = spigot("parse", runs / "run", "--to", "json", stdin="naïve 犬 😀\n")
    assert code == 0
    assert json.loads(out)["forms"] == ["naïve", "犬", "😀"]


def test_text_without_the_tags_that_a_model_reads(spigot, refused, runs):
    line = refused("parse", runs / "tagged", "--to", "json", stdin="the dog sleeps\n")
    assert line == (
        "sentence '1': expected tags and lemmas, which this model reads beside words, got no tags; "
        "give it tagged input (spigot parse --spacy PIPELINE tags text), or use a model of words alone"
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
        "Invalid value for --to: expected json, sdp, semantics, conllu, syntax, got 'xml'": [run, "--to", "xml"],
        "Invalid value for '--from': 'pdf' is not one of": [run, "--from", "pdf"],
        "Invalid value for '--batch-tokens': ": [run, "--batch-tokens", 0],
        "Invalid value for '--window': ": [run, "--window", 0],
    }
    for message, arguments in cases.items():
        assert refused("parse", *arguments).startswith(message)


def test_raw_text_needs_spacy(refused, spigot, runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy", None)
    line = refused("parse", runs / "run", "--spacy", "blank:en", stdin="It rains. It pours.\n")
    assert line == "raw text: expected spaCy, which is not installed: pip install 'torch-spigot[text]'"


def test_raw_text(spigot, runs):
    pytest.importorskip("spacy")
    code, out, _ = spigot("parse", runs / "run", "--spacy", "blank:en", "--to", "json", stdin="It rains. It's wet.\n")
    assert code == 0
    assert [content["forms"] for content in read_json(out)] == [["It", "rains", "."], ["It", "'s", "wet", "."]]


def test_a_stream_is_parsed_before_it_ends(runs):
    command = [*SPIGOT, "parse", str(runs / "run"), "--to", "json"]
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
    command = [*SPIGOT, "parse", str(runs / "run")]
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
