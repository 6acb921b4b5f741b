import pytest
import torch
from torch.nn.functional import leaky_relu

from spigot.models.scorers import biaffine
from spigot.models.scorers.biaffine import Biaffine, BiaffinePairs
from spigot.models.scorers.perceptron import Perceptron

SCORERS = {"Perceptron": Perceptron(4), "Biaffine": Biaffine(arc_dim=4, label_dim=3, dropout=0.0)}


def draw(module, seed=0):
    """Draw all weights: those of a biaffine form start at 0."""
    torch.manual_seed(seed)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    return module.eval()


def states(batch=2, n=5, width=3):
    return torch.randn(batch, n, width, generator=torch.Generator().manual_seed(2))


def role(module, h):
    return leaky_relu(module.linear.weight @ h + module.linear.bias, 0.1)


@pytest.mark.parametrize("modifier_alone", [True, False])
def test_the_biaffine_form_pair_by_pair(modifier_alone):
    scorer = draw(BiaffinePairs(3, 4, 2, modifier_alone=modifier_alone))
    h = states()
    scores = scorer(h)
    assert scores.shape == (2, 5, 5, 2)
    for b in range(2):
        for head in range(5):
            for modifier in range(5):
                x, y = role(scorer.head, h[b, head]), role(scorer.modifier, h[b, modifier])
                for output in range(2):
                    weight = scorer.weight[output]
                    expected = sum(x[i] * weight[i, k] * y[k] for i in range(4) for k in range(4))
                    expected = expected + sum(x[i] * weight[i, 4] for i in range(4))
                    if modifier_alone:
                        expected = expected + sum(y[k] * weight[4, k] for k in range(4)) + weight[4, 4]
                    torch.testing.assert_close(scores[b, head, modifier, output], expected, rtol=1e-4, atol=1e-5)


def test_tokens_one_by_one():
    scorer = draw(SCORERS["Biaffine"].tokens(3))
    h, scores = states(), scorer(states())
    first, last, _ = scorer
    assert scores.shape == (2, 5)
    for b in range(2):
        for t in range(5):
            torch.testing.assert_close(scores[b, t], (last.weight @ role(first, h[b, t]) + last.bias)[0])


@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.parametrize("part", ["tree_arcs", "graph_arcs", "labels"])
def test_one_head_a_token_is_scored_as_among_all(name, part):
    scorer = draw(getattr(SCORERS[name], part)(3, *([6] if part == "labels" else [])))
    h, heads = states(), torch.tensor([[0, 3, 3, 1, 0], [4, 4, 0, 2, 1]])
    every = scorer(h)
    assert every.shape[-1] == (6 if part == "labels" else 1)
    for modifier in range(5):
        for row in range(2):
            expected = every[row, heads[row, modifier], modifier]
            torch.testing.assert_close(scorer.at(h, heads)[row, modifier], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SCORERS)
def test_other_pairs_have_neither_score_nor_gradient(name):
    scorer = draw(SCORERS[name].graph_arcs(3))
    pairs = torch.zeros(2, 5, 5, dtype=torch.bool)
    pairs[0, 1, 2] = pairs[1, 4, 3] = True
    h = states().requires_grad_()
    scores = scorer(h, pairs)
    torch.testing.assert_close(scores[pairs], scorer(h)[pairs], rtol=1e-4, atol=1e-5)
    assert (scores[~pairs] == -torch.inf).all()
    scores[pairs].sum().backward()
    touched = h.grad.ne(0).any(-1)
    assert touched.nonzero().tolist() == [[0, 1], [0, 2], [1, 3], [1, 4]]


def test_dropout_takes_the_same_numbers_from_all_tokens():
    torch.manual_seed(0)
    layer = BiaffinePairs(3, 200, 1, dropout=0.33).head.train()
    rows = layer(torch.randn(4, 6, 3))
    kept = rows.ne(0)
    assert torch.equal(kept, kept[:, :1].expand_as(kept))
    assert not torch.equal(kept[0, 0], kept[1, 0])
    assert kept.float().mean().item() == pytest.approx(0.67, abs=0.06)
    assert torch.equal(layer.eval()(torch.ones(1, 2, 3)).ne(0), torch.ones(1, 2, 200, dtype=torch.bool))


def test_published_sizes():
    assert vars(Biaffine()) == {"arc_dim": 500, "label_dim": 100, "dropout": 0.33}
    arcs, labels = Biaffine().tree_arcs(800), Biaffine().labels(800, 40)
    assert (arcs.weight.shape, labels.weight.shape) == ((1, 500, 501), (40, 101, 101))


@pytest.mark.parametrize("cached", [1, 200, 300])
def test_a_few_sentences_at_a_time_are_all_sentences(monkeypatch, cached):
    scorer, heads = draw(BiaffinePairs(3, 4, 6)), torch.tensor([[0, 3, 3, 1, 0]] * 3)

    def run(called):
        h = states(batch=3).requires_grad_()
        out = called(h)
        return out, *torch.autograd.grad(out.square().sum(), [h, *scorer.parameters()])

    calls = [scorer, lambda h: scorer.at(h, heads)]
    whole = [run(call) for call in calls]
    monkeypatch.setattr(biaffine, "CACHED", cached)  # 30 numbers a token, 150 a sentence
    for call, expected in zip(calls, whole, strict=True):
        torch.testing.assert_close(run(call), expected, rtol=1e-5, atol=1e-4)
