import math

import pytest
import torch

from spigot.training.config import RecipeError
from spigot.training.loop import Diverged, Trainer
from spigot.training.plan import plan
from tests.models.tiny import sentence
from tests.training.runs import metrics, recipe, train, train_interrupted, weights


def spoilt(trainer, step):
    """Make the loss of one step nan, counted from 1."""
    import spigot.training.update as module

    real, count = module.batch_losses, 0

    def losses(*arguments):
        nonlocal count
        count += 1
        return real(*arguments) * (math.nan if count == step else 1.0)

    return module, losses


def test_training_stops_at_the_last_finite_state(tmp_path, monkeypatch):
    wanted = recipe("neurbo")
    trainer = Trainer(wanted, tmp_path / "run", device="cpu")
    steps = len(plan(wanted, trainer.corpora, 0))
    module, losses = spoilt(trainer, steps + 2)
    monkeypatch.setattr(module, "batch_losses", losses)
    with pytest.raises(Diverged, match=r"inf or nan in epoch 2, step 2 \(task semantics\); epoch 1 is kept in"):
        trainer.fit()
    assert all(torch.isfinite(tensor).all() for tensor in weights(trainer).values())
    assert len(metrics(tmp_path / "run")) == 1
    monkeypatch.undo()
    resumed = train(tmp_path / "run", wanted, resume=True)
    assert torch.equal(
        torch.cat([t.flatten() for t in weights(resumed).values()]),
        torch.cat([t.flatten() for t in weights(train(tmp_path / "whole", wanted)).values()]),
    )


def test_before_the_end_of_the_first_epoch(tmp_path, monkeypatch):
    trainer = Trainer(recipe("neurbo"), tmp_path / "run", device="cpu")
    module, losses = spoilt(trainer, 1)
    monkeypatch.setattr(module, "batch_losses", losses)
    with pytest.raises(Diverged, match="no epoch was finished"):
        trainer.fit()


@pytest.mark.parametrize("name", ["neurbo", "spigot"])
def test_weights_that_a_step_has_broken(tmp_path, name):
    wanted = recipe(name)
    wanted = wanted.model_copy(update={"training": wanted.training.model_copy(update={"learning_rate": 1e38})})
    with pytest.raises(Diverged, match="expected finite losses and gradients, got inf or nan in epoch 1, step"):
        train(tmp_path / "run", wanted)


def test_a_deleted_best_checkpoint_is_noticed(tmp_path):
    wanted = recipe("neurbo")
    steps = len(plan(wanted, Trainer(wanted, tmp_path / "other", device="cpu").corpora, 0))
    train_interrupted(tmp_path / "run", wanted, steps + 1)
    (tmp_path / "run/model.safetensors").unlink()
    with pytest.raises(RecipeError, match="expected the best checkpoint so far in"):
        Trainer(wanted, tmp_path / "run", resume=True, device="cpu")


def test_a_worse_parser_is_told_of(tmp_path):
    told = []
    trainer = Trainer(recipe("spigot"), tmp_path / "run", device="cpu")
    trainer.report.line = told.append
    trainer.start = {"uas": 0.9}
    trainer._warn_of_a_worse_parser(False, {"uas": 0.5})
    trainer._warn_of_a_worse_parser(False, {"uas": 0.895})
    assert told == [
        "warning: joint training has brought UAS from 90.0 to 50.0; "
        "an intermediate.end_task_weight below 1 keeps the parser"
    ]


@pytest.mark.parametrize("trees", [5, 24])
def test_sentences_with_unknown_words_are_told_of_where_the_parser_gets_worse(tmp_path, trees):
    told = []
    trainer = Trainer(recipe("spigot"), tmp_path / "run", device="cpu")
    trainer.report.line = told.append
    trainer.start = {"uas": 0.9}
    # As if the corpora were from files, those of one treebank.
    files = trainer.recipe.data.model_copy(update={"builtin": None})
    trainer.recipe = trainer.recipe.model_copy(update={"data": files})
    train = trainer.corpora.train
    assert len(train["semantics"]) == 24
    # A graph whose sentence has no tree, but no unknown word either, is not counted.
    others = [*train["semantics"], sentence(" ".join(train["semantics"][0].forms[::-1]))]
    trainer.corpora = trainer.corpora._replace(train={"semantics": others, "syntax": train["semantics"][:trees]})
    trainer._warn_of_a_worse_parser(False, {"uas": 0.5})
    lacking = {5: ", or trees of the end task's sentences: 19 of 25 have words that no tree has", 24: ""}[trees]
    assert told[0].endswith(f"an intermediate.end_task_weight below 1 keeps the parser{lacking}")


def test_a_parser_that_no_gradient_reaches_is_told_of_without_advice(tmp_path):
    told = []
    detached = {"system": {"surrogate": {"name": "Detach"}}}
    trainer = Trainer(recipe("spigot", detached), tmp_path / "run", device="cpu")
    trainer.report.line = told.append
    trainer.start = {"uas": 0.9}
    trainer._warn_of_a_worse_parser(False, {"uas": 0.5})
    assert told == ["warning: joint training has brought UAS from 90.0 to 50.0"]


def test_the_score_before_joint_training_is_that_of_the_parser(tmp_path):
    trainer = train(tmp_path / "pretrained", recipe("spigot", {"intermediate": {"pretrain_epochs": 1}}))
    row = metrics(tmp_path / "pretrained")[0]
    assert trainer.start == {"uas": row["dev"]["uas"]}
    warm = recipe("spigot", {"intermediate": {"init": str(tmp_path / "pretrained")}})
    other = Trainer(warm, tmp_path / "warm", device="cpu")
    other._prepare()
    assert other.start == {"uas": other.model.score("syntax", other.corpora.dev["syntax"]).uas}


def test_impossible_sizes_are_refused_before_anything_is_built():
    for key, value in (("layers", 10**9), ("hidden", 2_000_000), ("word_dim", 10**7)):
        encoder = {"word_dim": 6, "second_dim": 3, "tag_dim": 3, "hidden": 8, "layers": 1} | {key: value}
        with pytest.raises(RecipeError, match=rf"system.semantics.encoder.{key}: expected"):
            recipe("neurbo", {"system": {"syntax": False, "semantics": {"encoder": encoder}}})
