"""The second system in the training loop: a semantic graph is the intermediate structure of a sentiment classifier."""

import json

import pytest
import torch

from spigot.systems.loading import load_system
from spigot.training.loop import Trainer
from spigot.training.plan import learning_rate, plan, tasks
from spigot.training.recipe import RecipeError, parse_recipe
from spigot.training.state import STATE
from tests.models.tiny import parser, sentiment_system
from tests.training.runs import assert_pipeline_resumes, metrics, same, train, train_interrupted, weights

HOW = {"epochs": 2, "batch_tokens": 60, "learning_rate": 5e-3}
TASKS = {"semantics": {"min_role_count": 1}}
BUILTIN = {"train": {"semantics": 20, "sentiment": 24}, "dev": 8}


def recipe(surrogate="SPIGOT", intermediate=None, bag=False, tasks=None, **training):
    tables = {
        "system": sentiment_system(surrogate, bag),
        "data": {"builtin": BUILTIN},
        "training": HOW | training,
        "tasks": tasks or ({} if surrogate is None else TASKS),
    }
    return parse_recipe(tables | ({} if intermediate is None else {"intermediate": intermediate}), "test")


@pytest.fixture(scope="module")
def neurbo(tmp_path_factory):
    """A run of the semantic parser alone, to start from."""
    out = tmp_path_factory.mktemp("neurbo") / "run"
    tables = {
        "system": {"semantics": parser(), "syntax": False},
        "data": {"builtin": BUILTIN},
        "training": HOW,
        "tasks": TASKS,
    }
    train(out, parse_recipe(tables, "test"))
    return out


@pytest.fixture(scope="module")
def joint(tmp_path_factory, neurbo):
    out = tmp_path_factory.mktemp("joint") / "run"
    sampled = {"semantics": TASKS["semantics"] | {"sample": 0.5}}
    return train(out, recipe(intermediate={"init": neurbo}, tasks=sampled)), out


def test_a_run(joint, neurbo):
    trainer, out = joint
    rows = metrics(out)
    assert [set(row["dev"]) for row in rows] == [{"uf", "lf", "accuracy"}] * 2
    assert [set(row["loss"]) for row in rows] == [{"semantics", "sentiment"}] * 2
    assert rows[0]["sentences"] == 24 + 10
    best = max(rows, key=lambda row: row["dev"]["accuracy"])
    assert trainer.history.best()["dev"] == best["dev"]
    model, start = load_system(out), load_system(neurbo)
    assert model.semantics.vocabulary.to_dict() == start.semantics.vocabulary.to_dict()
    assert not torch.equal(model.semantics.arc.head.weight, start.semantics.arc.head.weight)


@pytest.mark.parametrize("extra", [1, 12])
def test_resume_equals_uninterrupted(tmp_path, joint, extra):
    whole, reference = joint
    train_interrupted(tmp_path / "run", whole.recipe, extra)
    assert (tmp_path / "run" / STATE).is_file()
    resumed = train(tmp_path / "run", whole.recipe, resume=True)
    assert same(weights(resumed), weights(whole))
    assert metrics(tmp_path / "run") == metrics(reference)


def test_each_epoch_samples_anew(joint):
    trainer, _ = joint
    epochs = []
    for epoch in range(2):
        steps = plan(trainer.recipe, trainer.corpora, epoch)
        drawn = {task: sorted(s.id for x in steps if x.task == task for s in x.sentences) for task in tasks_of(steps)}
        assert drawn["sentiment"] == sorted(s.id for s in trainer.corpora.train["sentiment"])
        assert len(drawn["semantics"]) == len(set(drawn["semantics"])) == 10
        epochs.append(drawn["semantics"])
        assert steps == plan(trainer.recipe, trainer.corpora, epoch)
    assert epochs[0] != epochs[1]


def tasks_of(steps):
    return {step.task for step in steps}


def test_the_pipeline_keeps_the_parser_and_parses_once(tmp_path, neurbo):
    wanted = recipe("Detach", {"init": neurbo, "frozen": True})
    trainer = Trainer(wanted, tmp_path / "run", device="cpu")
    before = {name: p.clone() for name, p in trainer.model.semantics.named_parameters()}
    calls = []
    original = trainer.model.semantics.forward
    trainer.model.semantics.forward = lambda *arguments: calls.append(1) or original(*arguments)
    trainer.fit()
    assert same(before, dict(trainer.model.semantics.named_parameters()))
    # Training and dev sentences, and the graphs of dev: a batch each.
    assert len(calls) == 3
    rows = metrics(tmp_path / "run")
    assert rows[0]["dev"]["lf"] == rows[1]["dev"]["lf"]
    assert set(rows[0]["loss"]) == {"sentiment"}
    # The cached graphs are those that the saved system predicts.
    model, best = load_system(tmp_path / "run"), trainer.history.best()
    dev = trainer.corpora.dev["sentiment"]
    right = [a.sentiment == b.sentiment for a, b in zip(dev, model.parse(dev), strict=True)]
    assert best["dev"]["accuracy"] == sum(right) / len(right)


@pytest.mark.parametrize("steps", [2, 11])
def test_a_pipeline_resumes(tmp_path, steps):
    assert_pipeline_resumes(tmp_path, recipe("Detach", {"pretrain_epochs": 1, "frozen": True}), steps, longest=11)


def test_detached_the_end_task_leaves_the_parser_alone(tmp_path, neurbo):
    """Training on sentiment does not move a detached parser; training on graphs does."""
    trainer = Trainer(recipe("Detach", {"init": neurbo}), tmp_path / "run", device="cpu")
    trainer.model.train()
    for step in plan(trainer.recipe, trainer.corpora, 0):
        before = {name: p.clone() for name, p in trainer.model.semantics.named_parameters()}
        trainer.updates.update(trainer._batch(step), 0, 0, 0.0)
        after = dict(trainer.model.semantics.named_parameters())
        assert same(before, after) == (step.task == "sentiment")


@pytest.mark.parametrize("surrogate", ["StraightThrough", "SPIGOT"])
def test_the_end_task_moves_the_parser(tmp_path, neurbo, surrogate):
    trainer = Trainer(recipe(surrogate, {"init": neurbo}), tmp_path / "run", device="cpu")
    trainer.model.train()
    step = next(s for s in plan(trainer.recipe, trainer.corpora, 0) if s.task == "sentiment")
    before = {name: p.clone() for name, p in trainer.model.semantics.named_parameters()}
    trainer.updates.update(trainer._batch(step), 0, 0, 0.0)
    after = dict(trainer.model.semantics.named_parameters())
    assert not torch.equal(before["label.layers.4.weight"], after["label.layers.4.weight"])
    assert torch.equal(before["predicate.layers.4.weight"], after["predicate.layers.4.weight"])


@pytest.mark.parametrize("bag", [False, True])
def test_baselines_without_a_graph(tmp_path, bag):
    trainer = train(tmp_path / "run", recipe(None, bag=bag))
    assert set(trainer.corpora.train) == set(trainer.corpora.dev) == {"sentiment"}
    assert set(metrics(tmp_path / "run")[0]["dev"]) == {"accuracy"}
    (parsed,) = load_system(tmp_path / "run").parse(trainer.corpora.dev["sentiment"][:1])
    assert parsed.probability >= 0.5


def test_a_classifier_learns(tmp_path):
    wanted = recipe(None, bag=True, epochs=25, learning_rate=3e-2)
    trainer = train(tmp_path / "run", wanted)
    first, *_, last = [row["loss"]["sentiment"] for row in trainer.history.rows]
    assert min(first, 0.5) > last


def test_the_parser_has_its_own_learning_rate_in_joint_training():
    wanted = recipe(intermediate={"pretrain_epochs": 1, "learning_rate_factor": 0.25})
    assert learning_rate(wanted, 0.5, "semantics") == 5e-3
    assert learning_rate(wanted, 1.5, "semantics") == 5e-3 / 4
    assert learning_rate(wanted, 1.5, "sentiment") == 5e-3
    assert [tasks(wanted, k) for k in range(2)] == [["semantics"], ["semantics", "sentiment"]]


def test_batches_may_be_limited_in_sentences(joint):
    trainer, _ = joint
    steps = plan(recipe(batch_tokens=10_000, batch_sentences=5), trainer.corpora, 0)
    assert max(len(step.sentences) for step in steps) == 5


def test_a_written_recipe_can_be_read_again(joint):
    trainer, out = joint
    content = json.loads((out / "recipe.json").read_text("utf-8"))
    assert parse_recipe(content, "again") == trainer.recipe


@pytest.mark.parametrize(
    ("surrogate", "tables", "message"),
    [
        (None, {"intermediate": {"pretrain_epochs": 1}}, "intermediate: expected an intermediate parser beside it"),
        (
            "StraightThrough",
            {"training": {"selection": "uas"}},
            'training.selection: expected "accuracy" or "uf" or "lf" in this system',
        ),
        (
            "StraightThrough",
            {"tasks": {"semantics": {"labels": False}}},
            "tasks.semantics.labels: no such key",
        ),
        (
            "Marginals",
            {},
            "system.surrogate.name: expected a surrogate without marginals of semantic graphs, got 'Marginals'",
        ),
        ("StraightThrough", {"tasks": {"semantics": {"sample": 0.0}}}, "tasks.semantics.sample: "),
    ],
)
def test_wrong_recipes(surrogate, tables, message):
    content = {"system": sentiment_system(surrogate), "data": {"builtin": BUILTIN}} | tables
    with pytest.raises(RecipeError, match=f"test: {message}"):
        parse_recipe(content, "test")


def test_a_bag_reads_no_graph():
    content = {"system": sentiment_system("StraightThrough", bag=True)}
    with pytest.raises(RecipeError, match=r"system.semantics: expected false beside a bag of words"):
        parse_recipe(content, "test")


def test_init_must_fit(tmp_path, joint):
    from tests.models.tiny import tiny_model

    tiny_model().save_pretrained(tmp_path / "with-syntax")
    with pytest.raises(RecipeError, match="expected a semantic parser that reads no trees"):
        Trainer(recipe(intermediate={"init": tmp_path / "with-syntax"}), tmp_path / "run", device="cpu")
    other = {"system": sentiment_system() | {"semantics": parser(hidden=5)}, "data": {"builtin": BUILTIN}}
    other["intermediate"] = {"init": joint[1]}
    with pytest.raises(RecipeError, match=r"expected a run with the same \[system.semantics\]"):
        Trainer(parse_recipe(other, "test"), tmp_path / "run", device="cpu")
    # A sentiment run can be the start, as a parser's run can.
    Trainer(recipe(intermediate={"init": joint[1]}), tmp_path / "run", device="cpu")
