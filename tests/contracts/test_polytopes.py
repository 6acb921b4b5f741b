"""What every polytope promises: `project` is a Euclidean projection onto a convex set."""

import pytest
import torch

from spigot.structured.parts.base import flatten, inner, like, map_parts, tensors
from tests.contracts.registry import POLYTOPES, batch_of, equal, ones_mask, outside, row_of, to

NAN = float("nan")
SIZES = [4, 2, 3]
every_polytope = pytest.mark.parametrize("case", POLYTOPES, ids=lambda case: case.name)
every_projection = pytest.mark.parametrize("case", [c for c in POLYTOPES if c.nearest], ids=lambda case: case.name)


def example(case, seed=0):
    return batch_of(case.shape, SIZES, seed), torch.tensor(SIZES)


def wide_example(case, seed=0):
    point, lengths = example(case, seed)
    return map_parts(lambda part: part.nan_to_num(0).double(), point), lengths


@every_polytope
def test_padding_is_not_read_and_comes_back_zero(case):
    point, lengths = example(case)
    projected = case.polytope.project(point, lengths)
    assert torch.isfinite(flatten(projected)).all()
    for b, size in enumerate(SIZES):
        assert equal(case.polytope.project(row_of(point, case.shape, b, size)), row_of(projected, case.shape, b, size))
    assert not outside(projected, case.vertices.part_mask(point, lengths)).any()


@every_polytope
def test_projecting_twice_changes_nothing(case):
    point, lengths = wide_example(case)
    once = case.polytope.project(point, lengths)
    assert torch.allclose(flatten(case.polytope.project(once, lengths)), flatten(once), atol=case.atol)


@every_projection
def test_the_step_back_makes_an_obtuse_angle_with_every_vertex(case):
    """<p - P(p), v - P(p)> <= 0 for all v of the set, which characterises projections."""
    point, lengths = wide_example(case)
    projected = case.polytope.project(point, lengths)
    back = map_parts(torch.sub, point, projected)
    for seed in range(8):
        vertex = to(case.vertices.argmax(example(case, seed)[0], lengths), torch.float64)
        assert (inner(back, map_parts(torch.sub, vertex, projected)) <= case.atol).all()


@every_projection
def test_projections_do_not_spread(case):
    (a, lengths), (b, _) = wide_example(case, 1), wide_example(case, 2)
    apart = flatten(case.polytope.project(a, lengths)) - flatten(case.polytope.project(b, lengths))
    assert (apart.norm(dim=1) <= (flatten(a) - flatten(b)).norm(dim=1) + case.atol).all()


@every_polytope
def test_true_derivative(case):
    point, lengths = wide_example(case)
    leaves = map_parts(lambda part: part.requires_grad_(), point)

    def project(*parts):
        return tensors(case.polytope.project(like(point, parts), lengths))

    assert torch.autograd.gradcheck(project, tensors(leaves), atol=max(1e-5, 10 * case.atol))


@every_polytope
def test_the_gradient_in_padding_is_not_read(case):
    point, lengths = example(case)
    grad, _ = example(case, seed=1)
    leaves = map_parts(lambda part: part.requires_grad_(), point)
    projected = case.polytope.project(leaves, lengths)
    clean = map_parts(lambda part: part.nan_to_num(0), grad)
    expected, found = (
        torch.autograd.grad(tensors(projected), tensors(leaves), tensors(given), retain_graph=True)
        for given in (clean, grad)
    )
    assert equal(like(point, found), like(point, expected))


@every_polytope
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(case, dtype):
    point, lengths = example(case)
    half = case.polytope.project(to(point, dtype), lengths)
    assert all(part.dtype == dtype for part in tensors(half))
    assert equal(half, to(case.polytope.project(to(to(point, dtype), torch.float32), lengths), dtype))


@every_polytope
def test_a_gradient_that_overflowed_is_seen(case):
    point, lengths = example(case)
    vertex = case.vertices.argmax(map_parts(torch.abs, point), lengths)
    index = next(k for k, part in enumerate(tensors(vertex)) if part[1].any())
    cell = (1, *tensors(vertex)[index][1].nonzero()[0].tolist())
    tensors(point)[index][cell] = NAN
    projected = case.polytope.project(point, lengths)
    assert torch.isnan(tensors(projected)[index][cell])
    assert torch.isfinite(flatten(projected)[0]).all()


@every_polytope
def test_no_candidate_is_an_error(case):
    point, lengths = example(case)
    mask = ones_mask(point)
    for part in tensors(mask):
        part[2] = False
    if case.may_be_zero:
        assert not flatten(case.polytope.project(point, lengths, mask))[2].any()
        return
    with pytest.raises(ValueError, match="row 2"):
        case.polytope.project(point, lengths, mask)


@every_polytope
def test_empty_batch_and_empty_row(case):
    point, lengths = example(case)
    nothing = map_parts(lambda part: part[:0], point)
    empty = case.polytope.project(nothing, lengths[:0])
    assert [part.shape for part in tensors(empty)] == [part.shape for part in tensors(nothing)]
    poison = map_parts(lambda part: torch.full_like(part, NAN), point)
    if case.may_be_zero:
        poison = map_parts(lambda part: part.nan_to_num(-1.0), poison)
    assert not flatten(case.polytope.project(poison, torch.zeros_like(lengths))).any()


@pytest.mark.wrong_arguments
@every_polytope
def test_a_point_that_is_none_is_named(case):
    point = map_parts(lambda part: part.nan_to_num(0), batch_of(case.shape, [3, 2], 0))
    whole, wide = (map_parts(lambda part, kind=kind: part.to(kind), point) for kind in (torch.int64, torch.complex64))
    for given in (None, "point", tensors(point)[0].numpy(), tuple(tensors(point)), whole, wide):
        with pytest.raises(TypeError, match=r": expected .*, got "):
            case.polytope.project(given)
