"""`spigot view`: a process that serves the page, and what it refuses."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from urllib.request import Request, urlopen

import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install 'torch-spigot[view]'")
pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'torch-spigot[view]'")


def test_it_serves_its_models_and_ends_when_told(runs, tmp_path):
    gold = tmp_path / "gold.conllu"
    gold.write_text("1\tDogs\tdog\tNOUN\t_\t_\t2\tnsubj\t_\t_\n2\tsleep\tsleep\tVERB\t_\t_\t0\troot\t_\t_\n\n")
    command = [sys.executable, "-m", "spigot", "view", runs / "run", runs / "neurbo", "--gold", gold, "--port", "0"]

    def heed_interrupts():  # which a shell makes its background jobs, and their children, ignore
        signal.signal(signal.SIGINT, signal.default_int_handler)

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts) as process:
        line = process.stderr.readline()
        address = re.fullmatch(r"(http://127\.0\.0\.1:\d+/) \(Ctrl-C ends it\)\n", line)[1]
        models = json.load(urlopen(f"{address}api/models"))
        assert [model["name"] for model in models["models"]] == ["run", "neurbo"]
        assert models["gold"] == 1
        body = Request(f"{address}api/parse", json.dumps({"gold": 0}).encode(), {"Content-Type": "application/json"})
        drawings = json.load(urlopen(body))["drawings"]
        assert [drawing["title"].partition(":")[0] for drawing in drawings] == [
            "run",
            "neurbo",
            "gold and run",
            "run and neurbo",
        ]
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr.read() == "spigot: interrupted\n"


def test_gold_files_are_put_together(tmp_path):
    from spigot.builtin import generate
    from spigot.cli.gold import read_together
    from spigot.data.conllu import write_conllu
    from spigot.data.sdp import write_sdp

    sentences = generate(3, seed=1)
    write_sdp(sentences, tmp_path / "a.sdp")
    write_conllu(sentences, tmp_path / "a.conllu")
    found = read_together([str(tmp_path / "a.sdp"), str(tmp_path / "a.conllu")])
    assert [s.graphs["semantics"].arcs for s in found] == [s.graphs["semantics"].arcs for s in sentences]
    assert [dict(s.trees) for s in found] == [dict(s.trees) for s in sentences]


def test_gold_classes_and_sentiments_come_with_trees(tmp_path):
    from spigot.builtin import generate
    from spigot.cli.gold import read_together
    from spigot.data.conllu import write_conllu
    from spigot.data.sst import write_sst

    sentences = generate(3, seed=1)
    write_conllu(sentences, tmp_path / "trees.conllu")
    write_conllu([s.with_category("topic", f"t{s.sentiment}") for s in sentences], tmp_path / "topics.conllu")
    write_sst(sentences, tmp_path / "a.sst")
    paths = [str(tmp_path / name) for name in ("trees.conllu", "topics.conllu", "a.sst")]
    found = read_together(paths, categories=["topic"])
    assert [s.categories["topic"] for s in found] == [f"t{s.sentiment}" for s in sentences]
    assert [s.sentiment for s in found] == [s.sentiment for s in sentences]
    assert [dict(s.trees) for s in found] == [dict(s.trees) for s in sentences]


def test_gold_is_that_of_the_task_it_is_given_for(monkeypatch, spigot, tmp_path):
    import uvicorn
    from fastapi.testclient import TestClient

    from spigot.builtin import generate
    from spigot.data.conllu import write_conllu
    from spigot.data.sdp import write_sdp
    from tests.models.tiny import multitask_model

    multitask_model(graphs=("dm", "pb")).save_pretrained(tmp_path / "model")
    write_conllu(generate(3, seed=1), tmp_path / "gold.conllu")
    write_sdp(generate(3, seed=1), tmp_path / "gold.sdp")
    made = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, sockets: made.append(server.config.app))
    gold = [f"--gold={name}={tmp_path / file}" for name, file in (("dm", "gold.sdp"), ("syntax", "gold.conllu"))]
    assert spigot("view", tmp_path / "model", *gold, "--port", "0")[0] == 0
    client = TestClient(made[0], base_url="http://127.0.0.1")
    drawings = client.post("/api/parse", json={"gold": 0}).json()["drawings"]
    assert [drawing["title"].partition(":")[0] for drawing in drawings] == ["model", "gold and model"]
    assert "above: dm · below: syntax" in drawings[1]["svg"]
    body = {"gold": 0, "model": "model", "task": "dm", "target": "gold"}
    assert client.post("/api/update", json=body).json()["loss"] > 0


def test_mistakes_are_one_line(refused, runs, tmp_path):
    empty = tmp_path / "empty.sdp"
    empty.write_text("#SDP 2015\n")
    assert refused("view", runs / "run", "--gold", empty) == f"{empty}: expected sentences, got none"
    assert refused("view", runs / "run", runs / "run").startswith("OTHER: expected another model")
    message = refused("view", runs / "run", "--gold", f"dm={empty}")
    expected = "expected TASK=FILE with a task of semantics, syntax, got "
    assert message.startswith(f"Invalid value for --gold: {expected}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = refused("view", runs / "run", "--port", port)
        assert message.startswith(f"Invalid value for --port: expected a free port, got {port}: ")
