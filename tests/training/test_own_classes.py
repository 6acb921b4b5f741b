import json
import sys

import pytest
import torch

from spigot.models.config import NamedEncoder
from spigot.systems import SYSTEMS as KINDS
from spigot.systems.checkpoint import CONFIG, WEIGHTS, CheckpointError
from spigot.systems.loading import load_system
from spigot.training.config import RecipeError
from spigot.training.loop import Trainer
from spigot.training.recipe import parse_recipe
from tests.models.tiny import SENTENCES, parser, sentence, sentiment_system, system
from tests.training.own_classes import HeadsAlone, Window
from tests.training.runs import SYSTEMS, content, recipe, same, train, train_interrupted, weights

WINDOW = {"name": "tests.training.own_classes.Window", "size": 5}
WORDLESS = {"drop_vector": False, "drop_all_inputs": False, "second": "none"}
HEADS = {"name": "tests.training.own_classes.HeadsAlone", "scale": 0.5}


def own_system():
    tables = system("SPIGOT")
    tables["syntax"]["encoder"] = WINDOW
    tables["semantics"]["encoder"] = WINDOW | {"width": 5}
    return tables | {"tree_feature": HEADS}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("own") / "run"
    return train(out, recipe(tables={"system": own_system()})), out


def test_own_classes_are_trained(run, tmp_path):
    trainer, _ = run
    model = trainer.model
    assert type(model.syntax.encoder) is type(model.semantics.encoder) is Window
    assert (model.syntax.encoder.reach, model.semantics.encoder.reach) == (1, 2)
    assert type(model.semantics.tree_feature) is HeadsAlone
    assert model.semantics.predicate.layers[0].in_features == 6
    assert model.syntax.word_dropout == 0.5
    start = weights(Trainer(trainer.recipe, tmp_path / "run", device="cpu"))
    for name in ("syntax.encoder.word.weight", "semantics.encoder.word.weight"):
        assert not torch.equal(weights(trainer)[name], start[name])


def test_own_classes_are_saved_and_rebuilt(run):
    trainer, out = run
    kept = json.loads((out / CONFIG).read_text("utf-8"))["system"]
    assert kept["syntax"]["encoder"] == WINDOW
    assert kept["tree_feature"] == HEADS
    loaded = load_system(out)
    assert loaded.config == trainer.model.config
    assert loaded.semantics.tree_feature.scale == 0.5
    again = load_system(out)
    assert again.parse(SENTENCES) == loaded.parse(SENTENCES)
    assert same(again.state_dict(), loaded.state_dict())


def test_the_end_task_reaches_the_syntactic_parser_through_an_own_feature(run, tmp_path):
    trainer, _ = run
    detached = train(tmp_path / "run", recipe(tables={"system": own_system() | {"surrogate": {"name": "Detach"}}}))
    ours, theirs = weights(trainer), weights(detached)
    assert not torch.equal(ours["syntax.arc.head.weight"], theirs["syntax.arc.head.weight"])


def test_an_own_encoder_reads_the_words_themselves(run):
    model = run[0].model
    lower, upper = sentence("the dog"), sentence("the DOG")
    one, other = (model.syntax.encoder(model.syntax.vocabulary.encode([s])[0]) for s in (lower, upper))
    assert torch.equal(one[..., :-1], other[..., :-1])
    assert (one[0, :, -1].tolist(), other[0, :, -1].tolist()) == ([0, 0, 0], [0, 0, 1])


def test_an_own_encoder_in_the_other_system(tmp_path):
    tables = sentiment_system("SPIGOT", dropout=0.0)
    tables["classifier"]["encoder"] = WINDOW
    wanted = content("sentiment") | {"system": tables}
    train(tmp_path / "run", parse_recipe(wanted, "test"))
    loaded = load_system(tmp_path / "run")
    assert type(loaded.sentiment.encoder) is Window
    assert {s.sentiment for s in loaded.parse(SENTENCES)} <= {0, 1}


def test_a_resumed_run_ends_in_the_same_weights(run, tmp_path):
    trainer, _ = run
    train_interrupted(tmp_path / "run", trainer.recipe, steps=5)
    again = train(tmp_path / "run", trainer.recipe, resume=True)
    assert same(weights(again), weights(trainer))


def test_arguments_of_an_own_encoder_are_checked():
    for table, message in (
        (WINDOW | {"size": 5.5}, "system.syntax.encoder.size: expected an integer, got 5.5"),
        (WINDOW | {"width": 4}, "system.syntax.encoder.width: expected 1, 3 or 5, got 4"),
        ({"name": WINDOW["name"]}, r"system.syntax.encoder.size: expected a value \(.*Window has no default\)"),
        (HEADS, "system.syntax.encoder.name: expected a concrete Encoder, got 'tests.training.own_classes.HeadsAlone'"),
    ):
        with pytest.raises(RecipeError, match=f"^test: {message}"):
            parse_recipe({"system": {"syntax": {"encoder": table}}}, "test")


def test_errors_of_a_constructor_name_the_argument():
    # Only the vocabulary shows that it cannot be built.
    with pytest.raises(ValueError, match=r"^name: BiLSTMEncoder: "):
        NamedEncoder("BiLSTMEncoder").build()


def test_a_checkpoint_whose_class_cannot_be_imported(run, tmp_path):
    _, out = run
    there = tmp_path / "copy"
    there.mkdir()
    for name in (WEIGHTS, "vocabulary.json"):
        (there / name).write_bytes((out / name).read_bytes())
    kept = json.loads((out / CONFIG).read_text("utf-8"))
    kept["system"]["syntax"]["encoder"]["name"] = "not_installed_here.encoders.Window"
    (there / CONFIG).write_text(json.dumps(kept))
    (there / "not_installed_here.py").write_text("raise SystemExit('what lies in a checkpoint is never run')")
    with pytest.raises(CheckpointError, match="expected the dotted path of an importable class") as caught:
        load_system(there)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("(No module named 'not_installed_here'; is its folder in PYTHONPATH?)")
    assert "not_installed_here" not in sys.modules


@pytest.mark.parametrize(
    ("name", "tables", "place"),
    [
        ("spigot", {"semantics": parser(**WORDLESS)}, "semantics.encoder"),
        ("spigot", {"syntax": parser(**WORDLESS)}, "syntax.encoder"),
        ("multitask", {"encoder": WORDLESS}, "encoder"),
        ("multitask", {"tagger": "pos", "tagger_encoder": WORDLESS}, "tagger_encoder"),
        ("category", {"category": {"encoder": WORDLESS}}, "category.encoder"),
    ],
)
def test_a_constructors_complaint_names_the_part(tmp_path, name, tables, place):
    wanted = recipe(name, tables={"system": SYSTEMS[name]["system"] | tables})
    with pytest.raises(RecipeError, match=rf"^system\.{place}\.drop_vector: expected true beside"):
        Trainer(wanted, tmp_path / "run", device="cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (torch.mean, r"expected shape \[\d+\], got \[\]"),
        (lambda losses: losses[1:], r"expected shape \[\d+\], got \[\d+\]"),
        (lambda losses: losses[:, None], r"expected shape \[(\d+)\], got \[\1, 1\]"),
        (lambda losses: losses.long(), "expected a floating-point tensor, got torch.int64"),
        (lambda losses: 1.0, "expected Tensor, got float"),
    ],
)
def test_a_task_returns_a_loss_for_each_sentence(tmp_path, monkeypatch, change, message):
    trainer = Trainer(recipe("spigot"), tmp_path / "run", device="cpu")
    task = type(trainer.model.tasks["syntax"])
    losses = task.losses
    monkeypatch.setattr(task, "losses", lambda *arguments: change(losses(*arguments)))
    with pytest.raises((TypeError, ValueError), match=rf"^{task.__name__}\.losses: {message}$"):
        trainer.fit()


@pytest.mark.parametrize("values", [(float("nan"), 0.5), (0.5, 1.5), (0.5,), 0.5, None, (torch.tensor(0.5),) * 2])
def test_a_task_returns_its_scores_as_shares(tmp_path, monkeypatch, values):
    trainer = Trainer(recipe("spigot"), tmp_path / "run", device="cpu")
    task = type(trainer.model.tasks["semantics"])
    monkeypatch.setattr(task, "values", lambda *arguments: values)
    with pytest.raises(ValueError, match=rf"^{task.__name__}\.values: expected 2 numbers from 0 to 1, got "):
        trainer.fit()
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_a_vocabulary_that_cannot_be_saved_is_told_of_before_training(tmp_path, monkeypatch):
    wanted = recipe("spigot")
    monkeypatch.setattr(wanted.system_class, "to_vocabulary", lambda self: {"words": {"a", "b"}})
    message = r"^\w+\.to_vocabulary: expected what JSON can hold, got another value: .* set is not JSON serializable$"
    with pytest.raises(RecipeError, match=message):
        Trainer(wanted, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_system_is_entered_under_its_kind(tmp_path, monkeypatch):
    wanted = recipe("spigot")
    kind = wanted.system.kind
    monkeypatch.setitem(KINDS, kind, type("Other", (KINDS[kind],), {"kind": "other"}))
    with pytest.raises(RecipeError, match=f"^system.kind: expected Other to have the kind '{kind}', got 'other'$"):
        Trainer(wanted, tmp_path / "run", device="cpu")


def test_a_name_is_no_run_to_start_from(tmp_path):
    for table, key in (("intermediate", "init"), ("training", "start")):
        wanted = recipe("spigot", {table: {key: "nowhere"}})
        with pytest.raises(RecipeError, match=f"^{table}.{key}: nowhere: expected a folder, got none"):
            Trainer(wanted, tmp_path / "run", device="cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda states: states[:, 1:], r"expected shape \[(\d+), (\d+), (\d+)\], got \[\1, (?!\2)\d+, \3\]"),
        (lambda states: states[..., 1:], r"expected shape \[(\d+), (\d+), (\d+)\], got \[\1, \2, (?!\3)\d+\]"),
        (lambda states: (states, None), "expected a tensor, got tuple"),
    ],
)
def test_an_encoder_returns_a_state_for_each_token(tmp_path, monkeypatch, change, message):
    forward = Window.forward
    monkeypatch.setattr(Window, "forward", lambda *arguments: change(forward(*arguments)))
    with pytest.raises((TypeError, ValueError), match=rf"^Window\.forward: {message}$"):
        train(tmp_path / "run", recipe(tables={"system": own_system()}))


def test_an_encoder_needs_columns_that_there_are(tmp_path, monkeypatch):
    monkeypatch.setattr(Window, "needs", frozenset({"words", "pos"}))
    with pytest.raises(ValueError, match=r"^Window\.needs: expected of words, lemmas, tags, got 'pos'$"):
        train(tmp_path / "run", recipe(tables={"system": own_system()}))
