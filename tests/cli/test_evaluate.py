import json

import pytest
import torch

from spigot.data.conllu import write_conllu
from spigot.data.sdp import write_sdp
from spigot.systems.parser import load
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics
from tests.models.tiny import SENTENCES


@pytest.fixture
def gold(tmp_path):
    write_sdp(SENTENCES[:10], tmp_path / "gold.sdp")
    write_conllu(SENTENCES[10:25], tmp_path / "gold.conllu")
    return tmp_path


def test_scores(spigot, runs, gold):
    code, out, err = spigot(
        "evaluate", runs / "run", "--sdp", gold / "gold.sdp", "--conllu", gold / "gold.conllu", "--json"
    )
    assert (code, err) == (0, "")
    content = json.loads(out)
    model = SyntaxThenSemantics.from_pretrained(runs / "run")
    graphs, trees = model.score("semantics", SENTENCES[:10]), model.score("syntax", SENTENCES[10:25])
    assert content["run"] == str(runs / "run")
    assert (content["graphs"]["sentences"], content["trees"]["sentences"]) == (10, 15)
    assert content["graphs"]["gold"] == str(gold / "gold.sdp")
    text = json.dumps(content["graphs"]["scores"]) + json.dumps(content["trees"]["scores"])
    for value in (graphs.lf, graphs.uf, trees.uas):
        assert json.dumps(value) in text


def test_text_shows_each_score_with_its_convention(spigot, runs, gold):
    code, out, _ = spigot(
        "evaluate", runs / "run", "--sdp", gold / "gold.sdp", "--conllu", gold / "gold.conllu", "--per-label"
    )
    assert code == 0
    for expected in (
        "gold.sdp: graphs of 10",
        "gold.sdp: graphs.labels of 10",
        "gold.conllu: trees.labels of 15",
        "gold.conllu: trees of 15",
        "LF",
        "UAS",
    ):
        assert expected in out
    assert "tops" in out
    assert "punctuation" in out
    assert "ARG1" in out


def test_one_file_is_enough(spigot, runs, gold):
    code, out, _ = spigot("evaluate", runs / "neurbo", "--sdp", gold / "gold.sdp", "--json")
    assert (code, set(json.loads(out))) == (0, {"run", "graphs"})
    code, out, _ = spigot("evaluate", runs / "run", "--conllu", gold / "gold.conllu", "--json")
    assert (code, set(json.loads(out))) == (0, {"run", "trees"})


def test_mixed_precision_is_that_of_parsing(spigot, runs, gold, monkeypatch):
    numbers, trees = [], SyntaxThenSemantics.score

    def score(self, *arguments):
        with torch.inference_mode():
            tokens, _ = self.syntax.vocabulary.encode(SENTENCES[:2])
            numbers.append(self.syntax.encoder(tokens).dtype)
        return trees(self, *arguments)

    monkeypatch.setattr(SyntaxThenSemantics, "score", score)
    uas = []
    for options in ((), ("--mixed-precision", "no"), ("--mixed-precision", "bf16")):
        code, out, _ = spigot("evaluate", runs / "run", "--conllu", gold / "gold.conllu", "--json", *options)
        assert code == 0
        uas.append(json.loads(out)["trees"]["scores"]["UAS"]["value"])
    assert numbers == [torch.float32, torch.float32, torch.bfloat16]
    # The heads that `spigot.load` finds with that setting.
    for mixed_precision, found in zip(("no", "no", "bf16"), uas, strict=True):
        parses = load(runs / "run", mixed_precision=mixed_precision)(SENTENCES[10:25])
        heads = [h for parse in parses for h in parse.trees["syntax"].heads]
        right = [h for s in SENTENCES[10:25] for h in s.trees["syntax"].heads]
        assert found == pytest.approx(sum(map(int.__eq__, heads, right)) / len(right))


def test_refusals(refused, runs, gold):
    run = runs / "run"
    (gold / "empty.sdp").write_text("")
    (gold / "bad.conllu").write_text("1\tdog\n\n")
    cases = {
        "Invalid value for --sdp, --conllu, --sst, --gold: expected at least one of them, got none": [run],
        f"{gold / 'empty.sdp'}: expected sentences, got none": [run, "--sdp", gold / "empty.sdp"],
        f"{gold / 'none.sdp'}: no such file or directory": [run, "--sdp", gold / "none.sdp"],
        f"{gold / 'bad.conllu'}:1: expected 10 tab-separated columns, got 2": [run, "--conllu", gold / "bad.conllu"],
        f"{gold / 'gold.conllu'}: sentence": [run, "--sdp", gold / "gold.conllu"],
        f"{gold / 'gold.sdp'}: sentence": [run, "--conllu", gold / "gold.sdp"],
        f"{gold}: expected a checkpoint, got no config.json": [gold, "--sdp", gold / "gold.sdp"],
        f"Invalid value for --gold: expected one file for syntax, got {gold / 'gold.conllu'} and {gold / 'x'}": [
            run,
            "--conllu",
            gold / "gold.conllu",
            "--gold",
            f"syntax={gold / 'x'}",
        ],
        "Invalid value for --device: ": [run, "--sdp", gold / "gold.sdp", "--device", "warp"],
        f"Invalid value for --conllu: expected a system with a syntactic parser, got {runs / 'neurbo'}": [
            runs / "neurbo",
            "--conllu",
            gold / "gold.conllu",
        ],
    }
    for message, arguments in cases.items():
        assert refused("evaluate", *arguments).startswith(message)
