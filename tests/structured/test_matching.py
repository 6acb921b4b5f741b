from itertools import permutations, product

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from spigot import (
    SPIGOT,
    Birkhoff,
    Hull,
    Matching,
    all_structures,
    columns_to_matching,
    perceptron_loss,
    structured_argmax,
)
from tests.oracles import qp

INF = float("inf")
MATCHING = Matching()


def random_scores(batch, size, seed, scale=1.0):
    return scale * torch.randn(batch, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def is_matching(z):
    return bool(((z == 0) | (z == 1)).all() and (z.sum(1) == 1).all() and (z.sum(2) == 1).all())


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_argmax_is_the_best_of_all_matchings(size):
    scores = random_scores(8, size, size)
    best = MATCHING.argmax(scores)
    order = torch.arange(size)
    everything = torch.tensor(list(permutations(range(size))))
    for row in range(8):
        totals = scores[row][order, everything].sum(1)
        assert best[row].argmax(1).tolist() == everything[totals.argmax()].tolist()


@pytest.mark.parametrize("kind", ["normal", "ties", "sparse", "sparse ties", "huge", "product"])
def test_argmax_by_scipy(kind):
    generator = np.random.default_rng(0)
    infeasible = 0
    for _ in range(40):
        size = int(generator.integers(1, 30))
        scores = generator.standard_normal((size, size))
        if "ties" in kind:
            scores = generator.integers(0, 4, (size, size)).astype(float)
        if kind == "product":  # the duals are far apart, and many matchings nearly as good
            scores = np.outer(generator.standard_normal(size), generator.standard_normal(size))
        if "sparse" in kind:
            scores[generator.random((size, size)) < 1 - 3.5 / size] = -INF
        scores *= 1e8 if kind == "huge" else 1
        given = torch.from_numpy(scores)[None]
        try:
            expected = scores[linear_sum_assignment(scores, maximize=True)].sum()
        except ValueError:
            infeasible += 1
            with pytest.raises(ValueError, match=r"no matching of all .*row 0"):
                MATCHING.argmax(given)
            continue
        z = MATCHING.argmax(given)
        assert is_matching(z)
        assert MATCHING.score(given, z).item() == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert ("sparse" in kind) == (infeasible > 0)
    assert infeasible < 35


@pytest.mark.parametrize("score", [0.0, 0.1, -1e8])
def test_if_all_matchings_are_equal(score):
    assert torch.equal(MATCHING.argmax(torch.full((1, 7, 7), score))[0], torch.eye(7))


def test_columns_that_nobody_may_have():
    scores = torch.zeros(2, 3, 3)
    scores[1, :, 2] = -INF
    with pytest.raises(ValueError, match=r"no matching of all .*row 1"):
        MATCHING.argmax(scores)
    with pytest.raises(ValueError, match=r"no matching of all .*row 1"):
        Birkhoff().project(scores)


KINDS = [(rows, columns, at_most) for rows, columns in ((3, 5), (5, 3), (4, 4), (1, 3)) for at_most in (False, True)]
every_kind = pytest.mark.parametrize(("rows", "columns", "at_most"), KINDS)


def all_matchings(rows, columns, at_most):
    """Return all matchings, those of which a row stays free if `at_most` or if there are too few columns."""
    least = 0 if at_most else min(rows, columns)
    found = []
    for choice in product(range(-1, columns), repeat=rows):
        taken = [column for column in choice if column >= 0]
        if len(set(taken)) == len(taken) >= least:
            found.append(torch.zeros(rows, columns, dtype=torch.float64))
            for row, column in enumerate(choice):
                if column >= 0:
                    found[-1][row, column] = 1
    return torch.stack(found)


def random_pairs(batch, rows, columns, seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(batch, rows, columns, generator=generator, dtype=torch.float64)


@every_kind
def test_argmax_of_any_shape_is_the_best_of_all(rows, columns, at_most):
    matching, scores = Matching(at_most), random_pairs(20, rows, columns, rows)
    everything = all_matchings(rows, columns, at_most)
    totals = (scores[:, None] * everything).sum((2, 3))
    best = matching.argmax(scores)
    assert torch.equal(best, everything[totals.argmax(1)])
    assert matching.contains(everything).all()
    assert len(all_structures(matching, scores[:1])[0]) == len(everything)
    compact = matching.to_compact(best)
    assert torch.equal(matching.to_parts(compact, scores), best)
    assert torch.equal(columns_to_matching(compact, torch.float64, columns), best)
    assert not perceptron_loss(scores, compact, matching).any()
    larger = torch.ones(1, rows, columns)
    assert not matching.contains(larger).any()
    assert matching.contains(0 * larger).item() == at_most


@pytest.mark.parametrize("kind", ["normal", "ties", "huge", "sparse"])
@pytest.mark.parametrize("at_most", [False, True])
def test_argmax_of_any_shape_by_scipy(kind, at_most):
    generator = np.random.default_rng(3)
    for _ in range(30):
        rows, columns = (int(size) for size in generator.integers(1, 25, 2))
        scores = generator.standard_normal((rows, columns)) * (1e8 if kind == "huge" else 1)
        if kind == "ties":
            scores = generator.integers(-2, 3, (rows, columns)).astype(float)
        if kind == "sparse":
            scores[(generator.random(scores.shape) < 0.7) & ~np.eye(rows, columns, dtype=bool)] = -INF
        gains = np.maximum(scores, 0) if at_most else scores
        expected = gains[linear_sum_assignment(gains, maximize=True)].sum()
        given, matching = torch.from_numpy(scores)[None], Matching(at_most)
        z = matching.argmax(given)
        assert matching.contains(z).all()
        assert matching.score(given, z).item() == pytest.approx(expected, rel=1e-12, abs=1e-12)


@every_kind
@pytest.mark.parametrize("scale", [0.1, 0.5, 3.0])
def test_projection_of_any_shape_by_a_general_solver(rows, columns, at_most, scale):
    points = random_pairs(6, rows, columns, columns, scale)
    points[3:].masked_fill_(torch.rand(points[3:].shape, generator=torch.Generator().manual_seed(1)) < 0.4, -INF)
    points[3:].diagonal(dim1=1, dim2=2).nan_to_num_(neginf=0.0)
    projected = Birkhoff(at_most).project(points)
    for point, found in zip(points.numpy(), projected.numpy(), strict=True):
        assert np.allclose(found, projected_by_solver(point, at_most), atol=1e-5)


def test_dummies_do_not_project():
    """A square matrix with dummy rows has the same argmax, but not the same projection."""
    points = random_pairs(20, 2, 4, 1, 0.5)
    padded = torch.cat([points, torch.zeros(20, 2, 4).double()], 1)
    assert torch.equal(Matching().argmax(padded)[:, :2], Matching().argmax(points))
    assert (Birkhoff().project(padded)[:, :2] - Birkhoff().project(points)).abs().max() > 0.05


@every_kind
def test_derivatives_of_projections_of_any_shape(rows, columns, at_most):
    points = random_pairs(4, rows, columns, 7, 0.6).requires_grad_()
    assert torch.autograd.gradcheck(Birkhoff(at_most).project, points)


@pytest.mark.parametrize("at_most", [False, True])
@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 1e3, 1e8])
def test_optimality_of_projections_of_any_shape(at_most, scale):
    points = random_pairs(4, 30, 45, 8, scale)
    points[0] = (3 * points[0] / max(scale, 1)).round()  # many ties
    for point in (points, points.mT):
        z = Birkhoff(at_most).project(point)
        assert (z >= 0).all()
        assert z.sum(1).max() < 1 + 1e-9
        assert z.sum(2).max() < 1 + 1e-9
        back = point - z
        best = (back * Matching(at_most).argmax(back)).sum((1, 2))
        assert (best - (back * z).sum((1, 2)) <= 1e-8 * max(scale, 1)).all()


@pytest.mark.parametrize("at_most", [False, True])
def test_rows_and_columns_have_lengths_of_their_own(at_most):
    scores, weights = random_pairs(5, 4, 6, 9), random_pairs(5, 4, 6, 10)
    lengths = torch.tensor([[4, 6], [3, 2], [1, 5], [0, 3], [4, 4]])
    for b, (rows, columns) in enumerate(lengths.tolist()):
        scores[b, rows:] = scores[b, :, columns:] = float("nan")
    matching = Matching(at_most)
    functions = [matching.argmax, Birkhoff(at_most).project, lambda s, n=None: matching.part_mask(s, n).double()]
    leaf = scores.clone().requires_grad_()
    output = structured_argmax(leaf, matching, SPIGOT(), lengths=lengths)
    (grad,) = torch.autograd.grad((output * weights).sum(), leaf)
    for b, (rows, columns) in enumerate(lengths.tolist()):
        alone = scores[b : b + 1, :rows, :columns]
        for function in functions:
            found = function(scores, lengths)[b]
            assert torch.equal(found[:rows, :columns], function(alone)[0])
            assert not found[rows:].any()
            assert not found[:, columns:].any()
        leaf = alone.clone().requires_grad_()
        (structured_argmax(leaf, matching, SPIGOT()) * weights[b, :rows, :columns]).sum().backward()
        assert torch.equal(grad[b, :rows, :columns], leaf.grad[0])
    chosen = matching.argmax(scores, lengths)
    assert matching.contains(chosen, lengths).all()
    compact = matching.to_compact(chosen, lengths)
    assert torch.equal(matching.to_parts(compact, scores, lengths), chosen)
    for wrong in ([[4, 7], *[[1, 1]] * 4], [[-1, 2], *[[1, 1]] * 4]):
        with pytest.raises(ValueError, match=r"lengths: out of range .*row 0"):
            matching.argmax(scores, wrong)
    with pytest.raises(ValueError, match=r"lengths: expected shape \[5, 2\], got \[5, 3\]"):
        matching.argmax(scores, torch.zeros(5, 3, dtype=torch.int64))


def test_too_few_candidates_of_a_rectangle():
    scores = torch.zeros(2, 2, 4)
    scores[1, :, 1:] = -INF
    for function in (MATCHING.argmax, lambda s: MATCHING.argmax(s.mT), Birkhoff().project):
        with pytest.raises(ValueError, match=r"no matching of all .*row 1"):
            function(scores)
    assert Matching(True).argmax(scores + 1)[1].sum() == 1


def projected_by_solver(point, at_most=False):
    rows, columns = point.shape
    cells = np.argwhere(point > -INF)
    sums = np.zeros((rows + columns, len(cells)))
    for k, (i, j) in enumerate(cells):
        sums[i, k] = sums[rows + j, k] = 1
    # Which sums are 1: those of the smaller side.
    whole = np.repeat([rows <= columns and not at_most, columns <= rows and not at_most], [rows, columns])
    limits = np.vstack([-np.eye(len(cells)), sums[~whole]]), np.append(np.zeros(len(cells)), np.ones((~whole).sum()))
    solution = qp.project(point[tuple(cells.T)], (sums[whole], np.ones(whole.sum())), limits)
    projected = np.zeros_like(point)
    projected[tuple(cells.T)] = solution
    return projected


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("sparse", [False, True])
def test_projection_by_a_general_solver(scale, sparse):
    generator = np.random.default_rng(1)
    for _ in range(12):
        size = int(generator.integers(1, 8))
        point = scale * generator.standard_normal((size, size))
        if sparse:
            # The diagonal stays; cells that no matching has are among the rest.
            point[(generator.random((size, size)) < 0.6) & ~np.eye(size, dtype=bool)] = -INF
        projected = Birkhoff().project(torch.from_numpy(point)[None])[0].numpy()
        assert np.allclose(projected, projected_by_solver(point), atol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 1e-2, 1.0, 1e3, 1e8])
@pytest.mark.parametrize("kind", ["normal", "ties", "product", "near a matching"])
def test_optimality_of_projections(kind, scale):
    points = random_scores(3, 40, 2)
    if kind == "ties":
        points = points.round()
    if kind == "product":
        points = points[:, :, :1] * points[:, :1]
    if kind == "near a matching":
        points = MATCHING.argmax(points) + 0.2 * points
    points = scale * points
    z = Birkhoff().project(points)
    ones = torch.ones(3, 40, dtype=torch.float64)
    assert (z >= 0).all()
    assert torch.allclose(z.sum(1), ones, atol=1e-10)
    assert torch.allclose(z.sum(2), ones, atol=1e-10)
    # No matching is further along the step back than the projection: <point - z, v - z> <= 0 for all v.
    back = points - z
    best = (back * MATCHING.argmax(back)).sum((1, 2))
    assert (best - (back * z).sum((1, 2)) <= 1e-9 * max(scale, 1)).all()


@pytest.mark.parametrize("at_most", [False, True])
@pytest.mark.parametrize("scale", [1e20, 1e30])
def test_far_out_the_projection_is_the_best_matching(at_most, scale):
    for rows, columns in ((4, 4), (20, 20), (23, 20)):
        points = random_pairs(20, rows, columns, 3, scale)
        assert torch.allclose(Birkhoff(at_most).project(points), Matching(at_most).argmax(points), atol=1e-9)


def test_projection_onto_a_small_face_next_to_many():
    # One of these lies where cells become positive within 1e-9 of the solution, one after another.
    points = torch.randn(32, 10, 10, generator=torch.Generator().manual_seed(10)).double()
    sums = Birkhoff().project(points).sum(1)
    assert torch.allclose(sums, torch.ones_like(sums), atol=1e-13)


def test_projection_by_active_set():
    points = random_scores(4, 5, 3, 0.5)
    assert torch.allclose(Birkhoff().project(points), Hull(MATCHING).project(points), atol=1e-6)


@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_derivative_on_faces(scale):
    # Of all sizes of the face: the support may fall into several blocks, each with a free sum.
    lengths = torch.tensor([6, 4, 1])
    points = random_scores(3, 6, 4, scale).requires_grad_()
    assert torch.autograd.gradcheck(lambda point: Birkhoff().project(point, lengths), points)
