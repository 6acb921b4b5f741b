"""A classifier that reads a tree: latent, supervised, given, or none."""

import re

import numpy as np
import pytest
import torch

from spigot.data.sentence import Sentence, Tree
from spigot.systems.batch import Batch
from spigot.systems.card import card
from spigot.systems.given_trees import given_trees
from spigot.systems.loading import load_system
from spigot.training.config import RecipeError
from spigot.training.recipe import parse_recipe
from spigot.training.update import batch_losses
from tests.models.tiny import SENTENCES, category_model, category_system, sentence
from tests.training.runs import content, metrics, recipe, train

LATENT = {"syntax": {"loss": "none", "labels": False}}


def reached(system, weight=1.0):
    """The groups that a batch of the end task gives a gradient."""
    system.train().zero_grad(set_to_none=True)
    losses = batch_losses(system, Batch("category", SENTENCES[:4]), np.random.default_rng(0), weight)
    losses.sum().backward()
    groups = system.groups()
    return {name for name, group in groups.items() if any(p.grad is not None and p.grad.any() for p in group)}


@pytest.mark.parametrize("surrogate", ["SPIGOT", "Marginals", "Gumbel"])
def test_the_class_trains_the_parser_unless_its_weight_is_0(surrogate):
    system = category_model(surrogate, tasks=LATENT)
    assert reached(system) == {"category", "syntax"} == set(system.reached("category", 1.0))
    assert reached(system, 0.0) == {"category"} == set(system.reached("category", 0.0))


@pytest.mark.parametrize("pooling", ["mean", "max", "root"])
@pytest.mark.parametrize("feature", ["GraphConvolution", "TreeLSTM", "Concatenation"])
def test_neither_padding_nor_neighbours_change_a_class(pooling, feature):
    classifier = category_system()["category"] | {"pooling": pooling}
    system = category_model(category=classifier, tree_feature={"name": feature})
    few, many = SENTENCES[:1], SENTENCES[:9]
    scores = []
    for sentences in (few, many):
        tokens, dropped = Batch("category", sentences).encode(system.category)
        scores.append(system.output(Batch("category", sentences), tokens, dropped, 0.0)[0])
    torch.testing.assert_close(*scores)
    assert system.parse(few)[0] == system.parse(many)[0]


def test_the_tree_that_is_read_is_the_tree_that_is_predicted():
    """The surrogate may draw trees at random to learn; a prediction is that of the best tree, each time."""
    system = category_model("Gumbel")
    seen = []
    system.category.register_forward_pre_hook(lambda module, args, kw: seen.append(kw["arcs"]), with_kwargs=True)
    first, second = (system.parse(SENTENCES[:5]) for _ in range(2))
    assert first == second
    for row, parsed in enumerate(first):
        heads = seen[0][row].argmax(0)[1 : len(parsed) + 1].tolist()
        assert tuple(heads) == parsed.trees["syntax"].heads
    assert torch.equal(*seen)
    # With a gradient, noise is drawn anew.
    tokens, dropped = Batch("category", SENTENCES[:5]).encode(system.category)
    for _ in range(2):
        system.output(Batch("category", SENTENCES[:5]), tokens, dropped, 1.0)
    assert not torch.equal(*seen[2:])


def test_given_trees_branch_as_they_say():
    three, one = sentence("a b c"), sentence("a")
    assert [t.heads for t in given_trees("right-branching", [three, one])] == [(0, 1, 2), (0,)]
    assert [t.heads for t in given_trees("left-branching", [three, one])] == [(2, 3, 0), (0,)]
    long = sentence(" ".join(f"w{k}" for k in range(12)), id="2")
    (alone,), (beside, _) = given_trees("random", [three]), given_trees("random", [three, long])
    assert alone == beside
    found = {given_trees("random", [sentence(f"w{k} b c d e f g")])[0] for k in range(20)}
    assert len(found) > 15
    assert all(tree.is_projective and tree.heads.count(0) == 1 for tree in found)


@pytest.mark.parametrize("given", ["left-branching", "right-branching", "random", None])
def test_without_a_parser_only_a_class_is_predicted(tmp_path, given):
    settings = {} if given is None else {"given": given}
    system = category_model(syntax=False, **settings)
    assert list(system.tasks) == ["category"]
    assert reached(system) == {"category"}
    system.eval()
    bare = [Sentence(s.id, s.forms, s.lemmas, s.tags) for s in SENTENCES[:5]]
    parsed = system.parse(bare)
    assert all(s.categories and not s.trees for s in parsed)
    system.save_pretrained(tmp_path)
    assert load_system(tmp_path).parse(bare) == parsed


def test_a_given_tree_is_read():
    scores = []
    for given in ("left-branching", "right-branching"):
        system = category_model(syntax=False, given=given)
        tokens, dropped = Batch("category", SENTENCES[:4]).encode(system.category)
        scores.append(system.output(Batch("category", SENTENCES[:4]), tokens, dropped, 0.0))
    assert not torch.allclose(*scores)


def test_latent_trees_need_no_treebank_and_are_compared_with_one_if_it_is_there(tmp_path):
    rows = "\n".join(f"{k}\t{form}" + "\t_" * 8 for k, form in enumerate(("it", "works"), 1))
    trees = "1\tit\t_\t_\t_\t_\t2\t_\t_\t_\n2\tworks\t_\t_\t_\t_\t0\t_\t_\t_\n\n"
    classes = "".join(f"# category = {name}\n{rows}\n\n" for name in ("a", "b"))
    (tmp_path / "classes.conllu").write_text(classes)
    (tmp_path / "trees.conllu").write_text(trees)
    files = {"train": "classes.conllu", "dev": "classes.conllu"}
    for data, scores in (({}, {"accuracy"}), ({"syntax": {"dev": "trees.conllu"}}, {"accuracy", "uas"})):
        tables = content("latent") | {"data": {"root": str(tmp_path), "category": files} | data}
        out = tmp_path / f"run{len(data)}"
        trainer = train(out, parse_recipe(tables, "test"))
        assert [set(row["loss"]) for row in metrics(out)] == [{"category"}] * 2
        assert set(metrics(out)[0]["dev"]) == scores
        (parsed,) = trainer.model.parse([sentence("it works")])
        assert len(parsed.trees["syntax"].heads) == 2
        assert parsed.categories["category"] in ("a", "b")


def test_no_score_of_trees_without_a_treebank_selects_an_epoch(tmp_path):
    row = "1\tit" + "\t_" * 8
    rows = "".join(f"# category = {name}\n{row}\n\n" for name in ("a", "b"))
    (tmp_path / "classes.conllu").write_text(rows)
    files = {"train": "classes.conllu", "dev": "classes.conllu"}
    tables = content("latent", selection="uas") | {"data": {"root": str(tmp_path), "category": files}}
    message = (
        'training.selection: expected a score of a task with development sentences, got "uas" without data.syntax.dev'
    )
    with pytest.raises(RecipeError, match=re.escape(message)):
        train(tmp_path / "run", parse_recipe(tables, "test"))
    # Of several tasks, those that learn from annotation decide.
    assert recipe("multitask").selection == ("lf", "pos.accuracy", "las")
    assert recipe("multitask", {"tasks": LATENT}).selection == ("lf", "pos.accuracy")


def test_the_card_names_no_treebank_that_was_not_read(tmp_path):
    data = {"category": {"train": "c.conllu"}, "syntax": {"train": "t.conllu"}}
    for tasks, named in ((LATENT, False), ({}, True)):
        text = card(category_model(tasks=tasks), {"recipe": {"data": data}})
        assert "| category | c.conllu |" in text
        assert ("| syntax | t.conllu |" in text) == named


def test_joint_training_changes_a_latent_parser(tmp_path):
    before = train(tmp_path / "a", recipe("latent", learning_rate=1e-9)).model.syntax.state_dict()
    after = train(tmp_path / "b", recipe("latent")).model.syntax.state_dict()
    assert any((before[name] - after[name]).abs().max() > 1e-3 for name in before)


def test_latent_trees_start_from_a_treebank(tmp_path):
    train(tmp_path / "a", recipe("category"))
    how = {"intermediate": {"init": str(tmp_path / "a"), "frozen": True}}
    tables = {"system": category_system("Detach"), "tasks": LATENT}
    frozen = train(tmp_path / "b", recipe("latent", tables | how))
    theirs = load_system(tmp_path / "a").syntax.state_dict()
    ours = frozen.model.syntax.state_dict()
    assert all(torch.equal(theirs[name], ours[name]) for name in ours)
    assert frozen.model.syntax.labels is None
    train(tmp_path / "c", recipe("latent", {"intermediate": {"init": str(tmp_path / "a")}}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"tasks": {"syntax": {"loss": "none"}}},
            r'tasks\.syntax\.labels: expected false beside loss = "none", got true',
        ),
        (
            {"tasks": LATENT, "intermediate": {"pretrain_epochs": 1}},
            r'intermediate\.pretrain_epochs: expected 0 beside tasks\.syntax\.loss = "none", got 1',
        ),
        (
            {"tasks": LATENT, "system": category_system("Detach")},
            r'system\.surrogate: expected one with a gradient beside tasks\.syntax\.loss = "none", got "Detach"',
        ),
        (
            {"tasks": LATENT, "system": {"kind": "syntax-alone"}, "data": {}},
            r'tasks\.syntax\.loss: expected a loss, as no other task reads its output, got "none"',
        ),
        (
            {"system": category_system() | {"given": "random"}},
            r"system\.syntax: expected false beside given = 'random', got a parser",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(changes, message):
    with pytest.raises(RecipeError, match=message):
        parse_recipe(content("category") | changes, "test")


def test_one_class_is_not_enough(tmp_path):
    (tmp_path / "a.conllu").write_text("# category = a\n1\tit" + "\t_" * 8 + "\n\n")
    files = {"train": "a.conllu", "dev": "a.conllu"}
    tables = content("latent") | {"data": {"root": str(tmp_path), "category": files}}
    with pytest.raises(RecipeError, match=r"^system\.category: expected sentences of several classes, got a$"):
        train(tmp_path / "run", parse_recipe(tables, "test"))


def test_a_development_set_of_other_classes_selects_nothing(tmp_path, caplog):
    for name, classes in (("train", "ab"), ("dev", "cc"), ("some", "ac")):
        rows = "".join(f"# category = {each}\n1\tit" + "\t_" * 8 + "\n\n" for each in classes)
        (tmp_path / f"{name}.conllu").write_text(rows)

    def wanted(dev):
        files = {"train": "train.conllu", "dev": f"{dev}.conllu"}
        return parse_recipe(content("latent") | {"data": {"root": str(tmp_path), "category": files}}, "test")

    message = r"^data\.category\.dev: expected sentences with a class that training has, got none of 2$"
    with pytest.raises(RecipeError, match=message):
        train(tmp_path / "a", wanted("dev"))
    train(tmp_path / "b", wanted("some"))
    assert all(row["dev"]["accuracy"] <= 0.5 for row in metrics(tmp_path / "b"))
    assert caplog.messages == ["data.category.dev: 1 of 2 sentences have no class that training has"]


def test_semantic_parsing_by_way_of_latent_trees(tmp_path):
    """The paper's first system without a treebank."""
    out = tmp_path / "run"
    trainer = train(out, recipe("spigot", {"tasks": LATENT | {"semantics": {"min_role_count": 1}}}))
    assert set(metrics(out)[0]["loss"]) == {"semantics"}
    assert set(metrics(out)[0]["dev"]) == {"uf", "lf", "uas"}
    parsed = trainer.model.parse(SENTENCES[:2])
    assert all(isinstance(s.trees["syntax"], Tree) and s.graphs["semantics"] for s in parsed)
