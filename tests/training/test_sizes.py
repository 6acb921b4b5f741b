import pytest
import torch

from spigot.training.build import build_system
from spigot.training.config import RecipeError
from spigot.training.corpora import load_corpora
from spigot.training.sizes import within_memory
from tests.models.tiny import parser, system
from tests.training.runs import recipe


def test_sizes_that_no_memory_holds_are_refused_before_anything_is_drawn():
    sizes = {"hidden": 8192, "layers": 32}
    wanted = recipe(tables={"system": {**system(), "semantics": parser(**sizes)}})
    corpora = load_corpora(wanted.data, wanted.made_tasks)
    with pytest.raises(RecipeError, match=r"^system: expected sizes that \d+ GiB can train, got \d+ or more$"):
        build_system(wanted, corpora)


def test_more_tensors_than_any_system_has_are_refused():
    with pytest.raises(RecipeError, match=r"^system: expected at most 10000 tables"), within_memory():
        torch.nn.LSTM(1, 1, 10**9)


def test_the_count_ends_with_the_building():
    wanted = recipe()
    built = build_system(wanted, load_corpora(wanted.data, wanted.made_tasks))
    assert not any(module._parameters is None for module in built.modules())
    from torch.nn.modules.module import _global_parameter_registration_hooks

    assert not _global_parameter_registration_hooks
