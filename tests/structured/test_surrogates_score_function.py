"""ScoreFunction against the exact gradient of the expected loss, by enumeration."""

import math

import pytest
import torch

from spigot import Categorical, ProjectiveTree, ScoreFunction, SemanticGraph, SemanticGraphParts, structured_argmax
from tests.oracles.trees import tree_scores

ROWS = 4000
TARGET = torch.randn(4, 4, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def squared_distance(z):
    """Not linear in z, so that nothing but its values at structures counts."""
    return ((z - TARGET) ** 2).flatten(1).sum(1) + z[:, 0, 1] * z[:, 1, 2] + 5


def exact_gradient(scores):
    leaf = scores.clone().requires_grad_()
    trees, of_trees = tree_scores(leaf, projective=True, single_root=True)
    expected = (of_trees.softmax(0) * squared_distance(trees)).sum()
    return torch.autograd.grad(expected, leaf)[0]


def estimates(surrogate, scores):
    rows = scores.expand(ROWS, *scores.shape).clone().requires_grad_()
    output = structured_argmax(rows, ProjectiveTree(), surrogate, downstream=squared_distance)
    (grad,) = torch.autograd.grad(output.sum(), rows)
    return output.detach(), grad


@pytest.mark.parametrize("surrogate", [ScoreFunction(4), ScoreFunction(1, baseline="none")], ids=repr)
def test_it_is_unbiased(surrogate):
    torch.manual_seed(0)
    scores = torch.randn(4, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    output, grads = estimates(surrogate, scores)
    error = grads.std(0) / math.sqrt(ROWS)
    exact = exact_gradient(scores)
    assert exact.abs().max() > 0.2
    assert ((grads.mean(0) - exact).abs() <= 4 * error).all()
    tree = ProjectiveTree()
    assert torch.allclose(output.mean(0), tree.marginals(scores[None])[0], atol=0.04)


def test_the_baseline_makes_it_quieter():
    torch.manual_seed(0)
    scores = torch.randn(4, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    spread = {b: estimates(ScoreFunction(4, baseline=b), scores)[1].std(0).sum() for b in ("leave-one-out", "none")}
    assert spread["leave-one-out"] < spread["none"] / 2


def test_formula_and_generator():
    scores = torch.tensor([[1.0, 0.0, -1.0]], dtype=torch.float64, requires_grad=True)
    price = torch.tensor([0.5, -0.3, 0.1], dtype=torch.float64)
    seen = []

    def loss(z):
        seen.append(z.clone())
        return (z * price).sum(1)

    surrogate = ScoreFunction(3, generator=torch.Generator().manual_seed(6))
    output = structured_argmax(scores, Categorical(), surrogate, downstream=loss)
    # The gradient from above plays no part, unless it overflowed.
    (grad,) = torch.autograd.grad(output, scores, torch.full((1, 3), 7.0, dtype=torch.float64))
    drawn = torch.cat(seen)
    assert torch.equal(drawn[:1], output)
    losses = drawn @ price
    others = (losses.sum() - losses) / 2
    expected = ((losses - others)[:, None] * (drawn - scores.softmax(1))).mean(0)
    assert grad[0].tolist() == pytest.approx(expected.tolist())
    again = ScoreFunction(3, generator=torch.Generator().manual_seed(6))
    assert torch.equal(structured_argmax(scores.detach(), Categorical(), again), output)


def test_what_is_missing_is_named():
    scores = torch.zeros(2, 3, requires_grad=True)
    with pytest.raises(ValueError, match="downstream: ScoreFunction evaluates the loss again"):
        structured_argmax(scores, Categorical(), ScoreFunction())
    output = structured_argmax(scores, Categorical(), ScoreFunction(), downstream=lambda z: z.sum())
    with pytest.raises(ValueError, match=r"downstream: expected one loss for each row, shape \[2\], got \[\]"):
        output.sum().backward()
    parts = SemanticGraphParts(torch.zeros(1, 3), torch.zeros(1, 3, 3), torch.zeros(1, 3, 3, 2))
    with pytest.raises(TypeError, match="ScoreFunction needs a MarginalStructure, got SemanticGraph"):
        structured_argmax(parts, SemanticGraph([False, False]), ScoreFunction())


def test_settings_are_checked():
    with pytest.raises(ValueError, match='samples: expected at least 2 for baseline="leave-one-out", got 1'):
        ScoreFunction(samples=1)
    with pytest.raises(ValueError, match="baseline: expected one of 'leave-one-out', 'none', got 'mean'"):
        ScoreFunction(baseline="mean")
