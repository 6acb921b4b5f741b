import json

import pytest
import torch

from spigot.training.loop import Interrupted, Trainer
from spigot.training.recipe import load_recipe

PARSER = "{scorer.hidden = 6, encoder = {word_dim = 6, second_dim = 3, tag_dim = 3, hidden = 8, layers = 1}}"
TINY = {
    "system.syntax": PARSER,
    "system.semantics": PARSER,
    "data.builtin": "{train = {syntax = 12, semantics = 12}, dev = 6, test = 20}",
    "training.epochs": "1",
}
SETTINGS = [text for key, value in TINY.items() for text in ("--set", f"{key}={value}")]


def test_the_scores_are_on_stdout_and_the_rest_on_stderr(spigot, tmp_path):
    out = tmp_path / "run"
    code, text, err = spigot("train", "paper/spigot", "--out", out, "--device", "cpu", *SETTINGS)
    assert code == 0
    row = json.loads(text)
    assert row == json.loads((out / "metrics.jsonl").read_text())
    assert set(row["dev"]) == {"uas", "uf", "lf"}
    lines = err.splitlines()
    assert lines[0].startswith("spigot ")
    assert lines[1].startswith("epoch 1  loss ")
    settings = SETTINGS[1::2]
    assert json.loads((out / "recipe.json").read_text()) == json.loads(
        load_recipe("paper/spigot", settings).model_dump_json(exclude_unset=True)
    )


def test_refusals(refused, tmp_path):
    out = tmp_path / "run"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    (tmp_path / "data.toml").write_text(
        f'[data]\nroot = "{tmp_path}"\n[data.syntax]\ntrain = "none.conllu"\ndev = "x"\n'
        '[data.semantics]\ntrain = "none.sdp"\ndev = "x"\n'
    )
    cases = {
        "paper/spigto: expected a file or one of paper/spigot": ["paper/spigto", "--out", out],
        "--set training.epochs: expected section.key=value": ["demo", "--out", out, "--set", "training.epochs"],
        f"{tmp_path / 'none.sdp'}: no such file or directory": [
            *("paper/spigot", "--out", out, "--data", tmp_path / "data.toml")
        ],
        "data.semantics.train: expected a file (or [data.builtin]), got none": ["paper/spigot", "--out", out],
        f"--out {tmp_path / 'full'}: expected a new or empty folder": ["demo", "--out", tmp_path / "full"],
        f"--resume: expected an interrupted run in {out}, got no saved run": ["demo", "--out", out, "--resume"],
        "--data nowhere: expected a file or one of": ["demo", "--out", out, "--data", "nowhere"],
        "Invalid value for --device: expected 'cpu' or nothing, got 'tpu'": [
            *("demo", "--out", out, "--device", "tpu")
        ],
        "Missing option '--out'": ["demo"],
    }
    for message, arguments in cases.items():
        assert refused("train", *arguments).startswith(message)
    (tmp_path / "data.toml").write_text("[data.syntax]\ntrain = 'a.conllu'\n")
    message = f"{tmp_path / 'data.toml'}: data.semantics.train: expected a file (or [data.builtin]), got none"
    for data in (tmp_path, tmp_path / "data.toml"):
        assert refused("train", "paper/spigot", "--out", out, "--data", data) == message
    line = refused("train", "demo", "--out", out, "--set", "training.epoch=3")
    assert line.endswith("--set training.epoch=3: no such key")
    assert not out.exists()


@pytest.mark.parametrize("command", [["train", "demo"], ["demo"]])
def test_an_interruption_has_its_own_exit_code(spigot, tmp_path, monkeypatch, command):
    def interrupted(self):
        raise Interrupted("interrupted in epoch 1")

    monkeypatch.setattr(Trainer, "fit", interrupted)
    code, out, err = spigot(*command, "--out", tmp_path / "run", *SETTINGS)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1].startswith("spigot: interrupted in epoch 1")


def test_what_is_wrong_in_either_system_of_the_demo_is_said_at_once(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "fit", lambda self: pytest.fail("trained"))
    line = refused("demo", "--out", tmp_path / "run", *SETTINGS, "--set", "tasks.syntax.sample=0.5")
    assert line.startswith("demo: tasks.syntax.sample: expected 1 beside intermediate.frozen = true")


def test_a_run_to_start_from_may_have_any_name(refused, tmp_path):
    line = refused("train", "demo", "--from", tmp_path / "mod\N{GRINNING FACE}", "--out", tmp_path / "run", *SETTINGS)
    assert "mod\N{GRINNING FACE}: expected" in line


def test_demo(spigot, refused, tmp_path):
    out = tmp_path / "run"
    words_alone = [f"system.{name}.encoder.tag_dim=0" for name in ("syntax", "semantics")]
    changed = [*SETTINGS, *(text for key in words_alone for text in ("--set", key))]
    code, text, err = spigot("demo", "--out", out, *changed, "--set", "intermediate.pretrain_epochs=0")
    assert code == 0
    assert "built-in corpus" in err
    assert "on 20 new sentences of the built-in corpus:" in text
    shown = (
        "heads of three tokens",
        "SPIGOT",
        "pipeline",
        "UAS",
        "LF",
        "right: gold",
        f"-m spigot parse {out}",
    )
    for expected in shown:
        assert expected in text
    assert refused("demo", "--out", out).startswith(f"--out {out}: expected a new or empty folder")
    code, text, _ = spigot("parse", out, "--to", "json", stdin="the dog sleeps .\n")
    assert (code, json.loads(text)["forms"]) == (0, ["the", "dog", "sleeps", "."])


@pytest.mark.parametrize(("said", "threads"), [(None, 1), ("2", 2)])
def test_the_demo_takes_one_thread_if_nothing_else_is_said(refused, tmp_path, monkeypatch, said, threads):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if said is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        refused("demo", "--out", tmp_path / "run", "--set", "training.epoch=3")
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_what_a_constructor_refuses_is_told_of_with_the_recipe(refused, tmp_path, monkeypatch):
    (tmp_path / "their_encoders.py").write_text(
        "from spigot.models.encoders.words import WordEncoder\n"
        "class Odd(WordEncoder):\n"
        "    def __init__(self, vocabulary, size: int):\n"
        "        raise ValueError(f'size: expected an odd number, got {size}')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    encoder = 'system.syntax.encoder = { name = "their_encoders.Odd", size = 2 }\n'
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'base = "demo"\n{encoder}')
    message = "system.syntax.encoder.size: expected an odd number, got 2"
    assert refused("train", recipe, "--out", tmp_path / "run") == f"{recipe}: {message}"
    assert refused("train", "demo", "--out", tmp_path / "run", "--set", encoder.strip()) == message
