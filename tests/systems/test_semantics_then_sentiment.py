import pytest
import torch

from spigot.systems.checkpoint import CheckpointError
from spigot.systems.loading import load_system
from spigot.systems.semantics_then_sentiment import SemanticsThenSentiment
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics
from tests.models.tiny import SENTENCES, sentiment_model, tiny_model


def gradients(model, weight=1.0, **settings):
    """The norm of the gradient that the end task's loss leaves in each parameter; None without one."""
    tokens, _ = model.sentiment.vocabulary.encode(SENTENCES[:8])
    parser_tokens, _ = model.semantics.vocabulary.encode(SENTENCES[:8])
    scores, _ = model(tokens, parser_tokens, end_task_weight=weight)
    torch.nn.functional.cross_entropy(scores, torch.tensor([s.sentiment for s in SENTENCES[:8]])).backward()
    return {name: None if p.grad is None else float(p.grad.norm()) for name, p in model.named_parameters()}


@pytest.mark.parametrize("surrogate", ["StraightThrough", "SPIGOT"])
def test_the_end_task_reaches_arcs_and_labels_but_not_predicates(surrogate):
    norms = gradients(sentiment_model(surrogate))
    assert norms["semantics.arc.layers.4.weight"] > 0
    assert norms["semantics.label.layers.4.weight"] > 0
    assert norms["semantics.encoder.word.weight"] > 0
    assert norms["semantics.predicate.layers.4.weight"] is None
    assert norms["sentiment.role_embedding.weight"] > 0


def test_detach_sends_no_gradient_into_the_parser():
    norms = gradients(sentiment_model("Detach"))
    assert not any(norm for name, norm in norms.items() if name.startswith("semantics."))
    assert norms["sentiment.head.weight"] > 0


def test_the_weight_scales_what_reaches_the_parser_alone():
    whole, half = (gradients(sentiment_model("StraightThrough"), weight) for weight in (1.0, 0.5))
    for name, norm in whole.items():
        if norm is not None:
            assert half[name] == pytest.approx(norm * (0.5 if name.startswith("semantics.") else 1), rel=1e-4, abs=1e-9)
    none = gradients(sentiment_model("StraightThrough"), 0.0)
    assert all(norm is None for name, norm in none.items() if name.startswith("semantics."))


def test_the_pruner_bounds_what_the_parser_may_do():
    model = sentiment_model("StraightThrough", candidate_margin=0.0)
    before = model.parse_task("semantics", SENTENCES[:4])
    with torch.no_grad():
        model.semantics.arc.layers[4].bias += 100.0
    after = model.parse(SENTENCES[:4])
    assert [s.graphs["semantics"] for s in model.parse_task("semantics", SENTENCES[:4])] != [
        s.graphs["semantics"] for s in before
    ]
    for given, ours in zip(before, after, strict=True):
        tokens, _ = model.semantics.vocabulary.encode([given])
        labels = model.prune(tokens).labels[0]
        names = model.semantics.roles.names
        assert all(labels[arc.head, arc.modifier, names[arc.label]] for arc in ours.graphs["semantics"].arcs)
    free = [s.graphs["semantics"] for s in model.parse_task("semantics", SENTENCES[:4])]
    assert [s.graphs["semantics"] for s in after] != free
    model.start_joint_training()
    assert [s.graphs["semantics"] for s in model.parse(SENTENCES[:4])] == free


def test_the_candidates_hold_the_best_graph():
    model = sentiment_model("StraightThrough", candidate_margin=0.0)
    tokens, _ = model.semantics.vocabulary.encode(SENTENCES[:4])
    scores = model.semantics.predictable(model.semantics(tokens))
    mask = model.prune(tokens)
    full = model.semantics.structure.argmax(scores, tokens.lengths)
    kept = model.semantics.structure.argmax(scores, tokens.lengths, mask)
    assert all(torch.equal(a, b) for a, b in zip(full, kept, strict=True))
    everything = model.semantics.candidates(scores, 1e9)
    assert everything.labels.sum() == torch.isfinite(scores.labels).sum()
    assert mask.labels.sum() < everything.labels.sum()
    assert sentiment_model("Detach").prune(tokens) is None


def test_the_pruner_is_not_trained():
    model = sentiment_model("StraightThrough")
    gradients(model.train())
    assert not any(module.training for module in model.pruner.modules())
    assert not any(p.requires_grad for p in model.pruner.parameters())
    assert set(model.parts) == {"sentiment", "semantics"}


def test_the_unknown_role_is_never_predicted():
    model = sentiment_model("StraightThrough", candidate_margin=False)
    with torch.no_grad():
        model.semantics.label.layers[4].bias[0] = 100.0
    tokens, _ = model.sentiment.vocabulary.encode(SENTENCES[:4])
    parser_tokens, _ = model.semantics.vocabulary.encode(SENTENCES[:4])
    _, graph = model(tokens, parser_tokens)
    assert graph.labels.sum() == graph.arcs.sum() > 0
    assert not graph.labels[..., 0].any()


def test_parse_and_padding():
    model = sentiment_model("SPIGOT")
    together = model.parse(SENTENCES[:6])
    for given, ours in zip(SENTENCES[:6], together, strict=True):
        (alone,) = model.parse([given])
        assert (alone.sentiment, alone.graphs["semantics"]) == (ours.sentiment, ours.graphs["semantics"])
        assert alone.probability == pytest.approx(ours.probability, abs=1e-5)
        assert 0.5 <= ours.probability <= 1
    assert len({s.graphs["semantics"].arcs for s in together}) > 1
    assert model.parse([]) == []


def test_the_graph_in_a_sentence_is_what_the_classifier_reads():
    model = sentiment_model("SPIGOT")
    parsed = model.parse(SENTENCES[:6])
    again = model.classify(parsed)
    assert [s.probability for s in again] == pytest.approx([s.probability for s in parsed], abs=1e-6)
    # The gold graphs are others.
    gold = model.classify(SENTENCES[:6])
    assert [s.probability for s in gold] != pytest.approx([s.probability for s in parsed], abs=1e-6)


def test_what_forward_decodes_is_what_parse_reads():
    model = sentiment_model("SPIGOT")
    tokens, _ = model.sentiment.vocabulary.encode(SENTENCES[:6])
    parser_tokens, _ = model.semantics.vocabulary.encode(SENTENCES[:6])
    scores, graph = model(tokens, parser_tokens)
    given = model.given_graphs(model.parse_task("semantics", SENTENCES[:6]))
    assert torch.equal(graph.arcs, given.arcs)
    assert torch.equal(graph.labels, given.labels)
    torch.testing.assert_close(model(tokens, graph=given)[0], scores)
    with pytest.raises(ValueError, match="parser_tokens: expected tokens of the parser's vocabulary"):
        model(tokens)


@pytest.mark.parametrize("kind", ["spigot", "baseline", "bag"])
def test_checkpoint_round_trip(tmp_path, kind):
    model = sentiment_model("SPIGOT" if kind == "spigot" else None, bag=kind == "bag")
    model.save_pretrained(tmp_path)
    loaded = load_system(tmp_path)
    assert type(loaded) is SemanticsThenSentiment
    assert loaded.config == model.config
    assert [(s.sentiment, s.graphs, s.probability) for s in loaded.parse(SENTENCES[:5])] == [
        (s.sentiment, s.graphs, s.probability) for s in model.parse(SENTENCES[:5])
    ]
    with pytest.raises(CheckpointError, match="expected kind 'syntax-then-semantics', got 'semantics-then-sentiment'"):
        SyntaxThenSemantics.from_pretrained(tmp_path)


def test_a_folder_is_loaded_by_its_kind(tmp_path):
    tiny_model().save_pretrained(tmp_path / "parser")
    assert type(load_system(tmp_path / "parser")) is SyntaxThenSemantics
    (tmp_path / "parser" / "config.json").write_text('{"format": 1, "kind": "tagger"}')
    with pytest.raises(CheckpointError, match=r"config.json: expected a kind of .*, got 'tagger'"):
        load_system(tmp_path / "parser")
