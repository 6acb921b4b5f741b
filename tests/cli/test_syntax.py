"""A syntactic parser by itself, in the shell."""

import json

import pytest

from spigot.data.conllu import read_conllu, write_conllu
from spigot.data.sentence import Tree
from spigot.training.loop import Trainer
from spigot.training.recipe import load_recipe


@pytest.mark.parametrize("name", ["modern/syntax", "modern/biaffine", "modern/biaffine-words"])
def test_from_the_shell(spigot, tmp_path, name):
    size = {"word_dim": 20, "second_dim": 4, "tag_dim": 8, "hidden": 16, "layers": 1}
    table = ", ".join(f"{key} = {value}" for key, value in size.items())
    settings = {
        "system.syntax.encoder": f"{{{table}}}",
        "data.builtin": "{train = {syntax = 60}, dev = 10}",
        "training": "{epochs = 2, learning_rate = 1e-2, warmup_epochs = 0}",
    }
    arguments = [text for key, value in settings.items() for text in ("--set", f"{key}={value}")]
    run = tmp_path / "run"
    code, out, err = spigot("train", name, "--out", run, "--device", "cpu", *arguments)
    assert code == 0
    assert "dev UAS" in err
    assert "dev LAS" in err
    best = json.loads(out)["dev"]
    dev = Trainer(load_recipe(name, arguments[1::2]), tmp_path / "other", device="cpu").corpora.dev["syntax"]
    write_conllu(dev, tmp_path / "dev.conllu")
    code, out, _ = spigot("evaluate", run, "--conllu", tmp_path / "dev.conllu", "--json", "--per-label")
    found = json.loads(out)
    assert {key: found["trees"]["scores"][key.upper()]["value"] for key in best} == best
    assert found["trees.labels"]["scores"].keys() >= {label for s in dev for label in s.trees["syntax"].labels}
    code, out, _ = spigot("parse", run, tmp_path / "dev.conllu", "--to", "conllu")
    (tmp_path / "parsed.conllu").write_text(out)
    code, scored, _ = spigot("score", tmp_path / "dev.conllu", tmp_path / "parsed.conllu", "--json")
    scores = json.loads(scored)["scores"]
    assert {key: scores[key.upper()]["value"] for key in best} == best
    assert spigot("parse", run, tmp_path / "dev.conllu")[1] == out
    code, out, _ = spigot("parse", run, tmp_path / "dev.conllu", "--to", "json")
    first = json.loads(out.splitlines()[0])
    parsed = next(read_conllu(tmp_path / "parsed.conllu")).trees["syntax"]
    assert parsed == Tree(*map(tuple, first["trees"]["syntax"].values()))
