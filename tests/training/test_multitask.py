"""Several tasks trained together."""

import dataclasses

import pytest

from spigot.builtin import generate
from spigot.data.sdp import write_sdp
from spigot.data.sentence import Sentence
from spigot.systems.loading import load_system
from spigot.training.recipe import load_recipe
from tests.models.tiny import multitask_system
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


def test_formalisms_of_corpora_of_their_own(tmp_path):
    sentences = generate(36, seed=5)
    for name, some in {
        "dm": sentences[:16],
        "pb": sentences[16:32],
        "eud": sentences[:16],
        "dev": sentences[32:],
    }.items():
        with open(tmp_path / f"{name}.sdp", "w", encoding="utf-8") as file:
            write_sdp(some, file, graph="semantics")
    files = "\n".join(f'[data.{name}]\ntrain = "{name}.sdp"\ndev = "dev.sdp"' for name in ("dm", "pb", "eud"))
    (tmp_path / "data.toml").write_text(f"{files}\n", "utf-8")
    small = ["hidden=8", "layers=1", "word_dim=6", "second_dim=4", "tag_dim=4"]
    settings = [f"system.encoder.{each}" for each in small]
    settings += [f"tasks.{name}.min_role_count=1" for name in ("dm", "pb", "eud")]
    settings += ["training.epochs=2", "training.batch_tokens=60", "training.learning_rate=1e-2"]
    wanted = load_recipe("modern/freda3", ["system.parts.eud.kind=semantics", *settings], data=str(tmp_path))
    trainer = train(tmp_path / "run", wanted)
    first, second = metrics(tmp_path / "run")
    assert first["loss"].keys() == {"dm", "pb", "eud"}
    assert all(second["loss"][name] < first["loss"][name] for name in first["loss"])
    assert trainer.model.intermediate is None
    assert trainer.model.parse_layer is None
    # One encoder, which learns from all; scorers of their own.
    assert list(trainer.model.encoders) == ["shared"]
    (parsed,) = load_system(tmp_path / "run").parse([dataclasses.replace(sentences[0], graphs={}, trees={})])
    assert parsed.graphs.keys() == {"dm", "pb", "eud"}


def test_a_tagger_that_feeds_the_encoders_is_trained_with_them(tmp_path):
    sizes = {"word_dim": 6, "character_dim": 4, "hidden": 8, "layers": 1}
    system = multitask_system(tagger="pos", encoder=sizes | {"tag_dim": 3}, tagger_encoder=sizes)
    trainer = train(tmp_path / "run", recipe("multitask", {"system": system}, epochs=3, learning_rate=2e-2))
    rows = metrics(tmp_path / "run")
    assert all(rows[-1]["loss"][name] < rows[0]["loss"][name] for name in ("semantics", "pos", "syntax"))
    assert rows[-1]["dev"]["pos.accuracy"] > rows[0]["dev"]["pos.accuracy"]
    model = load_system(tmp_path / "run")
    assert model.needs == {"words"}
    raw = [Sentence(s.id, s.forms, ("_",) * len(s), ("_",) * len(s)) for s in trainer.corpora.dev["pos"]]
    parsed = model.parse(raw)
    best = rows[trainer.history.best()["epoch"] - 1]["dev"]
    assert model.tasks["syntax"].score(trainer.corpora.dev["syntax"], parsed).uas == best["uas"]
