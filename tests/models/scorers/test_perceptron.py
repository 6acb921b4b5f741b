import pytest
import torch

from spigot.models.scorers import perceptron
from spigot.models.scorers.perceptron import MAX_CELLS, ArcScorer, TokenScorer


def states(batch=2, n=5, width=3):
    return torch.randn(batch, n, width, generator=torch.Generator().manual_seed(2))


def test_tokens_one_by_one():
    scorer = TokenScorer(3, 4)
    first, _, second, _, last = scorer.layers
    h = states()
    scores = scorer(h)
    assert scores.shape == (2, 5)
    for b in range(2):
        for t in range(5):
            inner = torch.tanh(first.weight @ h[b, t] + first.bias)
            outer = torch.tanh(second.weight @ inner + second.bias)
            torch.testing.assert_close(scores[b, t], (last.weight @ outer + last.bias)[0])


@pytest.mark.parametrize("outputs", [1, 3])
def test_arcs_one_by_one(outputs):
    scorer = ArcScorer(3, 4, outputs)
    torch.nn.init.normal_(scorer.head.bias)
    _, second, _, _, last = scorer.layers
    h = states()
    scores = scorer(h)
    assert scores.shape == (2, 5, 5, outputs)
    for b in range(2):
        for head in range(5):
            for modifier in range(5):
                inner = scorer.head.weight @ h[b, head] + scorer.modifier.weight @ h[b, modifier] + scorer.head.bias
                outer = torch.tanh(second.weight @ torch.tanh(inner) + second.bias)
                torch.testing.assert_close(scores[b, head, modifier], last.weight @ outer + last.bias)


@pytest.mark.parametrize("cells", [1, 20, 24])
def test_scoring_in_pieces_changes_nothing(monkeypatch, cells):
    scorer = ArcScorer(3, 4, 2)
    weights = torch.randn(2, 5, 5, 2, generator=torch.Generator().manual_seed(3))

    def run():
        h = states().requires_grad_()
        scores = scorer(h)
        gradients = torch.autograd.grad((scores * weights).sum(), [h, *scorer.parameters()])
        with torch.no_grad():
            return scores, scorer(h), *gradients

    whole = run()
    monkeypatch.setattr(perceptron, "MAX_CELLS", cells)
    calls = []
    score = ArcScorer._score
    monkeypatch.setattr(ArcScorer, "_score", lambda *arguments: calls.append(1) or score(*arguments))
    pieces = run()
    # Each piece is scored forwards, once more for the backward pass, and once without gradients.
    assert len(calls) == 3 * (5 if cells == 1 else 3)
    for one, other in zip(whole, pieces, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def outputs_and_gradients(scorer, states, grad, **options):
    leaf = states.clone().requires_grad_()
    scores = scorer(leaf, **options)
    scores.backward(grad)
    gradients = [leaf.grad, *(parameter.grad.clone() for parameter in scorer.parameters())]
    scorer.zero_grad()
    return scores.detach(), gradients


@pytest.mark.parametrize("cells", [MAX_CELLS, 20], ids=["whole", "in pieces"])
@pytest.mark.parametrize("autocast", [False, True])
def test_few_gradients_are_the_same_gradients(monkeypatch, cells, autocast):
    monkeypatch.setattr("spigot.models.scorers.perceptron.MAX_CELLS", cells)
    torch.manual_seed(0)
    dense, sparse = (ArcScorer(6, 5, 3, few_gradients=few) for few in (False, True))
    sparse.load_state_dict(dense.state_dict())
    states = torch.randn(2, 4, 6)
    grad = torch.randn(2, 4, 4, 3) * (torch.rand(2, 4, 4, 1) < 0.3)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        (a, of_a), (b, of_b) = (
            outputs_and_gradients(scorer, states, grad.bfloat16() if autocast else grad) for scorer in (dense, sparse)
        )
    assert torch.equal(a, b)
    for x, y in zip(of_a, of_b, strict=True):
        assert torch.allclose(x, y, atol=0.05 if autocast else 1e-6)
        assert y.any()


def test_no_gradient_at_all():
    scorer = ArcScorer(6, 5, few_gradients=True)
    _, gradients = outputs_and_gradients(scorer, torch.randn(2, 3, 6), torch.zeros(2, 3, 3, 1))
    assert not any(gradient.any() for gradient in gradients)


def test_a_penalty_on_few_gradients_is_refused():
    """A part of its gradient would be missing."""
    scorer, states = ArcScorer(6, 5, few_gradients=True), torch.randn(2, 3, 6, requires_grad=True)
    (slope,) = torch.autograd.grad(scorer(states).sum(), states, create_graph=True)
    with pytest.raises(RuntimeError, match="Perceptron: expected to be differentiated once"):
        slope.square().sum().backward()


def test_pairs_are_scored_alone():
    torch.manual_seed(0)
    scorer = ArcScorer(6, 5, 3, few_gradients=True)
    states = torch.randn(2, 4, 6)
    pairs = torch.rand(2, 4, 4) < 0.4
    grad = torch.randn(2, 4, 4, 3) * pairs[..., None]
    every, of_every = outputs_and_gradients(scorer, states, grad)
    some, of_some = outputs_and_gradients(scorer, states, grad, pairs=pairs)
    assert torch.allclose(some[pairs], every[pairs], atol=1e-6)
    assert (some[~pairs] == -torch.inf).all()
    assert all(torch.allclose(x, y, atol=1e-6) for x, y in zip(of_every, of_some, strict=True))


def test_few_gradients_and_dropout_do_not_go_together():
    with pytest.raises(ValueError, match="dropout: expected 0 beside few_gradients"):
        ArcScorer(6, 5, dropout=0.1, few_gradients=True)
