import dataclasses
import random

import pytest
import torch

from spigot.models.semantic_parser import gold_graphs
from spigot.models.syntactic_parser import gold_heads
from spigot.systems.gradient import scale_gradient
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics, SyntaxThenSemanticsConfig
from tests.models.tiny import SENTENCES, sentence, system, tiny_model, tiny_vocabularies

LABELS = {label for s in SENTENCES for label in s.trees["syntax"].labels}
ALL = ["Detach", "StraightThrough", "SPIGOT", "Marginals"]


def check(parsed, given, trees=True):
    assert [s.forms for s in parsed] == [s.forms for s in given]
    assert [s.id for s in parsed] == [s.id for s in given]
    for s in parsed:
        assert all(1 <= arc.modifier <= len(s) and 0 <= arc.head <= len(s) for arc in s.graphs["semantics"].arcs)
        if trees:
            assert len(s.trees["syntax"].heads) == len(s)
            assert s.trees["syntax"].heads.count(0) == 1
            assert set(s.trees["syntax"].labels) <= LABELS


def test_nothing_to_parse():
    assert tiny_model().parse([]) == []
    assert tiny_model().parse_task("syntax", []) == []
    assert tiny_model(syntax=False).parse([]) == []


@pytest.mark.parametrize("surrogate", ALL)
def test_parse(surrogate):
    model = tiny_model(surrogate)
    check(model.parse(SENTENCES), SENTENCES)
    assert [s.trees["syntax"] for s in model.parse_task("syntax", SENTENCES)] == [
        s.trees["syntax"] for s in model.parse(SENTENCES)
    ]


@pytest.mark.parametrize("length", [1, 200])
def test_parse_of_extreme_lengths(length):
    words = random.Random(0).choices([form for s in SENTENCES for form in s.forms], k=length)
    text = " ".join(words)
    given = [sentence("word", lemmas="word", tags="NN"), sentence(text, lemmas=text, tags="NN " * length), SENTENCES[0]]
    parsed = tiny_model().parse(given)
    check(parsed, given)
    assert parsed[0].trees["syntax"].heads == (0,)
    (alone,) = tiny_model().parse(given[1:2])
    assert alone == parsed[1]


def test_annotations_of_the_input_do_not_matter():
    model = tiny_model()
    bare = [dataclasses.replace(s, trees={}, graphs={}) for s in SENTENCES]
    assert model.parse(bare) == model.parse_task("syntax", model.parse(SENTENCES))


def test_without_syntax():
    model = tiny_model(syntax=False)
    bare = [dataclasses.replace(s, trees={}, graphs={}) for s in SENTENCES[:5]]
    parsed = model.parse(bare)
    check(parsed, bare, trees=False)
    assert all(not s.trees for s in parsed)
    with pytest.raises(ValueError, match="task: expected one of semantics, got 'syntax'"):
        model.parse_task("syntax", bare)
    tokens, syntax_tokens = model.encode(bare)
    assert syntax_tokens is None
    assert model(tokens)[1] is None


def test_arguments_that_do_not_fit():
    with pytest.raises(ValueError, match=r"vocabularies\.syntax"):
        SyntaxThenSemantics(SyntaxThenSemanticsConfig.model_validate(system()), tiny_vocabularies(syntax=False))
    model = tiny_model()
    with pytest.raises(ValueError, match="syntax_tokens"):
        model(model.encode(SENTENCES[:2])[0])


def test_the_semantic_parser_reads_the_tree():
    model = tiny_model()
    tokens, syntax_tokens = model.encode(SENTENCES[:4])
    arcs = model.syntax.structure.argmax(model.syntax(syntax_tokens).scores, tokens.lengths)
    parts, _ = model(tokens, syntax_tokens)
    for ours, theirs in zip(parts, model.semantics(tokens, syntax=arcs), strict=True):
        assert torch.equal(ours, theirs)
    assert not torch.equal(parts.arcs, model.semantics(tokens, syntax=torch.zeros_like(arcs)).arcs)


def syntax_gradients(surrogate, weight):
    model = tiny_model(surrogate)
    tokens, syntax_tokens = model.encode(SENTENCES[:6])
    parts, _ = model(tokens, syntax_tokens, end_task_weight=weight)
    gold = gold_graphs(SENTENCES[:6], model.semantics.roles)
    model.semantics.structure.score_decoded(parts, *gold).sum().backward()
    assert all(p.grad is not None for p in model.semantics.parameters())
    # Labels are predicted beside: the end task does not reach their scorer.
    assert all(p.grad is None for p in model.syntax.label.parameters())
    gradients = [p.grad for name, p in model.syntax.named_parameters() if not name.startswith("label.")]
    return None if None in gradients else torch.cat([g.flatten() for g in gradients])


@pytest.mark.parametrize("surrogate", ["StraightThrough", "SPIGOT", "Marginals"])
def test_the_end_task_reaches_the_syntactic_parser_as_strongly_as_asked(surrogate):
    whole = syntax_gradients(surrogate, 1.0)
    assert whole.abs().max() > 1e-4
    torch.testing.assert_close(syntax_gradients(surrogate, 0.25), 0.25 * whole, rtol=1e-4, atol=1e-7)
    assert syntax_gradients(surrogate, 0.0) is None


def test_detach_stops_the_gradient():
    assert not syntax_gradients("Detach", 1.0).any()


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0, 2.0])
def test_scale_gradient(weight):
    value = torch.tensor([0.1, -3.0, 1e4], requires_grad=True)
    scaled = scale_gradient(value, weight)
    torch.testing.assert_close(scaled, value)
    if weight:
        (gradient,) = torch.autograd.grad((scaled * torch.tensor([1.0, 2.0, 3.0])).sum(), value)
        torch.testing.assert_close(gradient, weight * torch.tensor([1.0, 2.0, 3.0]))
    else:
        assert not scaled.requires_grad


def test_gold_heads():
    sentences = [sentence("a b c", heads=(2, 0, 2)), sentence("a", heads=(0,))]
    assert gold_heads(sentences).tolist() == [[-1, 2, 0, 2], [-1, 0, -1, -1]]
    assert gold_heads([]).shape == (0, 1)
    with pytest.raises(ValueError, match="sentence s3: expected a tree 'syntax', got none"):
        gold_heads([sentence("a", id="s3")])


def test_published_sizes():
    config = SyntaxThenSemanticsConfig()
    for part in (config.semantics, config.syntax):
        assert part.encoder.name == "BiLSTMEncoder"
        encoder = part.encoder.settings
        assert (encoder["word_dim"], encoder["second_dim"], encoder["tag_dim"]) == (100, 50, 50)
        assert (encoder["hidden"], encoder["layers"], encoder["word_dropout"], encoder["dropout"]) == (200, 2, 0.25, 0)
        assert (part.scorer.name, part.scorer.settings) == ("Perceptron", {"hidden": 100})
    semantics, syntax = config.semantics.encoder.settings, config.syntax.encoder.settings
    assert (semantics["second"], semantics["drop_all_inputs"]) == ("lemma", False)
    assert (syntax["second"], syntax["drop_all_inputs"]) == ("word", True)
    # Changing a size leaves the rest of the published encoder alone.
    for table in ({"hidden": 50}, {"name": "BiLSTMEncoder", "hidden": 50}):
        changed = SyntaxThenSemanticsConfig.model_validate({"syntax": {"encoder": table}}).syntax.encoder
        assert changed.arguments == {"second": "word", "drop_all_inputs": True, "hidden": 50}
