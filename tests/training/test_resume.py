import pytest
import torch

from spigot.training import loop
from spigot.training.config import RecipeError
from spigot.training.corpora import load_corpora
from spigot.training.loop import Trainer
from spigot.training.plan import plan
from spigot.training.state import STATE, load_state, save_state
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
