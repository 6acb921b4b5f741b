from itertools import combinations

import numpy as np
import pytest
import torch

from spigot import CappedSimplex, Categorical, KSubset, Simplex
from tests.oracles import qp

INF = float("inf")


def random_scores(batch, size, seed, scale=1.0):
    return scale * torch.randn(batch, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def all_subsets(size, k):
    rows = torch.zeros(0, size, dtype=torch.float64)
    for chosen in combinations(range(size), k):
        rows = torch.cat([rows, torch.zeros(1, size, dtype=torch.float64)])
        rows[-1, list(chosen)] = 1
    return rows


@pytest.mark.parametrize(("size", "k"), [(1, 1), (5, 1), (5, 5), (6, 2), (6, 4), (8, 3)])
@pytest.mark.parametrize("scale", [0.0, 1.0, 50.0, 1e4, 1e8])
def test_all_subsets(size, k, scale):
    scores = random_scores(4, size, size + k, scale)
    subsets = all_subsets(size, k)
    totals = scores @ subsets.mT
    structure = KSubset(k)
    if scale > 0:
        assert torch.equal(structure.argmax(scores), subsets[totals.argmax(1)])
    assert torch.allclose(structure.log_partition(scores), totals.logsumexp(1), rtol=1e-12)
    assert torch.allclose(structure.marginals(scores), totals.softmax(1) @ subsets, atol=1e-12 * max(scale, 1))
    entropy = torch.distributions.Categorical(logits=totals).entropy()
    assert torch.allclose(structure.entropy(scores), entropy, atol=1e-8 * max(scale, 1))


def test_many_candidates():
    # Far more subsets than float64 can count.
    scores = random_scores(2, 2000, 1, 0.0)
    marginals = KSubset(700).marginals(scores)
    assert torch.allclose(marginals, torch.full_like(marginals, 0.35), rtol=1e-9)
    numbers = torch.tensor([2001.0, 701.0, 1301.0], dtype=torch.float64).lgamma()
    log_z = KSubset(700).log_partition(scores)
    assert torch.allclose(log_z, (numbers[0] - numbers[1] - numbers[2]).expand(2), rtol=1e-12)
    scores = random_scores(1, 300, 2, 3.0).requires_grad_()
    marginals = KSubset(40).marginals(scores)
    assert marginals.sum().item() == pytest.approx(40, abs=1e-9)
    direction = random_scores(1, 300, 3)
    (slopes,) = torch.autograd.grad(marginals, scores, direction)
    nudged = [KSubset(40).marginals(scores.detach() + step * direction) for step in (1e-5, -1e-5)]
    assert torch.allclose(slopes, (nudged[0] - nudged[1]) / 2e-5, atol=1e-8)


def test_a_subset_of_one_is_a_category():
    scores = random_scores(3, 6, 4)
    one, category = KSubset(1), Categorical()
    assert torch.equal(one.argmax(scores), category.argmax(scores))
    assert torch.allclose(one.marginals(scores), category.marginals(scores))
    assert torch.allclose(one.log_partition(scores), category.log_partition(scores))
    assert torch.allclose(CappedSimplex(1).project(scores), Simplex().project(scores))


def test_the_smaller_index_wins_a_tie():
    scores = torch.tensor([[1.0, 2.0, 1.0, 2.0, 1.0, 1.0], [0.0] * 6])
    assert KSubset(3).argmax(scores).tolist() == [[1, 1, 0, 1, 0, 0], [1, 1, 1, 0, 0, 0]]


def test_candidates():
    scores = random_scores(1, 6, 5)
    mask = torch.tensor([[True, False, True, True, False, True]])
    structure, inside = KSubset(2), mask[0]
    poisoned = scores.masked_fill(~mask, float("nan"))
    for function in (structure.argmax, structure.marginals):
        assert torch.equal(function(poisoned, None, mask)[:, inside], function(scores[:, inside]))
    with pytest.raises(ValueError, match=r"scores: too few candidates .*row 0"):
        KSubset(5).argmax(scores, None, mask)
    for function in (KSubset(5).log_partition, KSubset(5).marginals, KSubset(5).sample):
        with pytest.raises(ValueError, match=r"scores: too few candidates .*row 0"):
            function(scores, None, mask)
    with pytest.raises(ValueError, match=r"point: too few candidates .*row 0"):
        CappedSimplex(5).project(scores, None, mask)


def test_of_a_short_row_all_are_chosen():
    scores, lengths = random_scores(3, 5, 6), torch.tensor([2, 0, 5])
    structure, some = KSubset(3), torch.tensor([[1.0, 1, 0, 0, 0], [0.0] * 5])
    for z in (
        structure.argmax(scores, lengths),
        structure.marginals(scores, lengths),
        structure.sample(scores, lengths),
    ):
        assert torch.allclose(z[:2], some.double())
    assert torch.allclose(CappedSimplex(3).project(scores, lengths)[:2], some.double())
    assert structure.log_partition(scores, lengths)[:2].tolist() == [scores[0, :2].sum().item(), 0]


@pytest.mark.parametrize("k", [0, -1, 1.5])
def test_a_bad_size_is_named(k):
    for make in (KSubset, CappedSimplex):
        with pytest.raises(ValueError, match="k: expected an integer of at least 1"):
            make(k)


def test_samples_have_the_right_joint_distribution():
    scores, subsets, count = random_scores(1, 5, 7), all_subsets(5, 2), 20_000
    samples = KSubset(2).sample(scores.expand(count, 5), generator=torch.Generator().manual_seed(0))
    found = (samples[:, None] == subsets).all(2)
    share = found.double().mean(0)
    p = (scores @ subsets.mT).softmax(1)[0]
    assert found.sum() == count
    assert ((share - p).abs() < 5 * (p * (1 - p) / count).sqrt()).all()


@pytest.mark.parametrize(("size", "k", "scale"), [(1, 1, 1.0), (6, 2, 0.3), (6, 2, 2.0), (9, 5, 0.5), (9, 8, 1.0)])
def test_projection_by_a_general_solver(size, k, scale):
    points = random_scores(5, size, size, scale)
    projected = CappedSimplex(k).project(points)
    identity = np.eye(size)
    box = np.vstack([-identity, identity]), np.concatenate([np.zeros(size), np.ones(size)])
    for point, found in zip(points, projected, strict=True):
        expected = qp.project(point.numpy(), (np.ones((1, size)), np.array([float(k)])), box)
        assert np.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 1e8])
def test_optimality_of_projections(scale):
    points = random_scores(8, 500, 8, scale)
    points[0] = (5 * points[0] / max(scale, 1)).round()  # many ties
    z = CappedSimplex(120).project(points)
    assert ((z >= 0) & (z <= 1)).all()
    assert torch.allclose(z.sum(1), torch.full((8,), 120.0, dtype=torch.float64), rtol=1e-12, atol=1e-6 * scale / 1e8)
    # No vertex is further along the step back than the projection: <point - z, v - z> <= 0 for all v.
    back = points - z
    best = (back * KSubset(120).argmax(back)).sum(1)
    assert (best - (back * z).sum(1) <= 1e-9 * max(scale, 1)).all()
