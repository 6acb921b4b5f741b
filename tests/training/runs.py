"""Runs of a second: tiny systems on a few sentences of the built-in corpus."""

import json

import torch

from spigot.training.loop import Interrupted, Trainer
from spigot.training.plan import plan
from spigot.training.recipe import parse_recipe
from tests.models.tiny import category_system, multitask_system, sentiment_system, system

SYSTEMS = {
    "neurbo": {"system": system(syntax=False)},
    "pipeline": {"system": system("Detach"), "intermediate": {"pretrain_epochs": 1, "frozen": True}},
    "sa": {"system": system("Marginals"), "tasks": {"syntax": {"loss": "nll"}}},
    "ste": {"system": system("StraightThrough")},
    "spigot": {"system": system("SPIGOT", max_norm=1.0)},
    "multitask": {"system": multitask_system(), "tasks": {"pos": {"loss_weight": 0.3}}},
    "sentiment": {"system": sentiment_system({"name": "SPIGOT", "max_norm": 0.2}, dropout=0.0)},
    "latent": {"system": category_system(), "tasks": {"syntax": {"loss": "none", "labels": False}}},
    "category": {"system": category_system()},
}


def content(name="spigot", sentences=24, **training):
    """A recipe's tables; two epochs by default."""
    names = {"sentiment": ("semantics", "sentiment"), "multitask": ("semantics", "syntax", "pos")}
    names |= dict.fromkeys(("latent", "category"), ("category", "syntax"))
    train = dict.fromkeys(names.get(name, ("semantics", "syntax")), sentences)
    how = {"epochs": 2, "batch_tokens": 60, "learning_rate": 5e-3}
    tables = {"data": {"builtin": {"train": train, "dev": 8}}, "training": how | training}
    graphs = {} if "category" in names.get(name, ()) else {"semantics": {"min_role_count": 1}}
    tasks = SYSTEMS[name].get("tasks", {}) | graphs
    return {**SYSTEMS[name], **tables, "tasks": tasks}


def recipe(name="spigot", tables=None, **training):
    """A recipe; `tables` replace or add tables."""
    return parse_recipe(content(name, **training) | (tables or {}), "test")


def train(out, wanted=None, resume=False):
    """Train to the end; return the trainer."""
    trainer = Trainer(recipe() if wanted is None else wanted, out, resume=resume, device="cpu")
    trainer.fit()
    return trainer


def train_interrupted(out, wanted, steps, resume=False):
    """Train until the given number of steps is done, as if a signal arrived during the last of them."""
    trainer = Trainer(wanted, out, resume=resume, device="cpu")
    update, done = trainer.updates.update, 0

    def counted(*arguments):
        nonlocal done
        done += 1
        trainer.stop = done == steps
        return update(*arguments)

    trainer.updates.update = counted
    try:
        trainer.fit()
    except Interrupted:
        return trainer
    raise AssertionError(f"expected more than {steps} steps, got {done}")


def weights(trainer):
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def metrics(out):
    """The rows of metrics.jsonl without their clock times."""
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [{k: v for k, v in row.items() if not k.endswith("second") and k != "seconds"} for row in rows]


def assert_pipeline_resumes(folder, wanted, steps, longest):
    """A run interrupted after `steps` gives the same result as a whole one.

    `longest` is the largest of the `steps` that the test tries: pre-training ends between 2 and that.
    """
    reference = train(folder / "whole", wanted)
    pretraining = len(plan(wanted, reference.corpora, 0))
    assert 2 < pretraining < longest
    train_interrupted(folder / "run", wanted, steps)
    resumed = train(folder / "run", wanted, resume=True)
    assert same(weights(resumed), weights(reference))
    assert metrics(folder / "run") == metrics(folder / "whole")
