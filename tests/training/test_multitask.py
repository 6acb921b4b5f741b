"""Several tasks trained together."""

import pytest

from spigot.systems.loading import load_system
from tests.training.runs import metrics, recipe, same, train, train_interrupted, weights


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("multitask") / "run"
    return train(out, recipe("multitask")), out


def test_every_task_is_trained_and_scored(whole):
    trainer, out = whole
    rows = metrics(out)
    assert [set(row["loss"]) for row in rows] == [{"semantics", "pos", "syntax"}] * 2
    assert [set(row["dev"]) for row in rows] == [{"uf", "lf", "pos.accuracy", "uas", "las"}] * 2
    assert rows[0]["sentences"] == 3 * 24
    means = [(row["dev"]["lf"] + row["dev"]["pos.accuracy"] + row["dev"]["las"]) / 3 for row in rows]
    assert trainer.history.best()["epoch"] == 1 + means.index(max(means))
    for name in rows[0]["loss"]:
        assert rows[1]["loss"][name] < rows[0]["loss"][name]
    dev = trainer.corpora.dev["pos"]
    best = rows[means.index(max(means))]["dev"]
    assert load_system(out).score("pos", dev).accuracy == best["pos.accuracy"]


@pytest.mark.parametrize("steps", [1, 9])
def test_resume_equals_uninterrupted(tmp_path, whole, steps):
    trainer, out = whole
    train_interrupted(tmp_path / "run", trainer.recipe, steps)
    resumed = train(tmp_path / "run", trainer.recipe, resume=True)
    assert same(weights(resumed), weights(trainer))
    assert metrics(tmp_path / "run") == metrics(out)
