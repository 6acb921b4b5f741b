"""What every system promises."""

import dataclasses

import numpy as np
import pytest
import torch

from spigot.data.sentence import Sentence
from spigot.named import public_classes
from spigot.structured import Surrogate
from spigot.systems import SYSTEMS
from spigot.systems.base import System
from spigot.systems.batch import Batch
from spigot.systems.columns import InputError
from spigot.systems.loading import load_system
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics, SyntaxThenSemanticsConfig
from spigot.training.config import Recipe
from spigot.training.update import batch_losses
from tests.models.tiny import (
    SENTENCES,
    category_model,
    multitask_model,
    sentiment_model,
    syntax_model,
    tiny_model,
    tiny_vocabularies,
)
from tests.models.tiny import system as system_table

EXAMPLES = {
    "syntax-then-semantics": tiny_model,
    "semantics-then-sentiment": sentiment_model,
    "syntax-alone": syntax_model,
    "multitask": multitask_model,
    "syntax-then-category": category_model,
}
"""For each kind a small system that knows the words of `SENTENCES`. With an intermediate task it takes a surrogate."""
JOINT = [kind for kind, example in EXAMPLES.items() if example().intermediate is not None]


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
def test_a_part_with_an_encoder_reads_what_that_reads(kind):
    system = EXAMPLES[kind]()
    for name, part in system.parts.items():
        encoder, reader = getattr(part, "encoder", None), system.reader(name)
        assert (encoder is None) == (kind == "multitask")
        if encoder is not None:
            assert reader is part
            encoder.word_dropout, encoder.needs = 0.125, frozenset({"words", "lemmas"})
            tags = {"tags"} if hasattr(part, "tag_pairs") and part.tag_pairs.restricts else set()
            assert (part.word_dropout, part.needs) == (0.125, {"words", "lemmas"} | tags)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_input_without_what_a_system_reads_is_refused(kind):
    system = EXAMPLES[kind]()
    words = SENTENCES[0].forms
    blank = ("_",) * len(words)
    bare = Sentence("s1", words, blank, blank)
    assert "words" in system.needs
    if system.needs == {"words"}:
        assert system.parse([bare])[0].forms == words
    for column in system.needs - {"words"}:
        wrong = dataclasses.replace(SENTENCES[0], **{column: blank})
        for parse in (system.parse, lambda sentences: system.parse_task(system.end.name, sentences)):
            with pytest.raises(InputError, match=rf"^sentence '.*': expected tags.*, got no {column}; "):
                parse([SENTENCES[1], wrong])
    for column in ("tags", "lemmas"):
        short = dataclasses.replace(SENTENCES[0], **{column: ("x",)})
        with pytest.raises(InputError, match=rf"^sentence '.*': expected {len(words)} {column}, one a word, got 1$"):
            system.parse([short])
    # Punctuation may have neither.
    assert len(system.parse([Sentence("s2", (".", "!"), ("_", "_"), ("_", "_"))])) == 1


def test_a_column_that_training_data_lacks_is_not_needed():
    blank = [dataclasses.replace(s, lemmas=("_",) * len(s)) for s in SENTENCES]
    config = SyntaxThenSemanticsConfig.model_validate(system_table())
    system = SyntaxThenSemantics(config, tiny_vocabularies(blank)).eval()
    assert system.needs == {"words", "tags"}
    assert system.parse(blank[:2])[0].graphs


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_checkpoint_keeps_configuration_and_tasks(tmp_path, kind):
    system = EXAMPLES[kind]()
    system.save_pretrained(tmp_path)
    loaded = load_system(tmp_path)
    assert type(loaded) is SYSTEMS[kind]
    assert (loaded.config, loaded.tasks) == (system.config, system.tasks)
    assert loaded.parse(SENTENCES[:5]) == system.parse(SENTENCES[:5])


SURROGATES = public_classes("spigot.structured", Surrogate)


@pytest.mark.parametrize("name", sorted(SURROGATES))
@pytest.mark.parametrize("kind", JOINT)
def test_every_surrogate_trains_or_is_refused(kind, name):
    surrogate = SURROGATES[name]()
    # Semantic graphs have no marginals, and no system runs its end task again.
    if surrogate.needs_downstream or (kind == "semantics-then-sentiment" and surrogate.needs_marginals):
        with pytest.raises(ValueError, match=rf"surrogate.*got '?{name}\b|name: expected one that .*, got '{name}'"):
            EXAMPLES[kind](name)
        return
    system = EXAMPLES[kind](name).train()
    torch.manual_seed(0)
    losses = batch_losses(system, Batch(system.end.name, SENTENCES[:4]), np.random.default_rng(0), 1.0)
    (1000 * losses).sum().backward()  # enough for those that decode again to find another structure
    assert losses.shape == (4,)
    gradients = [p.grad for p in system.parts[system.intermediate.name].parameters() if p.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert any(gradient.any() for gradient in gradients) == surrogate.passes_gradient
