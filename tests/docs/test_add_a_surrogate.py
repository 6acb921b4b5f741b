"""The surrogate of docs/add-a-surrogate.md, from its class to a trained checkpoint."""

import json
from pathlib import Path

import pytest
import torch

from spigot import ProjectiveTree, structured_argmax
from spigot.models.config import NamedSurrogate
from spigot.training.config import RecipeError
from spigot.training.recipe import load_recipe
from tests.contracts import test_surrogates
from tests.contracts.registry import STRUCTURES
from tests.docs.pages import contract_tests, running


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with running("add-a-surrogate.md", tmp_path_factory.mktemp("page")) as names:
        yield names


def test_its_gradient_is_what_it_says(page):
    assert page["choice"].tolist() == [[0, 1, 0]]
    assert page["scores"].grad.tolist() == [[1, 2, 0]]
    generator = torch.Generator().manual_seed(0)
    scores, grad = torch.randn(2, 3, 5, 5, generator=generator)
    lengths, tree = torch.tensor([4, 1, 2]), ProjectiveTree()
    valid = tree.part_mask(scores, lengths)
    leaf = scores.masked_fill(~valid, torch.nan).requires_grad_()
    arcs = structured_argmax(leaf, tree, page["HardTanh"](0.7), lengths=lengths)
    assert torch.equal(arcs, tree.argmax(scores, lengths))
    (found,) = torch.autograd.grad(arcs, leaf, grad)
    assert torch.equal(found, torch.where(valid & (scores.abs() <= 0.7), grad, 0))
    assert found.any()


def test_the_recipe_trains_with_it_and_the_checkpoint_keeps_it(page):
    named = NamedSurrogate("hard_tanh.HardTanh", width=5.0)
    assert page["trainer"].model.config.surrogate == named
    assert page["system"].config.surrogate == named
    assert page["system"].parse_layer.surrogate == page["HardTanh"](5.0)
    assert json.loads(Path("run/config.json").read_text("utf-8"))["system"]["surrogate"] == named.to_table()
    dev = page["trainer"].corpora.dev["syntax"]
    uas = page["system"].score("syntax", dev).uas
    assert uas == page["trainer"].history.best()["dev"]["uas"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("width = -1.0", "system.surrogate.width: expected a positive number, got -1.0"),
        ("wide = 1.0", "system.surrogate.wide: expected an argument of HardTanh (width), got wide"),
        ('width = "far"', "system.surrogate.width: expected a number, got 'far'"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_its_key(page, table, message):
    recipe = Path("recipe.toml").read_text("utf-8").replace("width = 5.0", table)
    Path("wrong.toml").write_text(recipe, "utf-8")
    with pytest.raises(RecipeError) as error:
        load_recipe("wrong.toml")
    assert message in str(error.value)


@pytest.mark.parametrize("case", STRUCTURES, ids=lambda case: case.name)
@pytest.mark.parametrize("test", contract_tests(test_surrogates, "case", "surrogate"))
def test_it_keeps_the_contract_on_every_structure(page, case, test):
    getattr(test_surrogates, test)(case, page["HardTanh"]())


@pytest.mark.parametrize("test", contract_tests(test_surrogates, "surrogate"))
def test_its_class_facts_are_true(page, test):
    getattr(test_surrogates, test)(page["HardTanh"]())
