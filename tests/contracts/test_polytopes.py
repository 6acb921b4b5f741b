"""What every polytope promises: `project` is a Euclidean projection onto a convex set."""

import pytest
import torch

from tests.contracts.registry import POLYTOPES, batch_of

NAN = float("nan")
SIZES = [4, 2, 3]
every_polytope = pytest.mark.parametrize("case", POLYTOPES, ids=lambda case: case.name)


def example(case, seed=0):
    return batch_of(case.shape, SIZES, seed), torch.tensor(SIZES)


@every_polytope
def test_padding_is_not_read_and_comes_back_zero(case):
    point, lengths = example(case)
    projected = case.polytope.project(point, lengths)
    assert projected.shape == point.shape
    assert torch.isfinite(projected).all()
    for b, size in enumerate(SIZES):
        extent = (slice(b, b + 1), *(slice(e) for e in case.shape(size)))
        assert torch.equal(case.polytope.project(point[extent]), projected[extent])
        projected[extent] = 0
    assert not projected.any()


@every_polytope
def test_projecting_twice_changes_nothing(case):
    point, lengths = example(case)
    once = case.polytope.project(point.double(), lengths)
    assert torch.allclose(case.polytope.project(once, lengths), once, atol=1e-12)


@every_polytope
def test_the_step_back_makes_an_obtuse_angle_with_every_vertex(case):
    """<p - P(p), v - P(p)> <= 0 for all v of the set, which characterises projections."""
    point, lengths = example(case)
    point = point.nan_to_num(0).double()
    projected = case.polytope.project(point, lengths)
    for seed in range(8):
        vertex = case.vertices.argmax(example(case, seed)[0], lengths).double()
        assert (((point - projected) * (vertex - projected)).flatten(1).sum(1) <= 1e-12).all()


@every_polytope
def test_projections_do_not_spread(case):
    (a, lengths), (b, _) = example(case, 1), example(case, 2)
    a, b = a.nan_to_num(0).double(), b.nan_to_num(0).double()
    apart = (case.polytope.project(a, lengths) - case.polytope.project(b, lengths)).flatten(1).norm(dim=1)
    assert (apart <= (a - b).flatten(1).norm(dim=1) + 1e-12).all()


@every_polytope
def test_true_derivative(case):
    point, lengths = example(case)
    point = point.nan_to_num(0).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda p: case.polytope.project(p, lengths), point)


@every_polytope
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(case, dtype):
    point, lengths = example(case)
    half = case.polytope.project(point.to(dtype), lengths)
    assert half.dtype == dtype
    assert torch.equal(half, case.polytope.project(point.to(dtype).float(), lengths).to(dtype))


@every_polytope
def test_a_gradient_that_overflowed_is_seen(case):
    point, lengths = example(case)
    vertex = case.vertices.argmax(point, lengths)
    cell = tuple(vertex[1].nonzero()[0].tolist())
    point[(1, *cell)] = NAN
    projected = case.polytope.project(point, lengths)
    assert torch.isnan(projected[(1, *cell)])
    assert torch.isfinite(projected[0]).all()


@every_polytope
def test_no_candidate_is_an_error(case):
    point, lengths = example(case)
    mask = torch.ones(point.shape, dtype=torch.bool)
    mask[2] = False
    with pytest.raises(ValueError, match="sentence 2"):
        case.polytope.project(point, lengths, mask)


@every_polytope
def test_empty_batch_and_empty_row(case):
    point, lengths = example(case)
    assert case.polytope.project(point[:0], lengths[:0]).shape == point[:0].shape
    assert not case.polytope.project(torch.full_like(point, NAN), torch.zeros_like(lengths)).any()
