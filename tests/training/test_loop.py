import copy
import json
import math

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from spigot.data.conllu import write_conllu
from spigot.data.sdp import write_sdp
from spigot.data.sentence import Tree
from spigot.systems.batch import Batch
from spigot.systems.checkpoint import CONFIG, VOCABULARY, WEIGHTS
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics
from spigot.training.build import build_system
from spigot.training.config import RecipeError
from spigot.training.loop import Trainer
from spigot.training.plan import Step
from spigot.training.update import batch_losses
from tests.models.tiny import SENTENCES, system
from tests.training.runs import SYSTEMS, metrics, recipe, same, train, weights


@pytest.mark.parametrize("name", SYSTEMS)
def test_all_systems_learn(tmp_path, name):
    trainer = train(tmp_path / "run", recipe(name, epochs=3))
    joint = [row for row in trainer.history.rows if not row["pretraining"]]
    assert len(joint) == 3
    for task in joint[0]["loss"]:
        losses = [row["loss"][task] for row in joint]
        assert losses == sorted(losses, reverse=True)
        assert losses[-1] < 0.9 * losses[0] if task == "semantics" else losses[-1] < losses[0]
    trained = {"neurbo": "semantics", "pipeline": "semantics", "sentiment": "semantics sentiment"}
    trained |= {"multitask": "semantics pos syntax", "latent": "category", "category": "category syntax"}
    assert set(joint[0]["loss"]) == set(trained.get(name, "semantics syntax").split())
    scores = {"neurbo": "uf lf", "sentiment": "uf lf accuracy", "multitask": "uas las uf lf pos.accuracy"}
    scores |= {"latent": "uas accuracy", "category": "uas las accuracy"}
    assert set(joint[0]["dev"]) == set(scores.get(name, "uas las uf lf").split())


def test_what_a_run_leaves(tmp_path):
    out = tmp_path / "deep" / "run"
    wanted = recipe("pipeline")
    trainer = train(out, wanted)
    assert {path.name for path in out.iterdir()} == {
        CONFIG,
        VOCABULARY,
        WEIGHTS,
        "README.md",
        "about.json",
        "metrics.jsonl",
        "recipe.json",
        "tensorboard",
    }
    assert any("tfevents" in path.name for path in (out / "tensorboard").rglob("*"))
    assert type(wanted).model_validate_json((out / "recipe.json").read_text("utf-8")) == wanted
    rows = metrics(out)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["pretraining"] for row in rows] == [True, False, False]
    assert [row["sentences"] for row in rows] == [24, 24, 24]
    assert [set(row["loss"]) for row in rows] == [{"syntax"}, {"semantics"}, {"semantics"}]
    assert [json.loads(line) for line in (out / "metrics.jsonl").open()] == trainer.history.rows


def test_tensorboard_has_the_scores_of_every_epoch(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    rows = metrics(tmp_path / "run")
    for tag, key in (("dev/uas", "uas"), ("dev/lf", "lf")):
        logged = events.Scalars(tag)
        assert [event.step for event in logged] == [1, 2]
        assert [event.value for event in logged] == pytest.approx([row["dev"][key] for row in rows], rel=1e-6)
    assert {"loss/syntax", "loss/semantics", "learning_rate"} <= set(events.Tags()["scalars"])


def test_the_seed_fixes_everything(tmp_path):
    tables = {
        "system": {**SYSTEMS["spigot"]["system"], "semantics": {"scorer": {"hidden": 6}, "encoder": {"dropout": 0.2}}}
    }
    first, again = (train(tmp_path / name, recipe(tables=tables)) for name in "ab")
    assert same(weights(first), weights(again))
    assert metrics(tmp_path / "a") == metrics(tmp_path / "b")
    other = train(tmp_path / "c", recipe(tables=tables, seed=2))
    assert not same(weights(first), weights(other))
    assert metrics(tmp_path / "a") != metrics(tmp_path / "c")


def test_each_update_draws_its_own_dropout(tmp_path):
    tables = copy.deepcopy(SYSTEMS["spigot"])
    for part in ("syntax", "semantics"):
        tables["system"][part]["encoder"] |= {"dropout": 0.5, "word_dropout": 0.0}
    wanted = recipe(tables=tables, learning_rate=1e-30)
    trainer = Trainer(wanted, tmp_path / "run", device="cpu")
    trainer.model.train()
    batch = Batch("semantics", trainer.corpora.train["semantics"][:4])
    losses = {step: trainer.updates.update(batch, *step, 0.5) for step in ((1, 1), (1, 2), (2, 1), (2, 2))}
    assert len(set(losses.values())) == 4
    assert {step: trainer.updates.update(batch, *step, 0.5) for step in losses} == losses


def scripted(monkeypatch, scores):
    """Let the dev scores be these; return the weights of each epoch, as they are collected."""
    kept = []

    def dev(self, pretraining):
        kept.append(weights(self))
        score = scores[len(kept) - 1]
        return {"uas": 1 - score} | ({} if pretraining else {"uf": score, "lf": score})

    monkeypatch.setattr(Trainer, "_dev", dev)
    return kept


@pytest.mark.parametrize(("selection", "best"), [("lf", 2), ("uas", 4)])
def test_the_best_dev_score_decides_what_is_kept(tmp_path, monkeypatch, selection, best):
    kept = scripted(monkeypatch, [0.2, 0.7, 0.7, 0.1])
    trainer = Trainer(recipe(epochs=4, selection=selection), tmp_path / "run", device="cpu")
    assert trainer.fit()["epoch"] == best
    assert same(load_file(tmp_path / "run" / WEIGHTS), kept[best - 1])
    loaded = SyntaxThenSemantics.from_pretrained(tmp_path / "run")
    assert same(loaded.state_dict(), kept[best - 1])


def test_pretraining_is_never_selected(tmp_path, monkeypatch):
    kept = scripted(monkeypatch, [0.0, 0.3, 0.2])
    tables = {"intermediate": {"pretrain_epochs": 1}}
    trainer = Trainer(recipe(tables=tables, selection="uas"), tmp_path / "run", device="cpu")
    assert trainer.fit()["epoch"] == 3
    assert same(load_file(tmp_path / "run" / WEIGHTS), kept[2])


def test_a_pipeline_leaves_the_frozen_parser_as_it_is(tmp_path, monkeypatch):
    kept = scripted(monkeypatch, [0, 0, 0])
    trainer = train(tmp_path / "run", recipe("pipeline", weight_decay=0.1))
    pretrained, *later = kept
    syntax = [name for name in pretrained if name.startswith("syntax.")]
    assert len(syntax) > 5
    for state in later:
        changed = {name for name in state if not torch.equal(state[name], pretrained[name])}
        assert changed
        assert not changed & set(syntax)
    assert not trainer.model.syntax.training
    assert trainer.model.semantics.encoder is not None


@pytest.mark.parametrize("name", ["pipeline", "category"])
def test_trees_of_a_frozen_parser_are_kept(tmp_path, monkeypatch, name):
    # Training on them is the same as running the parser at each step.
    table = SYSTEMS[name]["system"] | {"surrogate": {"name": "Detach"}}
    how = {"system": table, "intermediate": {"pretrain_epochs": 1, "frozen": True}}
    kept = train(tmp_path / "kept", recipe(name, how))
    assert kept.annotated
    monkeypatch.setattr(type(kept.model), "annotate", lambda self, sentences: None)
    parsed = train(tmp_path / "parsed", recipe(name, how))
    assert not parsed.annotated
    assert same(weights(kept), weights(parsed))
    assert metrics(tmp_path / "kept") == metrics(tmp_path / "parsed")


def test_a_relaxed_frozen_parser_runs_at_each_step(tmp_path):
    how = {"intermediate": {"pretrain_epochs": 1, "frozen": True}}
    assert not train(tmp_path / "run", recipe("sa", how)).annotated


def test_a_pipeline_trains_on_given_trees(tmp_path):
    write_conllu(SENTENCES, tmp_path / "train.conllu")
    write_sdp(SENTENCES, tmp_path / "train.sdp")
    chains = [s.with_tree("syntax", Tree(tuple(range(len(s))), ("_",) * len(s))) for s in SENTENCES]
    write_conllu(chains, tmp_path / "chains.conllu")
    files = {"semantics": "train.sdp", "syntax": "train.conllu"}
    data = {task: {"train": file, "dev": file} for task, file in files.items()} | {"root": str(tmp_path)}
    how = {"pretrain_epochs": 1, "frozen": True}
    own = train(tmp_path / "own", recipe("pipeline", {"data": data, "intermediate": how}))
    given = train(
        tmp_path / "given", recipe("pipeline", {"data": data, "intermediate": how | {"trees": "chains.conllu"}})
    )
    train_trees = given.corpora.train["semantics"]
    assert [s.trees["syntax"].heads for s in train_trees] == [tuple(range(len(s))) for s in SENTENCES]
    # On dev it reads what the parser predicts.
    dev = [s.trees["syntax"].heads for s in given.corpora.dev["semantics"]]
    assert dev == [s.trees["syntax"].heads for s in own.corpora.dev["semantics"]]
    assert dev != [tuple(range(len(s))) for s in SENTENCES]
    changed = {name for name, tensor in weights(given).items() if not torch.equal(tensor, weights(own)[name])}
    assert changed
    assert not [name for name in changed if name.startswith("syntax.")]


def test_no_weight_and_detach_are_the_same(tmp_path):
    # Joint training without a gradient from the end task to the syntactic parser.
    detached = train(tmp_path / "a", recipe(tables={"system": system("Detach")}))
    tables = {"system": system("SPIGOT"), "intermediate": {"end_task_weight": 0.0}}
    weightless = train(tmp_path / "b", recipe(tables=tables))
    assert same(weights(detached), weights(weightless))
    assert metrics(tmp_path / "a") == metrics(tmp_path / "b")
    # The other task's steps have no effect either: the syntactic parser trains as if it were alone.
    reaching = train(tmp_path / "c", recipe(tables={"system": system("SPIGOT")}))
    assert not same(weights(detached), weights(reaching))


@pytest.mark.parametrize("name", ["spigot", "ste", "sa"])
def test_a_semantic_step_moves_the_syntactic_parser(tmp_path, name):
    trainer = Trainer(recipe(name), tmp_path / "run", device="cpu")
    before = weights(trainer)
    step = Step("semantics", trainer.corpora.train["semantics"][:6], list(range(6)))
    trainer.updates.update(trainer._batch(step), 0, 0, 0.0)
    moved = {key for key, tensor in weights(trainer).items() if not torch.equal(tensor, before[key])}
    assert {"syntax.arc.head.weight", "syntax.encoder.word.weight", "semantics.arc.head.weight"} <= moved


def moves(trainer, *steps):
    """By how much each of some updates moves the parameters of the syntactic parser."""
    found = []
    for number, task in enumerate(steps):
        before = weights(trainer)
        step = Step(task, trainer.corpora.train[task][:6], list(range(6)))
        trainer.updates.update(trainer._batch(step), 0, number, 0.0)
        found.append({k: v - before[k] for k, v in weights(trainer).items() if k.startswith("syntax.")})
    return found


def with_weight(weight, own_averages):
    return recipe(tables={"intermediate": {"end_task_weight": weight, "own_averages": own_averages}})


def test_the_end_tasks_updates_of_the_parser_may_have_averages_of_their_own(tmp_path):
    steps = ("syntax", "semantics", "semantics", "syntax")
    trainers = {
        (weight, own): Trainer(with_weight(weight, own), tmp_path / f"{weight}-{own}", device="cpu")
        for weight in (1.0, 0.1)
        for own in (False, True)
    }
    # Adam takes the length out of the first gradient; with own averages its weight is one on the rate.
    first = {key: moves(trainer, "semantics")[0]["syntax.arc.head.weight"] for key, trainer in trainers.items()}
    torch.testing.assert_close(first[0.1, False], first[1.0, False], rtol=0.05, atol=1e-4)
    torch.testing.assert_close(first[0.1, True], 0.1 * first[1.0, True], rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(first[1.0, True], first[1.0, False])
    moves(trainers[0.1, True], *steps)
    updates = trainers[0.1, True].updates
    weight = trainers[0.1, True].model.get_parameter("syntax.arc.head.weight")
    assert updates.optimizer.state[weight]["step"] == steps.count("syntax")
    assert updates.end_task_optimizer.state[weight]["step"] == 1 + steps.count("semantics")
    ours = set(updates.groups["syntax"])
    assert {p for group in updates.end_task_optimizer.param_groups for p in group["params"]} == ours


def test_with_averages_of_its_own_a_gradient_of_no_weight_leaves_the_parser(tmp_path):
    trainer = Trainer(with_weight(0.0, True), tmp_path / "run", device="cpu")
    moved = moves(trainer, "syntax", "semantics")
    assert any(tensor.any() for tensor in moved[0].values())
    assert not any(tensor.any() for tensor in moved[1].values())


def test_a_syntactic_step_leaves_the_semantic_parser(tmp_path):
    trainer = Trainer(recipe(), tmp_path / "run", device="cpu")
    before = weights(trainer)
    step = Step("syntax", trainer.corpora.train["syntax"][:6], list(range(6)))
    trainer.updates.update(trainer._batch(step), 0, 0, 0.0)
    moved = {key for key, tensor in weights(trainer).items() if not torch.equal(tensor, before[key])}
    assert moved
    assert all(key.startswith("syntax.") for key in moved)


def test_neurbo_has_no_syntax(tmp_path):
    trainer = train(tmp_path / "run", recipe("neurbo"))
    assert trainer.model.syntax is None
    assert set(trainer.corpora.train) == set(trainer.corpora.dev) == {"semantics"}
    assert not any("syntax" in name for name in load_file(tmp_path / "run" / WEIGHTS))


@pytest.mark.parametrize("clip", [None, 1e-3])
def test_gradients_are_means_over_the_batch_and_capped_for_each_parser(tmp_path, clip):
    tables = {"training": {} if clip is None else {"clip_norm": clip}}
    trainer = Trainer(recipe(tables=tables), tmp_path / "run", device="cpu")
    object.__setattr__(trainer.recipe.training, "clip_norm", clip)
    sentences = trainer.corpora.train["semantics"][:4]
    batch_losses(trainer.model, Batch("semantics", sentences), np.random.default_rng(0), 1.0).sum().backward()
    gradients = {name: p.grad for name, p in trainer.model.named_parameters()}
    # The labels of syntactic arcs have no part in the semantic loss.
    assert {name for name, grad in gradients.items() if grad is None} == {
        name for name in gradients if name.startswith("syntax.label.")
    }
    sums = {name: grad.clone() for name, grad in gradients.items() if grad is not None}
    trainer.updates._scale_and_clip(len(sentences))
    for part in ("syntax.", "semantics."):
        mean = {name: grad / 4 for name, grad in sums.items() if name.startswith(part)}
        norm = torch.stack([grad.norm() for grad in mean.values()]).norm()
        assert norm > 1e-3
        scale = 1.0 if clip is None else clip / norm
        for name, grad in mean.items():
            ours = trainer.model.get_parameter(name).grad
            torch.testing.assert_close(ours, scale * grad, rtol=1e-3, atol=1e-9)


def test_learning_rates_are_those_of_the_schedule(tmp_path):
    train(tmp_path / "run", recipe(epochs=3, halve_every=2))
    assert [row["learning_rate"] for row in metrics(tmp_path / "run")] == [5e-3, 5e-3, 2.5e-3]


def test_bf16(tmp_path):
    AcceleratorState._reset_state(reset_partial_state=True)
    try:
        trainer = train(tmp_path / "run", recipe("spigot", mixed_precision="bf16"))
        before, after = (row["loss"] for row in trainer.history.rows)
        assert all(math.isfinite(after[task]) and after[task] < before[task] for task in ("syntax", "semantics"))
        assert all(p.dtype == torch.float32 for p in trainer.model.parameters())
        # The forward pass really is in half precision: the loss differs, but only as much as half precision explains.
        AcceleratorState._reset_state(reset_partial_state=True)
        single = train(tmp_path / "single", recipe("spigot"))
        ours, theirs = trainer.history.rows[0]["loss"]["semantics"], single.history.rows[0]["loss"]["semantics"]
        assert ours != theirs
        assert ours == pytest.approx(theirs, rel=0.05)
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)


def test_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("")
    with pytest.raises(RecipeError, match=r"--out .*run: expected a new or empty folder"):
        Trainer(recipe(), tmp_path / "run", device="cpu")
    with pytest.raises(RecipeError, match=r"--out .*thesis.tex: expected a new or empty folder .*, got a file$"):
        Trainer(recipe(), tmp_path / "run" / "thesis.tex", device="cpu")
    (tmp_path / "empty").mkdir()
    Trainer(recipe(), tmp_path / "empty", device="cpu")


def test_starting_from_another_runs_parser(tmp_path):
    first = train(tmp_path / "a", recipe(tables={"system": system("Detach")}))
    saved = load_file(tmp_path / "a" / WEIGHTS)
    tables = {
        "system": system("Detach"),
        "intermediate": {"init": str(tmp_path / "a"), "frozen": True},
        "data": {"builtin": {"train": {"syntax": 5, "semantics": 20}, "dev": 8, "seed": 3}},
    }
    second = train(tmp_path / "b", recipe(tables=tables))
    ours = weights(second)
    for name, tensor in saved.items():
        if name.startswith("syntax."):
            assert torch.equal(ours[name], tensor)
    # The vocabulary comes along; the semantic parser's is that of the new data.
    assert second.model.syntax.vocabulary.to_dict() == first.model.syntax.vocabulary.to_dict()
    assert second.model.semantics.vocabulary.to_dict() != first.model.semantics.vocabulary.to_dict()


def test_pretraining_may_go_on_from_another_runs_parser(tmp_path):
    train(tmp_path / "a", recipe(tables={"system": system("Detach")}))
    start = load_file(tmp_path / "a" / WEIGHTS)["syntax.arc.head.weight"]
    tables = {"intermediate": {"init": str(tmp_path / "a"), "frozen": True, "pretrain_epochs": 1}}
    second = train(tmp_path / "b", recipe("pipeline", tables))
    assert [row["pretraining"] for row in second.history.rows] == [True, False, False]
    assert not torch.equal(weights(second)["syntax.arc.head.weight"], start)


def test_a_parser_of_other_sizes_cannot_be_the_start(tmp_path):
    train(tmp_path / "a", recipe(epochs=1))
    other = system("SPIGOT")
    other["syntax"]["scorer"] = {"hidden": 7}
    tables = {"system": other, "intermediate": {"init": str(tmp_path / "a")}}
    message = r"intermediate.init: expected a run with the same \[system.syntax\], got .* scorer.hidden \d+ \(here 7\)$"
    with pytest.raises(RecipeError, match=message):
        Trainer(recipe(tables=tables), tmp_path / "b", device="cpu")
    assert not (tmp_path / "b").exists()


def test_init_ignores_how_its_parser_was_trained(tmp_path):
    train(tmp_path / "a", recipe(epochs=1))
    other = system("SPIGOT")
    rates = {"embedding_std": 1.0, "dropout": 0.25, "word_dropout": 0.5, "drop_all_inputs": False}
    other["syntax"]["encoder"] = other["syntax"]["encoder"] | rates
    tables = {"system": other, "intermediate": {"init": str(tmp_path / "a")}}
    trainer = Trainer(recipe(tables=tables), tmp_path / "b", device="cpu")
    start = load_file(tmp_path / "a" / WEIGHTS)
    assert torch.equal(trainer.model.syntax.state_dict()["encoder.tag.weight"], start["syntax.encoder.tag.weight"])
    encoder = trainer.model.syntax.encoder
    assert (encoder.dropout, encoder.word_dropout, encoder.drop_all_inputs) == (0.25, 0.5, False)


def test_word_vectors(tmp_path):
    (tmp_path / "vectors.txt").write_text("the 1 2 3 4 5 6\nwolverine 6 5 4 3 2 1\n")
    tables = {"data": {"vectors": str(tmp_path / "vectors.txt"), "builtin": {"train": {"syntax": 9, "semantics": 9}}}}
    trainer = Trainer(recipe(tables=tables), tmp_path / "run", device="cpu")
    for parser in (trainer.model.syntax, trainer.model.semantics):
        the = parser.encoder.word.weight[parser.vocabulary.words["the"]]
        assert the.tolist() == [1, 2, 3, 4, 5, 6]
        assert parser.encoder.vector_word.tolist() == [[6, 5, 4, 3, 2, 1]]
    tables["data"]["vectors"] = str(tmp_path / "narrow.txt")
    (tmp_path / "narrow.txt").write_text("the 1 2\n")
    with pytest.raises(RecipeError, match=r"word_dim: expected 2, the size of the word vectors, got 6"):
        build_system(recipe(tables=tables), trainer.corpora)
