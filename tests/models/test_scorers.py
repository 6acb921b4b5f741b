import pytest
import torch

from spigot.models import scorers
from spigot.models.scorers import ArcScorer, TokenScorer


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
    monkeypatch.setattr(scorers, "MAX_CELLS", cells)
    calls = []
    score = ArcScorer._score
    monkeypatch.setattr(ArcScorer, "_score", lambda *arguments: calls.append(1) or score(*arguments))
    pieces = run()
    # Each piece is scored forwards, once more for the backward pass, and once without gradients.
    assert len(calls) == 3 * (5 if cells == 1 else 3)
    for one, other in zip(whole, pieces, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
