"""A syntactic parser by itself, from its training to its use in another system."""

import pytest
import torch

from spigot.data.conllx import read_conllx, write_conllx
from spigot.data.sentence import Tree
from spigot.systems.loading import load_system
from spigot.systems.syntax_alone import SyntaxAlone
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics
from spigot.training.build import build_system
from spigot.training.config import RecipeError
from spigot.training.corpora import Corpora
from spigot.training.loop import Trainer
from spigot.training.recipe import parse_recipe
from tests.models.tiny import SENTENCES, parser, sentence, syntax_model, system

LARGER = parser(word_dim=16, tag_dim=16, hidden=32, embedding_std=1.0)["encoder"]
BIAFFINE = {"name": "Biaffine", "arc_dim": 16, "label_dim": 16, "dropout": 0.1}


def recipe(labels=True, selection=None, **settings):
    how = {"epochs": 4, "batch_tokens": 40, "learning_rate": 2e-2} | ({"selection": selection} if selection else {})
    return parse_recipe(
        {
            "system": {"kind": "syntax-alone", "syntax": parser() | settings},
            "tasks": {"syntax": {"labels": labels}},
            "data": {"builtin": {"train": {"syntax": 80}, "dev": 10}},
            "training": how,
        },
        "here",
    )


def train(out, wanted):
    trainer = Trainer(wanted, out, device="cpu")
    trainer.fit()
    return trainer


@pytest.mark.parametrize("scorer", [{"hidden": 16}, BIAFFINE], ids=["perceptron", "biaffine"])
@pytest.mark.parametrize("structure", ["ProjectiveTree", "NonProjectiveTree"])
def test_it_learns_and_comes_back(tmp_path, scorer, structure):
    trainer = train(tmp_path / "run", recipe(encoder=LARGER, scorer=scorer, structure={"name": structure}))
    rows = trainer.history.rows
    assert [set(row["dev"]) for row in rows] == [{"uas", "las"}] * 4
    assert rows[-1]["loss"]["syntax"] < 0.8 * rows[0]["loss"]["syntax"]
    best = max(rows, key=lambda row: row["dev"]["las"])
    assert trainer.history.best() is best
    loaded, dev = load_system(tmp_path / "run"), trainer.corpora.dev["syntax"]
    assert type(loaded) is SyntaxAlone
    score = loaded.score("syntax", dev)
    assert (score.uas, score.las) == (best["dev"]["uas"], best["dev"]["las"])
    assert score.las > 0.15
    names = {label for s in trainer.corpora.train["syntax"] for label in s.trees["syntax"].labels}
    assert {label for s in loaded.parse(dev) for label in s.trees["syntax"].labels} <= names


def test_labels_may_be_off_and_uas_may_decide(tmp_path):
    trainer = train(tmp_path / "run", recipe(labels=False))
    assert [set(row["dev"]) for row in trainer.history.rows] == [{"uas"}] * 4
    (parsed,) = load_system(tmp_path / "run").parse(SENTENCES[:1])
    assert set(parsed.trees["syntax"].labels) == {"_"}
    assert recipe(selection="uas").selection == ("uas",)
    assert recipe().selection == ("las",)
    with pytest.raises(RecipeError, match=r'training.selection: expected "uas" in this system, got "las"'):
        recipe(labels=False, selection="las")


def test_labels_are_written_to_conllx(tmp_path):
    parsed = syntax_model().parse(SENTENCES[:3])
    write_conllx(parsed, tmp_path / "a.conllx")
    assert [s.trees for s in read_conllx(tmp_path / "a.conllx")] == [s.trees for s in parsed]
    assert any(label != "_" for s in parsed for label in s.trees["syntax"].labels)


def crossing():
    heads, labels = (3, 4, 0, 3), ("a", "b", "root", "c")
    return sentence("w x y z", heads=heads).with_tree("syntax", Tree(heads, labels))


def test_trees_that_a_projective_parser_cannot_predict_are_counted(caplog):
    corpora = Corpora({"syntax": [*SENTENCES, crossing()]}, {"syntax": SENTENCES})
    build_system(recipe(), corpora)
    assert "syntax: 1 of 41 training trees are not projective" in caplog.text
    caplog.clear()
    build_system(recipe(structure={"name": "NonProjectiveTree"}), corpora)
    build_system(recipe(), Corpora({"syntax": SENTENCES}, {"syntax": SENTENCES}))
    assert not caplog.text


def test_trees_without_labels_are_refused():
    bare = [sentence("a b", heads=(0, 1))]
    with pytest.raises(
        RecipeError, match=r"syntax: expected training trees with labels \(or tasks.syntax.labels = false"
    ):
        build_system(recipe(), Corpora({"syntax": bare}, {"syntax": bare}))


def joint(init, labels=True):
    return parse_recipe(
        {
            "system": system("SPIGOT"),
            "tasks": {"syntax": {"labels": labels}, "semantics": {"min_role_count": 1}},
            "data": {"builtin": {"train": {"syntax": 20, "semantics": 20}, "dev": 8}},
            "intermediate": {"init": str(init)},
            "training": {"epochs": 1},
        },
        "here",
    )


@pytest.mark.parametrize("labels", [True, False])
def test_it_is_the_start_of_a_joint_system(tmp_path, labels):
    trained = train(tmp_path / "syntax", recipe()).model.syntax
    trainer = Trainer(joint(tmp_path / "syntax", labels), tmp_path / "joint", device="cpu")
    assert type(trainer.model) is SyntaxThenSemantics
    kept = {
        k: v for k, v in load_system(tmp_path / "syntax").syntax.state_dict().items() if labels or "label." not in k
    }
    found = trainer.model.syntax.state_dict()
    assert kept.keys() == found.keys()
    assert all(torch.equal(kept[name], found[name]) for name in kept)
    assert trainer.model.syntax.vocabulary.to_dict() == trained.vocabulary.to_dict()


def test_a_start_without_labels_gives_none(tmp_path):
    train(tmp_path / "syntax", recipe(labels=False))
    with pytest.raises(
        RecipeError, match=r"syntax: expected a trained parser with labels, or tasks.syntax.labels = false"
    ):
        Trainer(joint(tmp_path / "syntax"), tmp_path / "joint", device="cpu")
