import pytest

from spigot.training.build import build_system
from spigot.training.config import RecipeError
from spigot.training.corpora import load_corpora
from tests.models.tiny import parser, system
from tests.training.runs import recipe


@pytest.mark.parametrize(
    "sizes",
    [
        {"word_dim": 2_000_000_000},
        {"hidden": 1_000_000},
        {"layers": 10**9},
        {"layers": 10**9, "hidden": 1, "word_dim": 1},
    ],
)
def test_sizes_that_no_memory_holds_are_refused_before_anything_is_drawn(sizes):
    wanted = recipe(tables={"system": {**system(), "semantics": parser(**sizes)}})
    corpora = load_corpora(wanted.data, wanted.made_tasks)
    with pytest.raises(RecipeError, match=r"^system: expected (sizes that|at most 10000 tables)"):
        build_system(wanted, corpora)


def test_the_count_ends_with_the_building():
    wanted = recipe()
    built = build_system(wanted, load_corpora(wanted.data, wanted.made_tasks))
    assert not any(module._parameters is None for module in built.modules())
    from torch.nn.modules.module import _global_parameter_registration_hooks

    assert not _global_parameter_registration_hooks
