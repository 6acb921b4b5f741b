"""The system of docs/add-a-system.md, from its class to a trained checkpoint."""

import inspect

import pytest

from spigot.systems.loading import load_system
from spigot.training.config import RecipeError
from spigot.training.recipe import parse_recipe
from tests.contracts import test_systems
from tests.docs.pages import contract_tests, running
from tests.models.tiny import tiny_vocabularies


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with running("add-a-system.md", tmp_path_factory.mktemp("page")) as names:
        yield names


def test_it_trains_and_parses(page):
    trainer, best = page["trainer"], page["best"]
    first, second = (row["loss"] for row in trainer.history.rows)
    assert set(first) == {"semantics", "syntax"}
    assert all(second[task] < first[task] for task in first)
    assert set(best["dev"]) == {"uf", "lf", "uas"}
    system, dev = load_system("run"), trainer.corpora.dev
    assert system.score("syntax", dev["syntax"]).uas == best["dev"]["uas"]
    assert system.score("semantics", dev["semantics"]).lf == best["dev"]["lf"]
    assert system.parse([]) == []
    (parsed,) = system.parse(dev["syntax"][:1])
    assert (set(parsed.trees), set(parsed.graphs)) == ({"syntax"}, {"semantics"})


def test_a_recipe_is_checked_by_its_configuration(page):
    recipe = page["recipe"]
    with pytest.raises(RecipeError, match=r"here: system.sintax: no such key"):
        parse_recipe(recipe | {"system": {"kind": "side-by-side", "sintax": {}}}, "here")
    with pytest.raises(RecipeError, match="here: intermediate: expected an intermediate parser beside it"):
        parse_recipe(recipe | {"intermediate": {"pretrain_epochs": 1}}, "here")


@pytest.mark.parametrize(
    "test", [*contract_tests(test_systems, "kind"), *contract_tests(test_systems, "tmp_path", "kind")]
)
def test_it_keeps_the_contract_of_systems(page, test, tmp_path, monkeypatch):
    def small():
        words, roles, *_ = tiny_vocabularies()
        config = page["trainer"].recipe.system
        return page["SideBySide"](config, {"semantics": words, "syntax": words}, roles).eval()

    monkeypatch.setitem(test_systems.EXAMPLES, "side-by-side", small)
    function = getattr(test_systems, test)
    arguments = {"kind": "side-by-side", "tmp_path": tmp_path}
    function(**{name: arguments[name] for name in inspect.signature(function).parameters})
