"""Noise against its distributions, and against the promise that padding and neighbours do not matter."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from spigot import Categorical, Problem, ProjectiveTree
from spigot.structured.noise import draw_noise, draw_seeds


def drawn(kind, shape, seed=0, samples=1, structure=None):
    problem = Problem(structure or Categorical(), torch.zeros(shape, dtype=torch.float64))
    seeds = draw_seeds(problem, samples, torch.Generator().manual_seed(seed))
    return draw_noise(kind, seeds, problem)


@pytest.mark.parametrize(("kind", "distribution"), [("gumbel", "gumbel_r"), ("normal", "norm")])
def test_distributions(kind, distribution):
    """Over parts, over samples and over rows alike."""
    for shape, samples in [((1, 20_000), 1), ((1, 1), 20_000), ((20_000, 1), 1)]:
        noise = drawn(kind, shape, samples=samples).flatten().numpy()
        assert stats.kstest(noise, distribution).pvalue > 0.01


def test_parts_and_samples_are_independent():
    noise = drawn("normal", (1, 3), samples=20_000)
    assert (torch.corrcoef(noise.T) - torch.eye(3)).abs().max() < 0.03
    following = torch.corrcoef(torch.stack([noise[1:, 0], noise[:-1, 0]]))
    assert following[0, 1].abs() < 0.03


def cut_off_gumbel(x):
    """The distribution of Σ_i E_i / i - log 10 over ten terms: the largest of ten exponential numbers, less log 10."""
    return (-np.expm1(-(x + math.log(10)))).clip(0) ** 10


def test_one_sum_of_gamma_is_almost_gumbel_noise():
    noise = drawn("sum-of-gamma", (1, 20_000)).flatten().numpy()
    assert stats.kstest(noise, cut_off_gumbel).pvalue > 0.01


def test_the_noise_of_a_tree_adds_up_to_one_gumbel_number():
    tokens = 4
    noise = drawn("sum-of-gamma", (4000, tokens + 1, tokens + 1), structure=ProjectiveTree())
    # The arcs of one tree: from ROOT to 1, and from 1 to the others.
    total = noise[:, 0, 1] + noise[:, 1, 2:].sum(1)
    assert stats.kstest(total.numpy(), cut_off_gumbel).pvalue > 0.01


@pytest.mark.parametrize("kind", ["gumbel", "normal", "sum-of-gamma"])
def test_padding_and_neighbours_do_not_matter(kind):
    scores = torch.randn(3, 6, 6, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([2, 5, 3])

    def noise(problem, rows_before):
        generator = torch.Generator().manual_seed(3)
        torch.randint(2**63 - 1, (rows_before, 1), generator=generator)
        return draw_noise(kind, draw_seeds(problem, 2, generator), problem)

    batch = noise(Problem(ProjectiveTree(), scores, lengths), 0)
    for b, size in enumerate(lengths.tolist()):
        alone = noise(Problem(ProjectiveTree(), scores[b : b + 1, : size + 1, : size + 1]), b)
        assert alone.any()
        assert torch.equal(batch[2 * b : 2 * b + 2, : size + 1, : size + 1], alone)
        batch[2 * b : 2 * b + 2, : size + 1, : size + 1] = 0
    assert not batch.any()


def test_the_generator_decides():
    assert torch.equal(drawn("normal", (2, 3), seed=1), drawn("normal", (2, 3), seed=1))
    assert not torch.equal(drawn("normal", (2, 3), seed=1), drawn("normal", (2, 3), seed=2))


def test_no_noise_is_zero():
    noise = draw_noise("none", torch.arange(6).view(2, 3), Problem(Categorical(), torch.zeros(2, 3)))
    assert noise.shape == (6, 3)
    assert not noise.any()
