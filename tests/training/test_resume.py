import json
import os
import shutil

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from spigot.training import loop
from spigot.training.config import RecipeError
from spigot.training.corpora import load_corpora
from spigot.training.loop import Trainer
from spigot.training.plan import plan
from spigot.training.state import LOCK, RECIPE, STATE, FolderLock, load_state, save_state
from tests.models.tiny import parser, tiny_model
from tests.training.runs import (
    SYSTEMS,
    assert_pipeline_resumes,
    metrics,
    recipe,
    same,
    train,
    train_interrupted,
    weights,
)

# With dropout inside the layers, so that its random numbers count, too.
DROPPING = {"system": {**SYSTEMS["spigot"]["system"], "semantics": parser(dropout=0.3)}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing interrupts."""
    out = tmp_path_factory.mktemp("whole") / "run"
    return train(out, recipe(tables=DROPPING)), out


def first_epoch():
    trainer_recipe = recipe(tables=DROPPING)
    return trainer_recipe, len(plan(trainer_recipe, load_corpora(trainer_recipe.data, trainer_recipe.made_tasks), 0))


@pytest.mark.parametrize("where", ["first step", "middle", "end of an epoch", "second epoch"])
def test_an_interrupted_run_goes_on_to_the_same_result(tmp_path, whole, where):
    wanted, steps = first_epoch()
    stop = {"first step": 1, "middle": steps // 2, "end of an epoch": steps, "second epoch": steps + 2}[where]
    out = tmp_path / "run"
    train_interrupted(out, wanted, stop)
    assert (out / STATE).is_file()
    assert (out / "metrics.jsonl").is_file() == (where == "second epoch")
    resumed = train(out, wanted, resume=True)
    uninterrupted, reference = whole
    assert same(weights(resumed), weights(uninterrupted))
    assert metrics(out) == metrics(reference)
    assert (out / "model.safetensors").read_bytes() == (reference / "model.safetensors").read_bytes()
    assert not (out / STATE).exists()


def test_interrupted_again_and_again(tmp_path, whole):
    wanted, _ = first_epoch()
    train_interrupted(tmp_path / "run", wanted, 2)
    for _ in range(3):
        train_interrupted(tmp_path / "run", wanted, 1, resume=True)
    resumed = train(tmp_path / "run", wanted, resume=True)
    assert same(weights(resumed), weights(whole[0]))
    assert metrics(tmp_path / "run") == metrics(whole[1])


def test_averages_of_the_end_tasks_own_resume(tmp_path):
    wanted = recipe(tables={"intermediate": {"own_averages": True, "end_task_weight": 0.5}})
    reference = train(tmp_path / "whole", wanted)
    train_interrupted(tmp_path / "run", wanted, 5)
    resumed = train(tmp_path / "run", wanted, resume=True)
    assert same(weights(resumed), weights(reference))
    assert metrics(tmp_path / "run") == metrics(tmp_path / "whole")


@pytest.mark.parametrize("steps", [2, 8])
def test_a_pipeline_resumes_in_either_phase(tmp_path, steps):
    assert_pipeline_resumes(tmp_path, recipe("pipeline"), steps, longest=8)


def test_saving_often_changes_nothing(tmp_path, whole, monkeypatch):
    monkeypatch.setattr(loop, "SAVE_SECONDS", -1.0)
    saves = []
    monkeypatch.setattr(loop, "save_state", lambda *arguments: saves.append(1) or save_state(*arguments))
    wanted, steps = first_epoch()
    trainer = train(tmp_path / "run", wanted)
    assert len(saves) > steps
    assert same(weights(trainer), weights(whole[0]))


def test_without_a_run_to_resume(tmp_path, whole):
    with pytest.raises(RecipeError, match=r"--resume: expected an interrupted run in .*, got no saved run"):
        Trainer(recipe(), tmp_path / "run", resume=True, device="cpu")
    with pytest.raises(RecipeError, match=r"--resume: expected an interrupted run in .*, got a finished run"):
        Trainer(recipe(), whole[1], resume=True, device="cpu")


def test_a_run_whose_first_save_fails_begins_again(tmp_path, monkeypatch, whole):
    def full(*arguments):
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(loop, "save_state", full)
        patched.setattr(loop.Trainer, "_dev", lambda self, pretraining: dict.fromkeys(["uas", "uf", "lf"], 0.0))
        patched.setattr(loop.History, "add", lambda self, row: self.rows.append(row))
        with pytest.raises(OSError, match="No space left"):
            train(tmp_path / "run", recipe(tables=DROPPING))
    with pytest.raises(RecipeError, match="got no saved run"):
        Trainer(recipe(tables=DROPPING), tmp_path / "run", resume=True, device="cpu")
    assert same(weights(train(tmp_path / "run", recipe(tables=DROPPING))), weights(whole[0]))


@pytest.mark.parametrize("table", ["intermediate", "training"])
def test_the_run_that_another_began_from_stays_as_it_was(tmp_path, table):
    begin = tmp_path / "begin"
    train(begin, recipe(epochs=1))
    changes = {"tables": {"intermediate": {"init": str(begin)}}} if table == "intermediate" else {"start": str(begin)}
    train_interrupted(tmp_path / "run", recipe(**changes), 2)
    shutil.rmtree(begin)
    train(begin, recipe(epochs=1, seed=5))
    with pytest.raises(
        RecipeError, match=r"--resume: expected .*begin/model\.safetensors as it was when the run began"
    ):
        Trainer(recipe(**changes), tmp_path / "run", resume=True, device="cpu")


def test_another_recipe_cannot_resume(tmp_path):
    train_interrupted(tmp_path / "run", recipe(), 2)
    changes = {
        "training": recipe(learning_rate=1e-3),
        "system": recipe("ste"),
        "data": recipe(sentences=23),
        "intermediate": recipe(tables={"intermediate": {"end_task_weight": 0.5}}),
    }
    for section, changed in changes.items():
        with pytest.raises(RecipeError, match=rf"--resume: expected the recipe of .*, got another \[{section}\]"):
            Trainer(changed, tmp_path / "run", resume=True, device="cpu")


def test_the_state_holds_weights_moments_and_progress(tmp_path):
    model = tiny_model()
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    sum(p.square().sum() for p in model.semantics.parameters()).backward()
    optimizer.step()
    save_state(tmp_path, model, optimizer, {"epoch": 3, "losses": [0.1]})
    other = tiny_model(seed=1)
    again = torch.optim.Adam(other.parameters(), fused=True)
    assert load_state(tmp_path, other, again) == {"epoch": 3, "losses": [0.1]}
    assert same(other.state_dict(), model.state_dict())
    pairs = list(zip(model.parameters(), other.parameters(), strict=True))
    assert sum(p in optimizer.state for p, _ in pairs) == len(list(model.semantics.parameters()))
    for ours, theirs in pairs:
        assert same(again.state.get(theirs, {}), optimizer.state.get(ours, {}))
    assert [path.name for path in tmp_path.iterdir()] == [STATE]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    out = tmp_path_factory.mktemp("interrupted") / "run"
    train_interrupted(out, recipe(), 2)
    return out


def refused(out, folder, name, content):
    """Resume a copy of a run with one file replaced; return the message."""
    shutil.copytree(out, folder)
    (folder / name).write_bytes(content)
    with pytest.raises(RecipeError, match=r"^--resume: ") as caught:
        Trainer(recipe(), folder, resume=True, device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("name", [RECIPE, STATE])
def test_damaged_files_of_a_run_are_named(tmp_path, interrupted, name, content):
    assert name in refused(interrupted, tmp_path / "copy", name, content)


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": "1"},
        {"epoch": -1},
        {"losses": [1]},
        {"losses": {"syntax": [1.0]}},
        {"history": [{}]},
        {"history": None},
        {"files": {"gone.conllu": "0"}},
        {"colour": 1},
    ],
)
def test_damaged_progress_is_named(tmp_path, interrupted, change):
    with safe_open(interrupted / STATE, "pt") as file:
        progress = json.loads(file.metadata()["progress"]) | change
    save_file(load_file(interrupted / STATE), tmp_path / "state", {"progress": json.dumps(progress)})
    message = refused(interrupted, tmp_path / "copy", STATE, (tmp_path / "state").read_bytes())
    assert ("gone.conllu" if "files" in change else f"expected an intact state in {tmp_path}") in message


@pytest.mark.parametrize("kind", ["model", "optimizer"])
def test_damaged_tensors_are_named(tmp_path, interrupted, kind):
    tensors = load_file(interrupted / STATE)
    name = max((name for name in tensors if name.startswith(kind)), key=lambda name: tensors[name].dim())
    with safe_open(interrupted / STATE, "pt") as file:
        metadata = file.metadata()
    tensor = tensors.pop(name)
    damages = (tensor * torch.nan, tensor[:-1], tensor.to(torch.int64), tensor + 1, None)
    for number, changed in enumerate(damages):
        there = {} if changed is None else {name: changed.contiguous()}
        save_file(tensors | there, tmp_path / "state", metadata)
        content = (tmp_path / "state").read_bytes()
        assert "expected an intact state" in refused(interrupted, tmp_path / f"copy{number}", STATE, content)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.zeros(3, 2), r"optimizer.exp_avg.weight: expected shape \[2, 3\], got \[3, 2\]"),
        (torch.full((2, 3), torch.nan), "optimizer.exp_avg.weight: expected finite numbers, got inf or nan"),
    ],
)
def test_moments_that_no_step_leaves_are_named(tmp_path, value, message):
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    optimizer.state[model.weight]["exp_avg"] = value
    save_state(tmp_path, model, optimizer, {})
    with pytest.raises(RecipeError, match=message):
        load_state(tmp_path, model, optimizer)


def test_two_trainings_cannot_share_a_folder(tmp_path):
    first = FolderLock(tmp_path / "run")
    with pytest.raises(RecipeError, match=rf"expected no other training into it, got process {os.getpid()}$"):
        Trainer(recipe(), tmp_path / "run", device="cpu")
    first.release()
    assert list((tmp_path / "run").iterdir()) == []


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path):
    # The file stays, as when a process is killed, but the system has let go of it; nothing was saved yet.
    out = tmp_path / "run"
    out.mkdir()
    (out / LOCK).write_text("1\n")
    (out / RECIPE).write_text("half")
    assert train(out, recipe(epochs=1)).epoch == 1
    assert not (out / LOCK).exists()


def test_a_full_disk_leaves_the_last_state(tmp_path, monkeypatch):
    save_state(tmp_path, *(made := (tiny_model(), torch.optim.Adam(tiny_model().parameters()))), {"epoch": 1})
    before = (tmp_path / STATE).read_bytes()

    def full(tensors, path, metadata=None):
        path.write_bytes(b"half")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("spigot.systems.checkpoint.save_file", full)
    with pytest.raises(OSError, match=r"state\.safetensors: not saved: .*No space left"):
        save_state(tmp_path, *made, {"epoch": 2})
    assert (tmp_path / STATE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [STATE]
