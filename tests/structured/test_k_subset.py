from itertools import combinations

import numpy as np
import pytest
import torch

import spigot
from spigot import CappedSimplex, Categorical, Hull, KSubset, Simplex
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


@pytest.mark.parametrize("k", [-1, 1.5, None])
def test_a_bad_size_is_named(k):
    for make in (KSubset, CappedSimplex):
        with pytest.raises(ValueError, match="k: expected an integer of at least 0"):
            make(k)


def test_bad_sizes_of_rows_are_named():
    for make in (KSubset, CappedSimplex):
        with pytest.raises(ValueError, match=r"k: expected numbers of at least 0 \(row 1 of the batch"):
            make(torch.tensor([1, -1]))
        with pytest.raises(TypeError, match=r"k: expected integers, got torch\.float32"):
            make(torch.tensor(1.0))
    with pytest.raises(ValueError, match=r"k: expected one number or shape \[3\], got \[2\]"):
        KSubset(torch.tensor([1, 2])).argmax(torch.zeros(3, 4))


def all_up_to(size, k):
    return torch.cat([all_subsets(size, c) for c in range(k + 1)])


@pytest.mark.parametrize(("size", "k"), [(1, 1), (5, 0), (5, 1), (5, 5), (6, 3), (4, 9)])
@pytest.mark.parametrize("scale", [0.0, 1.0, 50.0, 1e4, 1e8])
def test_at_most_k(size, k, scale):
    scores, direction = random_scores(4, size, size + k, scale), random_scores(4, size, 1)
    mask = torch.rand(4, size, generator=torch.Generator().manual_seed(k)) < 0.8
    subsets, structure = all_up_to(size, min(k, size)), KSubset(k, at_most=True)
    totals = torch.where(subsets > 0, scores.masked_fill(~mask, -INF)[:, None], 0.0).sum(2)
    p = totals.softmax(1)
    if scale > 0:
        assert torch.equal(structure.argmax(scores, None, mask), subsets[totals.argmax(1)])
    else:
        assert not structure.argmax(scores, None, mask).any()
    leaf = scores.clone().requires_grad_()
    marginals = structure.marginals(leaf, None, mask)
    assert torch.allclose(structure.log_partition(scores, None, mask), totals.logsumexp(1), rtol=1e-12)
    assert torch.allclose(marginals, p @ subsets, atol=1e-12)
    entropy = torch.special.entr(p).sum(1)
    assert torch.allclose(structure.entropy(scores, None, mask), entropy, atol=1e-9)
    (slopes,) = torch.autograd.grad(marginals, leaf, direction)
    # Cov[z, <z, direction>]
    along = subsets @ direction.mT
    expected = torch.einsum("bs,sd,sb->bd", p, subsets, along) - (p @ subsets) * (p * along.mT).sum(1, keepdim=True)
    assert torch.allclose(slopes, expected, atol=1e-9)
    drawn = structure.sample(scores, None, mask)
    expected = totals[(drawn[:, None] == subsets).all(2)] - totals.logsumexp(1)
    assert torch.allclose(structure.log_prob(scores, drawn, None, mask), expected, atol=1e-6 * max(scale, 1) / 1e4)


def test_samples_of_at_most_k():
    scores, subsets, count = random_scores(1, 4, 9), all_up_to(4, 2), 20_000
    samples = KSubset(2, at_most=True).sample(scores.expand(count, 4), generator=torch.Generator().manual_seed(0))
    share = (samples[:, None] == subsets).all(2).double().mean(0)
    p = (scores @ subsets.mT).softmax(1)[0]
    assert share.sum() == 1
    assert ((share - p).abs() < 5 * (p * (1 - p) / count).sqrt()).all()


@pytest.mark.parametrize("at_most", [False, True])
def test_each_row_has_its_own_size(at_most):
    scores, lengths = random_scores(5, 6, 10), torch.tensor([6, 6, 2, 5, 0])
    k = torch.tensor([3, 0, 4, 1, 2])
    of_all, seeds = KSubset(k, at_most), torch.arange(5)
    for name in ("argmax", "log_partition", "marginals", "entropy"):
        together = getattr(of_all, name)(scores, lengths)
        for b in range(5):
            alone = getattr(KSubset(int(k[b]), at_most), name)(scores[b : b + 1], lengths[b : b + 1])
            assert torch.equal(together[b : b + 1], alone), name
    samples, projected = of_all.sample_seeded(scores, seeds, lengths), of_all.relaxation.project(scores, lengths)
    assert of_all.contains(samples, lengths).all()
    for b in range(5):
        row, of_row = (scores[b : b + 1], lengths[b : b + 1]), KSubset(int(k[b]), at_most)
        assert torch.equal(of_row.sample_seeded(row[0], seeds[b : b + 1], row[1])[0], samples[b])
        assert torch.equal(of_row.relaxation.project(*row)[0], projected[b])
    compact = of_all.to_compact(samples, lengths)
    assert torch.equal(of_all.to_parts(compact, scores, lengths), samples)
    loss = spigot.hinge_loss(scores, compact, of_all, lengths=lengths)
    assert torch.equal(loss, spigot.hinge_loss(scores, samples, of_all, lengths=lengths))
    wrong = compact.clone()
    wrong[2, 0] = -1
    if not at_most:
        with pytest.raises(ValueError, match=r"target: expected a structure of KSubset.*row 2"):
            spigot.hinge_loss(scores, wrong, of_all, lengths=lengths)


def test_every_surrogate_with_sizes_of_rows():
    scores, structure = random_scores(3, 5, 11).float(), KSubset(torch.tensor([2, 0, 3]))
    for surrogate in (
        spigot.SPIGOT(),
        spigot.IMLE(samples=2),
        spigot.Perturbed(samples=3),
        spigot.SparseMAP(),
        spigot.Blackbox(1.0),
        spigot.Marginals(),
        spigot.SPIGOT(polytope=Hull(structure)),
    ):
        leaf = scores.clone().requires_grad_()
        output = spigot.structured_argmax(leaf, structure, surrogate)
        assert torch.allclose(output.sum(1), torch.tensor([2.0, 0.0, 3.0]), atol=1e-5)
        (output * torch.arange(5)).sum().backward()
        assert leaf.grad.isfinite().all()
    assert len(spigot.all_structures(structure, scores)[2]) == 10
    hull = Hull(structure).project(scores)
    assert torch.allclose(hull, structure.hull.project(scores), atol=1e-5)


@pytest.mark.parametrize("k", [0, 2, 6])
@pytest.mark.parametrize("scale", [0.2, 1.0, 3.0])
def test_projection_onto_at_most_k_by_a_general_solver(k, scale):
    points = random_scores(5, 6, k, scale)
    projected = CappedSimplex(k, at_most=True).project(points)
    box = np.vstack([-np.eye(6), np.eye(6), np.ones((1, 6))]), np.concatenate([np.zeros(6), np.ones(6), [float(k)]])
    for point, found in zip(points, projected, strict=True):
        expected = qp.project(point.numpy(), (np.zeros((0, 6)), np.zeros(0)), box)
        assert np.allclose(found, expected, atol=1e-6)


def test_the_empty_subset():
    scores = random_scores(2, 4, 12).requires_grad_()
    for structure in (KSubset(0), KSubset(0, at_most=True)):
        assert not structure.argmax(scores).any()
        assert not structure.sample(scores).any()
        assert structure.log_partition(scores).tolist() == structure.entropy(scores).tolist() == [0, 0]
        assert not structure.relaxation.project(scores).any()
        assert structure.to_compact(structure.argmax(scores)).shape == (2, 0)
        output = spigot.structured_argmax(scores, structure, spigot.SPIGOT())
        assert not torch.autograd.grad(output.sum(), scores)[0].any()


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


@pytest.mark.parametrize(("size", "k"), [(4, 1), (10, 3), (50, 10), (200, 20)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_derivative_knows_which_bounds_bind(size, k, dtype):
    """A sum that is k but for rounding does not move; one below k does not hold the others."""
    points = random_scores(300, size, size).to(dtype)
    points[150:] -= 3
    points.requires_grad_()
    projected = CappedSimplex(k, at_most=True).project(points)
    (moved,) = torch.autograd.grad(projected.sum(), points)
    binds = projected.detach().double().sum(1) > k - 1e-5 * k
    free = ((projected > 0) & (projected < 1)).sum(1)
    assert binds.any()
    assert not binds.all()
    assert torch.allclose(moved[binds].sum(1), torch.zeros_like(moved[binds][:, 0]), atol=1e-5)
    assert torch.equal(moved[~binds].sum(1), free[~binds].to(dtype))
