"""Runs as separate processes: two that share the work, and one that is told to stop."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from spigot.training.plan import plan, tasks
from spigot.training.state import STATE
from tests.training.runs import content, metrics, recipe, same, train, weights

ENVIRONMENT = os.environ | {
    "OMP_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
}
README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
(TORCHRUN,) = re.findall(r"`(torchrun [^`]*) train \.\.\.`", README)


def arguments(folder, tables):
    """Return the command line that trains a recipe's tables, after `spigot`."""
    settings = []
    for section, table in tables.items():
        for key, value in table.items():
            settings += ["--set", f"{section}.{key}={toml(value)}"]
    (folder / "empty.toml").write_text("")
    return ["train", str(folder / "empty.toml"), "--out", str(folder / "run"), "--device", "cpu", *settings]


def toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


@pytest.mark.parametrize("system", ["spigot", "sentiment", "multitask"])
def test_two_processes_give_the_result_of_one(tmp_path, system):
    # Small batches: some have a single sentence, and leave the second process without any.
    tables = content(system, batch_tokens=30)
    wanted = recipe(system, batch_tokens=30)
    command = shlex.split(TORCHRUN)
    given = arguments(tmp_path, tables)
    if system == "spigot" and not torch.cuda.is_available():
        # As README writes it: without a device it is the processor's two processes that share the run.
        where = given.index("--device")
        del given[where : where + 2]
    result = subprocess.run([*command, *given], env=ENVIRONMENT, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    assert "cpu:0 x 2" in result.stderr
    assert result.stderr.count("epoch 2  ") == 1  # one of the two speaks
    one = train(tmp_path / "one", wanted)
    drawn = sum(len(step.sentences) for step in plan(wanted, one.corpora, 0))
    for task in tasks(wanted, 0):
        sizes = {len(step.sentences) for step in plan(wanted, one.corpora, 0) if step.task == task}
        assert 1 in sizes
        assert max(sizes) > 2
    # The same sums in another order: equal up to rounding.
    for ours, theirs in zip(metrics(tmp_path / "run"), metrics(tmp_path / "one"), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)
        assert ours["dev"] == pytest.approx(theirs["dev"])
        assert ours["sentences"] == theirs["sentences"] == drawn
    best, reference = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "one"))
    for name, tensor in reference.items():
        # A constant added to all arcs changes no tree: this gradient is rounding alone, which Adam makes large.
        if not name.endswith("syntax.arc.layers.4.bias"):
            torch.testing.assert_close(best[name], tensor, rtol=1e-4, atol=1e-5)
    best_row = one.history.best()
    rows = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(result.stdout) == json.loads(rows[best_row["epoch"] - 1])


# As a user's or a scheduler's signal would arrive: in the middle of a step, here of the tenth.
SIGNALLED = """
import os, signal
from spigot.cli.main import run
from spigot.training.update import Updates

update, steps = Updates.update, []

def signalled(self, *arguments):
    steps.append(1)
    if len(steps) == 10:
        os.kill(os.getpid(), signal.SIGTERM)
    return update(self, *arguments)

Updates.update = signalled
run()
"""


def test_a_signal_saves_the_run_and_it_goes_on(tmp_path):
    command = [sys.executable, "-c", SIGNALLED, *arguments(tmp_path, content("spigot", batch_tokens=30))]
    result = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=600)
    run, wanted = tmp_path / "run", recipe("spigot", batch_tokens=30)
    assert result.returncode == 143
    assert result.stdout == ""
    assert result.stderr.splitlines()[1:] == [
        f"spigot: interrupted in epoch 1; everything is saved in {run}; go on with --resume"
    ]
    assert (run / STATE).is_file()
    resumed, reference = train(run, wanted, resume=True), train(tmp_path / "whole", wanted)
    assert same(weights(resumed), weights(reference))
    assert metrics(run) == metrics(tmp_path / "whole")
