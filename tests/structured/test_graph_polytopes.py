import numpy as np
import pytest
import torch

import spigot
from spigot import ClippedArcs, GraphHull, LabeledArcs, SemanticGraph, SemanticGraphParts
from spigot.structured.parts.base import inner, map_parts
from tests.oracles.qp import project_onto_graph_hull, project_onto_labeled_arcs

INF = float("inf")
NAN = float("nan")
EVERY = [LabeledArcs(), ClippedArcs(), GraphHull([True, False, True])]
every = pytest.mark.parametrize("polytope", EVERY, ids=lambda polytope: type(polytope).__name__)


def random_point(batch, n, label_count, seed, scale=1.0, shift=0.0):
    generator = np.random.default_rng(seed)
    shapes = [(batch, n), (batch, n, n), (batch, n, n, label_count)]
    return SemanticGraphParts(*(torch.from_numpy(scale * generator.standard_normal(s) + shift) for s in shapes))


def one_arc(arc, labels):
    """A point with the arc from ROOT to the only token, and this arc and its labels as they were projected."""
    point = SemanticGraphParts(torch.ones(1, 2), torch.zeros(1, 2, 2), torch.zeros(1, 2, 2, len(labels)))
    point.arcs[0, 0, 1] = arc
    point.labels[0, 0, 1] = torch.tensor(labels)
    return point


def result(polytope, arc, labels):
    projected = polytope.project(one_arc(arc, labels))
    return projected.arcs[0, 0, 1].item(), projected.labels[0, 0, 1].tolist()


@pytest.mark.parametrize(
    ("polytope", "arc", "labels", "expected_arc", "expected_labels"),
    [
        (LabeledArcs(), 0.7, [0.4, 0.5, -0.2], 0.766667, [0.333333, 0.433333, 0]),
        (LabeledArcs(), -0.2, [1.4, -0.3, -0.1], 0.6, [0.6, 0, 0]),
        (LabeledArcs(), 3.0, [0.4, 0.5, -0.2], 1, [0.45, 0.55, 0]),
        (LabeledArcs(), -1.0, [0.5, 0.9, 1.0], 0, [0, 0, 0]),
        (ClippedArcs(), 0.7, [0.4, 0.5, -0.2], 0.7, [0.3, 0.4, 0]),
        (ClippedArcs(), -0.2, [1.4, -0.3, -0.1], 0, [0, 0, 0]),
        (ClippedArcs(), 3.0, [0.4, 0.5, -0.2], 1, [0.45, 0.55, 0]),
    ],
)
def test_worked_examples(polytope, arc, labels, expected_arc, expected_labels):
    found_arc, found_labels = result(polytope, arc, labels)
    assert found_arc == pytest.approx(expected_arc, abs=1e-6)
    assert found_labels == pytest.approx(expected_labels, abs=1e-6)


@pytest.mark.parametrize("scale", [0.3, 1.0, 5.0])
def test_labeled_arcs_against_a_general_solver(scale):
    point = random_point(4, 3, 4, seed=int(scale * 10), scale=scale)
    projected = LabeledArcs().project(point)
    for b in range(4):
        expected = project_onto_labeled_arcs(*(part[b].numpy() for part in point))
        for found, part in zip(projected, expected, strict=True):
            np.testing.assert_allclose(found[b], part, atol=1e-6)


def test_clipped_arcs_are_two_projections_in_a_row():
    point = random_point(3, 4, 5, seed=1)
    projected = ClippedArcs().project(point)
    for b, i, j in np.ndindex(3, 4, 4):
        if j == 0 or i == j:
            assert projected.arcs[b, i, j] == 0
            assert not projected.labels[b, i, j].any()
            continue
        arc = point.arcs[b, i, j].clamp(0, 1)
        assert projected.arcs[b, i, j] == arc
        if arc > 0:
            # Onto what sums to it, by way of what sums to 1.
            shared = arc * spigot.Simplex().project(point.labels[b, i, j][None] / arc)[0]
            torch.testing.assert_close(projected.labels[b, i, j], shared)
    assert torch.equal(projected.predicates, point.predicates.clamp(0, 1))


@pytest.mark.parametrize("deterministic", [(False,) * 3, (True, False, True), (True,) * 3])
def test_hull_against_a_general_solver(deterministic):
    for seed, (scale, shift) in enumerate([(0.3, 0.3), (1.0, 0.0), (1.0, 0.5), (3.0, 0.0)]):
        point = random_point(2, 4, 3, seed=seed, scale=scale, shift=shift)
        projected = GraphHull(deterministic).project(point)
        for b in range(2):
            expected = project_onto_graph_hull(*(part[b].numpy() for part in point), deterministic)
            for found, part in zip(projected, expected, strict=True):
                np.testing.assert_allclose(found[b], part, atol=1e-5)


@pytest.mark.parametrize("whole", [False, True], ids=["reals", "ties"])
def test_hull_where_no_general_solver_reaches(whole):
    """<p - P(p), v> is largest at P(p) over the hull: that is what makes it the nearest point."""
    generator = torch.Generator().manual_seed(int(whole))
    for n, label_count, scale in [(5, 3, 1.0), (9, 4, 0.3), (13, 20, 2.0)]:
        deterministic = (torch.rand(label_count, generator=generator) < 0.8).tolist()
        graph = SemanticGraph(deterministic)
        point = random_point(6, n, label_count, seed=n, scale=scale, shift=0.3)
        if whole:
            point = map_parts(lambda part: (2 * part).round() / 2, point)
        # Some that are near a vertex, as in a step of SPIGOT.
        near = map_parts(lambda z, part: z + 0.2 * part, graph.argmax(random_point(6, n, label_count, 99)), point)
        for each in (point, near):
            projected = graph.hull.project(each)
            back = map_parts(torch.sub, each, projected)
            farthest = graph.score(back, graph.argmax(back))
            assert (farthest - graph.score(back, projected) <= 1e-9).all()
            taken = projected.labels[..., torch.tensor(deterministic)].sum(2)
            assert (taken <= projected.predicates[:, :, None] + 1e-10).all()
            assert (projected.arcs <= projected.predicates[:, :, None]).all()
            torch.testing.assert_close(projected.labels.sum(3), projected.arcs, atol=1e-10, rtol=0)


# Many optimal sets of prices, far apart: nine arguments that contest six labels.
CONTESTED = [
    [-1, -1, 1, 1, -1, 0],
    [-1, 1, 0, 1, 0, 0],
    [-1, 1, 1, 0, -1, 0],
    [0, 1, 1, 1, 0, -1],
    [0, 0, -1, 0, 1, 1],
    [-1, 1, -1, 0, 1, 0],
    [-1, -1, 0, 1, 1, 1],
    [-1, 0, -1, 0, 0, -1],
    [-1, -1, 1, -1, 1, 0],
]


def contested_point():
    size = len(CONTESTED) + 1
    point = random_point(1, size, 6, seed=0)
    for part in point:
        part[:] = -INF
    point.predicates[0, 0] = -1
    point.arcs[0, 0, 1:] = torch.tensor([-1.0, -1, -1, 0, 0, 1, 0, 1, 1])
    point.labels[0, 0, 1:] = torch.tensor(CONTESTED, dtype=torch.float64)
    return point, [True] * 6


def tied_point(seed):
    generator = np.random.default_rng(seed)
    n, label_count, most = (int(generator.integers(low, high)) for low, high in [(3, 14), (1, 13), (1, 4)])
    shapes = [(1, n), (1, n, n), (1, n, n, label_count)]
    point = (torch.from_numpy(generator.integers(-most, most + 1, shape).astype(float)) for shape in shapes)
    return SemanticGraphParts(*point), (generator.random(label_count) < 0.8).tolist()


@pytest.mark.parametrize("scale", [1e3, 1e4 / 3])
def test_hull_of_ties_far_away(scale):
    """As accurate as float64 is at that scale: <p - P(p), v - P(p)> is at most 1e-8 · scale for any v of the hull."""
    for unit, deterministic in [contested_point(), *map(tied_point, range(40))]:
        point = map_parts(lambda part: scale * part, unit)
        graph = SemanticGraph(deterministic)
        projected = graph.hull.project(point)
        assert all(part.isfinite().all() for part in projected)
        valid = graph.part_mask(point)
        back = map_parts(lambda p, z, v: torch.where(v, p - z, -INF), point, projected, valid)
        zeroed = map_parts(lambda part: part.nan_to_num(neginf=0.0), back)
        farthest = inner(zeroed, graph.argmax(back))
        assert (farthest - inner(zeroed, projected) <= 1e-8 * scale).all()
        taken = projected.labels[..., torch.tensor(deterministic)].sum(2)
        assert (taken <= projected.predicates[:, :, None] + 1e-11 * scale).all()


def test_hull_is_tighter_than_the_relaxation_and_equals_it_for_one_open_predicate():
    # A predicate that is on for sure and labels that nobody contests: nothing is left but Equation 6.
    point = random_point(3, 5, 4, seed=5)._replace(predicates=torch.full((3, 5), 100.0, dtype=torch.float64))
    for found, expected in zip(GraphHull().project(point), LabeledArcs().project(point), strict=True):
        torch.testing.assert_close(found, expected)
    # An arc that pays turns its predicate on, by half of what they have together.
    point = one_arc(2.0, [2.0])
    point.predicates[0, 0] = -3.5
    assert result(LabeledArcs(), 2.0, [2.0]) == (1.0, [1.0])
    projected = GraphHull().project(point)
    share = (-3.5 + 2.0 + 2.0) / 3
    assert projected.predicates[0].tolist() == pytest.approx([share, 1.0])
    assert projected.labels[0, 0, 1].tolist() == pytest.approx([share])


@every
def test_nan_and_infinity_stay_where_they_are(polytope):
    for bad in (NAN, INF):
        point = random_point(2, 4, 3, seed=6)
        point.labels[1, 2, 3, 1] = bad
        projected = polytope.project(point)
        assert torch.isnan(projected.arcs[1, 2, 3])
        assert torch.isnan(projected.labels[1, 2, 3]).all()
        whole_predicate = isinstance(polytope, GraphHull)
        assert torch.isnan(projected.arcs[1]).sum() == (2 if whole_predicate else 1)
        assert torch.isnan(projected.predicates[1]).sum() == whole_predicate
        assert not torch.isnan(projected.labels[0]).any()
    point.predicates[0, 1] = NAN
    assert torch.isnan(polytope.project(point).predicates[0, 1])


@every
def test_a_mask_is_the_same_as_minus_infinity(polytope):
    point = random_point(3, 5, 3, seed=7)
    generator = torch.Generator().manual_seed(0)
    mask = map_parts(lambda part: torch.rand(part.shape, generator=generator) < 0.7, point)
    by_mask = polytope.project(map_parts(lambda p, m: p.masked_fill(~m, NAN), point, mask), mask=mask)
    by_value = polytope.project(map_parts(lambda p, m: p.masked_fill(~m, -INF), point, mask))
    valid = SemanticGraph().part_mask(point, None, mask)
    for found, expected, cells in zip(by_mask, by_value, valid, strict=True):
        assert torch.equal(found, expected)
        assert not found[~cells].any()
    # A mask of labels alone: the other two broadcast.
    everything = torch.ones((), dtype=torch.bool)
    first_only = SemanticGraphParts(everything, everything, torch.tensor([True, False, False]))
    assert not polytope.project(point, mask=first_only).labels[..., 1:].any()


@every
def test_large_values_keep_their_precision(polytope):
    """Arc and labels are far away, in opposite directions: what they have together is not."""
    point = one_arc(-(2.0**20), [2.0**20 + 0.25, -5.0, 2.0**20])
    point = map_parts(torch.Tensor.double, point)
    found = polytope.project(point)
    if isinstance(polytope, ClippedArcs):
        assert not found.arcs.any()
    else:
        near = map_parts(torch.Tensor.double, one_arc(0.0, [0.25, -(2.0**20), 0.0]))
        torch.testing.assert_close(found.labels, polytope.project(near).labels, atol=1e-9, rtol=0)


@every
def test_lengths_out_of_range_and_wrong_shapes_are_named(polytope):
    point = random_point(2, 4, 3, seed=0)
    with pytest.raises(ValueError, match=r"lengths: out of range.*row 1"):
        polytope.project(point, torch.tensor([3, 4]))
    with pytest.raises(ValueError, match=r"point.predicates: expected shape \[2, 4\]"):
        polytope.project(point._replace(predicates=point.predicates[:, :3]))
    mask = SemanticGraphParts(*(torch.ones(1, dtype=torch.bool),) * 3)
    with pytest.raises(TypeError, match=r"mask\.labels: expected bool"):
        polytope.project(point, mask=mask._replace(labels=torch.ones(1)))


def test_as_many_flags_as_labels():
    with pytest.raises(ValueError, match=r"point\.labels: expected 2 labels"):
        GraphHull([True, False]).project(random_point(1, 3, 3, seed=0))
    assert GraphHull(torch.tensor([True, False])) == GraphHull([True, False])


@every
def test_spigot_reaches_it_through_the_layer(polytope):
    scores = map_parts(lambda part: part.float().requires_grad_(), random_point(2, 4, 3, seed=8))
    graph = SemanticGraph([True, False, True])
    z = spigot.structured_argmax(scores, graph, spigot.SPIGOT(polytope=polytope))
    weights = random_point(2, 4, 3, seed=9)
    sum((part * weight.float()).sum() for part, weight in zip(z, weights, strict=True)).backward()
    step = map_parts(lambda part, weight: part.detach() - weight.float(), z, weights)
    valid = graph.part_mask(scores)
    moved = polytope.project(step, mask=valid)
    for score, part, there in zip(scores, z, moved, strict=True):
        torch.testing.assert_close(score.grad, part.detach() - there)


@pytest.mark.parametrize("deterministic", [(False,) * 3, (True,) * 3])
def test_the_derivative_of_the_hull_where_predicates_are_half_on(deterministic):
    point = random_point(2, 4, 3, seed=12, scale=0.5, shift=0.2)
    polytope = GraphHull(deterministic)
    predicates = polytope.project(point).predicates
    assert ((predicates > 0.05) & (predicates < 0.95)).any()
    leaves = [part.requires_grad_() for part in point]
    assert torch.autograd.gradcheck(lambda *parts: tuple(polytope.project(SemanticGraphParts(*parts))), leaves)


def test_inner_product_of_the_step_back_bounds_the_distance():
    """The hull lies in the relaxation, so that its nearest point is farther away."""
    point = random_point(3, 5, 3, seed=3)
    valid = SemanticGraph().part_mask(point)
    distances = []
    for polytope in (GraphHull([True] * 3), GraphHull(), LabeledArcs()):
        back = map_parts(lambda p, z, v: (p - z) * v, point, polytope.project(point), valid)
        distances.append(inner(back, back))
    assert (distances[0] > distances[1]).all()
    assert (distances[1] > distances[2]).all()
