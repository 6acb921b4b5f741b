from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from spigot import Birkhoff, Hull, Matching
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
            with pytest.raises(ValueError, match=r"no perfect matching .*row 0"):
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
    with pytest.raises(ValueError, match=r"no perfect matching .*row 1"):
        MATCHING.argmax(scores)
    with pytest.raises(ValueError, match=r"no perfect matching .*row 1"):
        Birkhoff().project(scores)


def test_a_matrix_that_is_not_square():
    for name, function in (("scores", MATCHING.argmax), ("point", Birkhoff().project)):
        with pytest.raises(ValueError, match=rf"{name}: expected as many columns as rows, got \[2, 3, 4\]"):
            function(torch.zeros(2, 3, 4))


def projected_by_solver(point):
    size = len(point)
    cells = np.argwhere(point > -INF)
    sums = np.zeros((2 * size, len(cells)))
    for k, (i, j) in enumerate(cells):
        sums[i, k] = sums[size + j, k] = 1
    bounds = -np.eye(len(cells)), np.zeros(len(cells))
    solution = qp.project(point[tuple(cells.T)], (sums, np.ones(2 * size)), bounds)
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
