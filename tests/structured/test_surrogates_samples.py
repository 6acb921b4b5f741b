"""SIMPLE, multiplicative noise and the score function of perturbed scores, against closed forms and enumeration."""

import math

import pytest
import torch

from spigot import (
    SIMPLE,
    Categorical,
    KSubset,
    Matching,
    Perturbed,
    PerturbedScoreFunction,
    perturbed_loss,
    structured_argmax,
)
from spigot.structured.audit.enumeration import all_structures
from tests.structured.derivatives import marginals_vjp

ROWS = 20_000


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def estimates(surrogate, structure, scores, grad, downstream=None):
    """Many independent outputs and gradients for the same scores."""
    rows = scores.expand(ROWS, *scores.shape).clone().requires_grad_()
    output = structured_argmax(rows, structure, surrogate, downstream=downstream)
    (found,) = torch.autograd.grad(output, rows, grad.expand_as(rows))
    return output.detach(), found


def assert_mean(found, expected):
    assert expected.abs().max() > 0.1
    assert ((found.mean(0) - expected).abs() <= 4 * found.std(0) / math.sqrt(len(found)) + 1e-12).all()


def choice(gap, deviation):
    """The probability that a normal number of this deviation is below `gap`, and its slope."""
    normal = torch.distributions.Normal(0.0, deviation)
    return normal.cdf(gap), normal.log_prob(gap).exp()


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["rewards", "costs"])
@pytest.mark.parametrize("kind", ["normal", "multiplicative"])
def test_the_score_function_and_perturbed_are_unbiased_for_two_categories(kind, sign):
    scores, sigma = sign * torch.tensor([1.5, 1.0], dtype=torch.float64), 0.4
    if kind == "normal":
        p, slope = choice(scores[0] - scores[1], sigma * math.sqrt(2))
        expected = torch.stack([slope, -slope])
    else:
        # The larger reward, or the smaller cost, is a comparison of logarithms.
        p, slope = choice(sign * (scores[0] / scores[1]).log(), sigma * math.sqrt(2))
        expected = sign * torch.stack([slope / scores[0], -slope / scores[1]])
    losses = torch.tensor([2.0, 0.7], dtype=torch.float64)
    expected = expected * (losses[0] - losses[1])
    perturbed = Perturbed(sigma, 4, kind, generator=seeded())
    for surrogate in (perturbed, PerturbedScoreFunction(sigma, 4, kind, generator=seeded())):
        output, found = estimates(surrogate, Categorical(), scores, losses, lambda z: z @ losses)
        assert output[:, 0].mean().item() == pytest.approx(p.item(), abs=0.015)
        assert_mean(found, expected)


def test_the_score_function_of_matchings_by_finite_differences():
    """With the same noise, the mean loss of perturbed scores is smooth enough to be differentiated by differences."""
    scores = torch.randn(3, 3, generator=seeded(1), dtype=torch.float64)
    prices = torch.randn(9, generator=seeded(2), dtype=torch.float64)

    def loss(z):  # not linear
        return (z.flatten(1) @ prices).exp()

    _, found = estimates(PerturbedScoreFunction(0.8, 2, generator=seeded(3)), Matching(), scores, scores, loss)
    noise = 0.8 * torch.randn(200_000, 3, 3, generator=seeded(4), dtype=torch.float64)
    members = all_structures(Matching(), scores[None])[0]
    values = loss(members)

    def mean(at):
        return values[((at + noise).flatten(1) @ members.flatten(1).T).argmax(1)].mean()

    for cell in ((0, 0), (1, 2)):
        step = torch.zeros(3, 3, dtype=torch.float64)
        step[cell] = 0.1
        slope = (mean(scores + step) - mean(scores - step)) / 0.2
        error = found[:, cell[0], cell[1]].std() / math.sqrt(ROWS)
        assert found[:, cell[0], cell[1]].mean().item() == pytest.approx(slope.item(), abs=4 * error.item() + 0.02)


def test_multiplicative_noise_keeps_the_sign():
    costs = torch.rand(200, 6, generator=seeded(), dtype=torch.float64) + 1e-3
    seen = []

    class Seeing(Categorical):
        def argmax(self, scores, lengths=None, mask=None):
            seen.append(scores)
            return super().argmax(scores, lengths, mask)

    structured_argmax(-costs, Seeing(), Perturbed(2.0, 50, "multiplicative", generator=seeded(1)))
    assert (seen[0] < 0).all()
    mean = structured_argmax(-costs, Seeing(), Perturbed(0.5, 50, "multiplicative", generator=seeded(1)))
    assert mean.shape == costs.shape
    factors = seen[1] / -costs.repeat_interleave(50, 0)
    assert factors.mean().item() == pytest.approx(1, abs=0.01)


def test_a_score_of_zero_has_no_derivative_under_multiplicative_noise():
    scores = torch.tensor([[1.0, 2.0], [0.0, 1.0]], requires_grad=True)
    output = structured_argmax(scores, Categorical(), Perturbed(noise="multiplicative"))
    with pytest.raises(ValueError, match=r"scores: expected none that is 0 under multiplicative noise.*row 1"):
        output.sum().backward()
    # Where there is no candidate, 0 is a score like any other.
    (grad,) = torch.autograd.grad(
        structured_argmax(scores, Categorical(), Perturbed(noise="multiplicative"), mask=scores != 0)[:, 1].sum(),
        scores,
    )
    assert grad.isfinite().all()


def test_perturbed_loss_with_multiplicative_noise():
    scores = (torch.rand(2, 4, 4, generator=seeded(), dtype=torch.float64) + 0.5).neg().requires_grad_()
    target = Matching().argmax(torch.randn(2, 4, 4, generator=seeded(1)))

    def loss(scores, samples=64):
        options = {"noise": "multiplicative", "sigma": 0.5, "samples": samples, "generator": seeded(2)}
        return perturbed_loss(scores, target, Matching(), **options)

    assert (loss(scores) > 0).all()
    (found,) = torch.autograd.grad(loss(scores).sum(), scores)
    direction = torch.randn(2, 4, 4, generator=seeded(3), dtype=torch.float64)
    with torch.no_grad():
        slope = (loss(scores + 1e-6 * direction) - loss(scores - 1e-6 * direction)).sum() / 2e-6
    assert (found * direction).sum().item() == pytest.approx(slope.item(), rel=1e-5)


@pytest.mark.parametrize("structure", [KSubset(2), Categorical()], ids=repr)
def test_simple_samples_exactly_and_has_the_gradient_of_the_marginals(structure):
    scores, grad = torch.randn(2, 5, generator=seeded(), dtype=torch.float64)
    output, found = estimates(SIMPLE(generator=seeded(1)), structure, scores, grad)
    members = all_structures(structure, scores[None])[0].double()
    expected = (members @ scores).softmax(0)
    shares = (output[:, None] == members).all(2).double().mean(0)
    assert shares.sum().item() == pytest.approx(1)
    assert ((shares - expected).abs() <= 4 * (expected * (1 - expected) / ROWS).sqrt()).all()
    exact = marginals_vjp(structure, scores[None], grad[None])[0]
    assert torch.allclose(found, exact.expand_as(found))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sigma": 0.0}, "sigma: expected a positive"),
        ({"noise": "uniform"}, "noise: expected one of"),
        ({"samples": 1}, 'samples: expected at least 2 for baseline="leave-one-out", got 1'),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        PerturbedScoreFunction(**settings)
