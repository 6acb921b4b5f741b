"""Several tasks on the states of one encoder."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from spigot.data.conllu import write_conllu
from spigot.data.errors import DataError
from spigot.data.sentence import Sentence
from spigot.systems.batch import Batch
from spigot.systems.loading import load_system
from spigot.systems.multitask import Multitask
from spigot.systems.multitask_config import MultitaskConfig
from spigot.training.config import RecipeError
from spigot.training.recipe import parse_recipe
from spigot.training.update import batch_losses
from tests.models.tiny import SENTENCES, multitask_model, multitask_system

# Their own graph is that of both formalisms.
TWO = [s.with_graph("dm", s.graphs["semantics"]).with_graph("pb", s.graphs["semantics"]) for s in SENTENCES]
GRAPHS = ("dm", "pb")


def model(**settings):
    return multitask_model(sentences=TWO, graphs=GRAPHS, **settings)


def bare(sentences):
    return [Sentence(s.id, s.forms, ("_",) * len(s), ("_",) * len(s)) for s in sentences]


def with_gradient(system, task, weight=1.0):
    """The groups that a batch of a task gives a gradient."""
    system.train().zero_grad(set_to_none=True)
    losses = batch_losses(system, Batch(task, TWO[:4]), np.random.default_rng(0), weight)
    losses.sum().backward()
    groups = system.groups()
    return {name for name, group in groups.items() if any(p.grad is not None and p.grad.any() for p in group)}


@pytest.mark.parametrize("encoder_per_task", [False, True])
@pytest.mark.parametrize("tree", [None, "syntax"])
def test_a_gradient_reaches_what_a_task_reads_and_nothing_else(tree, encoder_per_task):
    system = model(tree=tree, encoder_per_task=encoder_per_task)
    shared = set() if encoder_per_task else {"encoder"}
    assert with_gradient(system, "syntax") == {"syntax"} | shared
    assert with_gradient(system, "pos") == {"pos"} | shared
    for graph in GRAPHS:
        assert with_gradient(system, graph) == {graph} | shared | ({tree} if tree else set())
        assert with_gradient(system, graph, weight=0.0) == {graph} | shared
    for task in system.tasks:
        for weight in (0.0, 1.0):
            assert with_gradient(system, task, weight) == set(system.reached(task, weight))


@pytest.mark.parametrize("encoder_per_task", [False, True])
def test_every_parameter_is_in_one_group(encoder_per_task):
    system = model(encoder_per_task=encoder_per_task)
    grouped = [parameter for group in system.groups().values() for parameter in group]
    assert len(grouped) == len({id(p) for p in grouped}) == len(list(system.parameters()))


def test_the_weight_scales_the_gradient_of_the_graphs_alone():
    def gradient(weight):
        system = model()
        assert with_gradient(system, "dm", weight)
        return [[p.grad for p in system.groups()[name]] for name in ("syntax", "dm")]

    (whole, of_dm), (tenth, same) = gradient(1.0), gradient(0.1)
    for a, b in zip(whole, tenth, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(0.1 * a, b)
    for a, b in zip(of_dm, same, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_graphs_read_the_tree_that_is_predicted():
    system = model()
    tokens = system.known.words["shared"].encode(TWO[:3])[0]
    states = system.encoders["shared"](tokens)
    scored = system.parts["syntax"].score(states)
    arcs = system.parts["syntax"].structure.argmax(scored.scores, tokens.lengths)
    expected = system.parts["dm"].score(states, arcs)
    torch.testing.assert_close(system.output(Batch("dm", TWO[:3]), tokens, None, 1.0).arcs, expected.arcs)
    other = system.parts["dm"].score(states, torch.zeros_like(arcs))
    assert not torch.equal(other.arcs, expected.arcs)
    parsed = system.parse(TWO[:3])
    heads = arcs.argmax(1)
    for row, sentence in enumerate(parsed):
        assert sentence.trees["syntax"].heads == tuple(heads[row, 1 : len(sentence) + 1].tolist())


@pytest.mark.parametrize("encoder_per_task", [False, True])
def test_a_batch_is_its_sentences_one_by_one_and_each_task_is_the_same_alone(encoder_per_task):
    system = model(encoder_per_task=encoder_per_task)
    sentences = bare(TWO[:6])
    together = system.parse(sentences)
    assert together == [system.parse([sentence])[0] for sentence in sentences]
    assert len({len(sentence) for sentence in sentences}) > 1
    for name in ("syntax", *GRAPHS, "pos"):
        alone = system.parse_task(name, sentences)
        for one, every in zip(alone, together, strict=True):
            if name == "pos":
                assert one.tags == every.tags
                assert "_" not in one.tags
            elif name == "syntax":
                assert dict(one.trees) == {"syntax": every.trees["syntax"]}
            else:
                assert dict(one.graphs) == {name: every.graphs[name]}


@pytest.mark.parametrize("encoder_per_task", [False, True])
def test_a_system_predicts_both_columns_of_tags(encoder_per_task, tmp_path):
    kinds = dict(zip(sorted({tag for s in SENTENCES for tag in s.tags}), itertools.cycle(["A", "B"]), strict=False))
    sentences = [dataclasses.replace(s, upos=tuple(kinds[tag] for tag in s.tags)) for s in SENTENCES]
    parts = multitask_system()["parts"] | {"upos": {"kind": "tags"}}
    config = MultitaskConfig.model_validate(multitask_system(parts=parts, encoder_per_task=encoder_per_task))
    tasks = config.make_tasks({"semantics": {"min_role_count": 1}, "upos": {"column": "upos"}})
    system = Multitask.from_sentences(config, tasks, dict.fromkeys(tasks, sentences), {})
    assert set(system.parts["upos"].labels.names) == {"A", "B"}
    assert set(system.parts["pos"].labels.names) == set(kinds)
    optimizer = torch.optim.Adam(system.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        batch_losses(system, Batch("upos", sentences[:20]), np.random.default_rng(0), 1.0).sum().backward()
        optimizer.step()
    system.eval().save_pretrained(tmp_path)
    loaded = load_system(tmp_path)
    assert loaded.tasks["upos"].column == "upos"
    parsed = loaded.parse(bare(sentences[:20]), confidence=True)
    assert loaded.tasks["upos"].score(sentences[:20], parsed).accuracy > 0.95
    assert loaded.tasks["pos"].score(sentences[:20], parsed).accuracy < 0.9  # untrained
    for sentence in parsed:
        assert set(sentence.upos) <= {"A", "B"}
        assert set(sentence.tags) <= set(kinds)
        assert len(sentence.confidences["upos"].labels) == len(sentence)
    assert not loaded.tasks["upos"].has_gold(SENTENCES[0])
    write_conllu(SENTENCES[:2], tmp_path / "without.conllu")
    with pytest.raises(DataError, match=r"expected a universal tag \(UPOS\) of each token, got none$"):
        list(loaded.tasks["upos"].read_gold(tmp_path / "without.conllu"))
    assert loaded.tasks["upos"].unknown(loaded.parts["upos"], sentences[:1])[:2] == (0, len(sentences[0]))


@pytest.mark.parametrize("task", ["syntax", "dm", "pos"])
def test_losses_do_not_depend_on_the_batch(task):
    system = model(encoder={"hidden": 8, "word_dropout": 0.0})
    random = np.random.default_rng(0)
    with torch.no_grad():
        together = batch_losses(system, Batch(task, TWO[:5]), random, 1.0)
        alone = [batch_losses(system, Batch(task, [sentence]), random, 1.0) for sentence in TWO[:5]]
    torch.testing.assert_close(together, torch.cat(alone))


def test_words_are_all_that_is_read():
    system = model()
    assert system.needs == {"words"}
    words = system.known.words["shared"]
    assert len(words.lemmas) == len(words.tags) == 3
    tagged = system.parse(TWO[:4])
    for a, b in zip(tagged, system.parse(bare(TWO[:4])), strict=True):
        assert (a.tags, a.trees) == (b.tags, b.trees)
        assert all(a.graphs[name] == b.graphs[name] for name in GRAPHS)


def test_a_checkpoint_with_encoders_of_their_own(tmp_path):
    system = model(encoder_per_task=True, tree=None)
    system.save_pretrained(tmp_path)
    assert load_system(tmp_path).parse(TWO[:5]) == system.parse(TWO[:5])


def tagging(**settings):
    """A system whose encoders read the tags that it predicts."""
    sizes = {"word_dim": 6, "character_dim": 4, "tag_dim": 3, "hidden": 8, "layers": 1, "word_dropout": 0.0}
    own = {key: value for key, value in sizes.items() if key != "tag_dim"}
    return model(tagger="pos", encoder=sizes, tagger_encoder=own | {"hidden": 5}, **settings)


@pytest.mark.parametrize("encoder_per_task", [False, True])
def test_encoders_read_the_tags_that_the_system_predicts(encoder_per_task, tmp_path):
    system = tagging(encoder_per_task=encoder_per_task)
    assert system.needs == {"words"}
    sentences = bare(TWO[:6])
    parsed = system.parse(sentences)
    # Tags of the input change nothing.
    for other in (TWO[:6], [dataclasses.replace(s, tags=("NN",) * len(s)) for s in sentences]):
        for a, b in zip(system.parse(other), parsed, strict=True):
            assert (a.tags, a.trees) == (b.tags, b.trees)
            assert all(a.graphs[name] == b.graphs[name] for name in GRAPHS)
    # A system that reads tags from its input, with the same weights, makes the same of the predicted ones.
    encoder = system.encoders[system.config.encoder_of("syntax")]
    words = system.known.words[system.config.encoder_of("syntax")]
    tokens = words.encode([dataclasses.replace(s, tags=p.tags) for s, p in zip(sentences, parsed, strict=True)])[0]
    expected = system.parts["syntax"].score(encoder(tokens)).scores
    blank, dropped = words.encode(sentences)
    output = system.output(Batch("syntax", sentences), blank, dropped, 1.0)
    torch.testing.assert_close(output.scores, expected, rtol=0, atol=0)
    assert not torch.equal(system.parts["syntax"].score(encoder(blank)).scores, expected)
    assert len({tag for sentence in parsed for tag in sentence.tags}) > 1
    assert parsed == [system.parse([sentence])[0] for sentence in sentences]
    system.save_pretrained(tmp_path)
    assert load_system(tmp_path).parse(sentences) == parsed
    assert system.parse(sentences, confidence=True)[0].confidences.keys() == {*GRAPHS, "pos", "syntax"}


@pytest.mark.parametrize("encoder_per_task", [False, True])
def test_a_tagger_learns_from_tags_alone(encoder_per_task):
    system = tagging(encoder_per_task=encoder_per_task)
    assert with_gradient(system, "pos") == {"pos"} == set(system.reached("pos", 1.0))
    for task in ("syntax", *GRAPHS):
        assert with_gradient(system, task) == set(system.reached(task, 1.0))
        assert "pos" not in system.reached(task, 1.0)
    grouped = [parameter for group in system.groups().values() for parameter in group]
    assert len(grouped) == len({id(p) for p in grouped}) == len(list(system.parameters()))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tagger": "pos"}, r"^encoder: expected one that reads tags \(tag_dim above 0\) beside a tagger"),
        (
            {"tagger": "pos", "encoder": {"tag_dim": 3}, "tagger_encoder": {"tag_dim": 3}},
            "^tagger_encoder: expected one that reads no tags",
        ),
    ],
)
def test_a_tagger_and_who_reads_it(settings, message):
    with pytest.raises(ValueError, match=message):
        model(**settings)


def test_rare_words_are_not_trained():
    counts = {}
    for sentence in TWO:
        for form in sentence.forms:
            counts[form.lower()] = counts.get(form.lower(), 0) + 1
    # Two tasks on the same sentences count them once.
    words = model(min_word_count=2).known.words["shared"]
    assert set(words.words.strings[3:]) == {word for word, count in counts.items() if count >= 2}
    assert 1 in counts.values()


def recipe(**tables):
    content = {"system": multitask_system(), "data": {"builtin": {"train": {}, "dev": 4}}} | tables
    return parse_recipe(content, "test")


def test_all_tasks_select_the_epoch_together():
    assert recipe().selection == ("lf", "pos.accuracy", "las")
    assert recipe(training={"selection": "las"}).selection == ("las",)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"system": multitask_system(tree="pos")}, "system.tree: expected a part of kind \"syntax\", got 'pos'"),
        ({"system": multitask_system(graphs=())}, 'system.tree: expected a part of kind "semantics" to read it'),
        ({"system": {"kind": "multitask"}}, "system.parts: expected a table"),
        ({"system": multitask_system(graphs=("keys",))}, "system.parts: expected names of letters, digits and _ that"),
        ({"system": multitask_system(graphs=("a.b",))}, "system.parts: expected names of letters, digits and _ that"),
        (
            {"intermediate": {"frozen": True, "pretrain_epochs": 1}},
            "intermediate.frozen: expected a system whose",
        ),
        (
            {"system": multitask_system(tree=None), "intermediate": {"pretrain_epochs": 1}},
            "intermediate: expected",
        ),
        ({"system": multitask_system(tagger="syntax")}, 'system.tagger: expected a part of kind "tags"'),
        ({"system": multitask_system(tagger_encoder={"hidden": 8})}, "system.tagger_encoder: expected a tagger"),
        (
            {"system": multitask_system(tagger="pos"), "intermediate": {"pretrain_epochs": 1}},
            "intermediate.pretrain_epochs: expected 0 beside system.tagger, got 1",
        ),
        ({"tasks": {"pos": {"loss": "nll"}}}, "tasks.pos.loss: no such key"),
        ({"tasks": {"xpos": {}}}, "tasks.xpos: expected a task of this system"),
    ],
)
def test_wrong_recipes(tables, message):
    with pytest.raises(RecipeError, match=f"test: {message}".replace("(", r"\(")):
        recipe(**tables)


def test_tasks_that_share_an_encoder_have_the_same_vectors():
    config = MultitaskConfig.model_validate(multitask_system())
    tasks = config.make_tasks({})
    vectors = {name: {"the": torch.zeros(6)} for name in tasks}
    with pytest.raises(ValueError, match="encoder: expected the same word vectors for all tasks that share it"):
        Multitask.from_sentences(config, tasks, dict.fromkeys(tasks, SENTENCES), vectors)
    one = {"the": torch.zeros(5)}
    with pytest.raises(ValueError, match=r"encoder.word_dim: expected 5, the size of the word vectors, got 6"):
        Multitask.from_sentences(config, tasks, dict.fromkeys(tasks, SENTENCES), dict.fromkeys(tasks, one))


def test_the_weight_of_a_loss():
    system = model(encoder={"hidden": 8, "word_dropout": 0.0})
    heavy = {**system.tasks, "dm": system.tasks["dm"].model_copy(update={"loss_weight": 3.0})}
    random = np.random.default_rng(0)
    with torch.no_grad():
        once = batch_losses(system, Batch("dm", TWO[:3]), random, 1.0)
        system.tasks = heavy
        torch.testing.assert_close(3 * once, batch_losses(system, Batch("dm", TWO[:3]), random, 1.0))
