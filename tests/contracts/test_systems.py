"""What every system promises."""

import pytest

from spigot.systems import SYSTEMS
from spigot.systems.base import System
from spigot.systems.loading import load_system
from spigot.training.config import Recipe
from tests.models.tiny import SENTENCES, sentiment_model, tiny_model

EXAMPLES = {
    "syntax-then-semantics": tiny_model,
    "semantics-then-sentiment": sentiment_model,
}
"""For each kind a small system that knows the words of `SENTENCES`."""


def test_every_system_has_an_example():
    assert EXAMPLES.keys() == SYSTEMS.keys()


def test_a_system_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        System(Recipe().system)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_nothing_is_parsed_into_nothing(kind):
    system = EXAMPLES[kind]()
    assert system.parse([]) == []
    for task in system.tasks:
        assert system.parse_task(task, []) == []
        assert system.score(task, []) + system.score(task, SENTENCES[:3]) == system.score(task, SENTENCES[:3])


@pytest.mark.parametrize("kind", EXAMPLES)
def test_every_task_is_predicted_and_has_a_part(kind):
    system = EXAMPLES[kind]()
    assert list(system.parts) == list(system.tasks)
    assert system.end.name == next(iter(system.tasks))
    bare = [type(s)(s.id, s.forms, s.lemmas, s.tags) for s in SENTENCES[:5]]
    for name, task in system.tasks.items():
        assert all(task.has_gold(s) for s in system.parse(bare))
        assert all(task.has_gold(s) for s in system.parse_task(name, bare))
    with pytest.raises(ValueError, match=r"task: expected one of .*, got 'tags'"):
        system.parse_task("tags", bare)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_checkpoint_keeps_configuration_and_tasks(tmp_path, kind):
    system = EXAMPLES[kind]()
    system.save_pretrained(tmp_path)
    loaded = load_system(tmp_path)
    assert type(loaded) is SYSTEMS[kind]
    assert (loaded.config, loaded.tasks) == (system.config, system.tasks)
    assert loaded.parse(SENTENCES[:5]) == system.parse(SENTENCES[:5])
