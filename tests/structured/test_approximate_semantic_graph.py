import numpy as np
import pytest
import torch

from spigot import ApproximateSemanticGraph, SemanticGraph, SemanticGraphParts
from spigot.structured.kernels.semantic_graph.ad3_predicate import (
    project_arc_factor,
    project_at_most_one,
    project_predicate_factor,
)
from spigot.structured.parts.base import map_parts
from tests.oracles.graphs import linear_program_score
from tests.oracles.qp import project

DETERMINISTIC = (True, False, True)


def random_parts(batch, n, label_count, seed, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(batch, n), (batch, n, n), (batch, n, n, label_count)]
    parts = SemanticGraphParts(*(torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes))
    return parts._replace(arcs=parts.arcs + shift)


def contested(predicate):
    """ROOT, its predicate score given, and two tokens that both want its one label, which they pay 2 for."""
    parts = SemanticGraphParts(torch.full((1, 3), -9.0), torch.full((1, 3, 3), -9.0), torch.zeros(1, 3, 3, 1))
    parts.predicates[0, 0] = predicate
    parts.arcs[0, 0, 1:] = 2.0
    return parts


def test_factors_are_projected_onto_what_they_allow():
    generator = np.random.default_rng(0)
    identity = np.eye(4)
    for scale in (0.3, 1.0, 3.0):
        for _ in range(5):
            point = scale * generator.standard_normal(4) + 0.2
            # A predicate and three arcs.
            arcs = np.empty(3)
            p = project_predicate_factor(point[0], point[1:], arcs)
            rows = np.vstack([identity[1:] - identity[0], identity[:1], -identity])
            expected = project(point, (np.zeros((0, 4)), np.zeros(0)), (rows, np.array([0, 0, 0, 1, 0, 0, 0, 0])))
            np.testing.assert_allclose([p, *arcs], expected, atol=1e-6)
            # An arc and three labels.
            labels = np.empty(3)
            arc = project_arc_factor(point[0], point[1:], np.empty(3), labels)
            sums = (np.array([[-1.0, 1, 1, 1]]), np.zeros(1))
            rows = np.vstack([identity[:1], -identity])
            expected = project(point, sums, (rows, np.array([1.0, 0, 0, 0, 0])))
            np.testing.assert_allclose([arc, *labels], expected, atol=1e-6)
            # Four labels, of which one may be.
            found = np.empty(4)
            project_at_most_one(point, np.empty(4), found)
            rows = np.vstack([np.ones((1, 4)), -identity])
            expected = project(point, (np.zeros((0, 4)), np.zeros(0)), (rows, np.array([1.0, 0, 0, 0, 0])))
            np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("deterministic", [(False,) * 3, DETERMINISTIC, (True,) * 3])
def test_the_solution_is_that_of_the_linear_program(deterministic):
    graph = ApproximateSemanticGraph(deterministic, max_iterations=20_000, tolerance=1e-9)
    for n, shift in ((2, 0.0), (4, 0.0), (6, -0.5)):
        parts = random_parts(5, n, 3, seed=n, shift=shift)
        parts.labels[0, 1, 1:, 0] = -torch.inf
        solution, iterations = graph.solve(parts)
        assert (iterations < 20_000).all()
        for b, score in enumerate(graph.score(parts, solution)):
            expected = linear_program_score(*(part[b].numpy() for part in parts), deterministic)
            assert score.item() == pytest.approx(expected, abs=1e-5)


def test_a_fractional_solution_and_what_rounding_makes_of_it():
    # With the predicate on, one arc can have the label: 2 - 3 < 0. Half on, both can have half of it: -3 / 2 + 2 > 0.
    parts = contested(-3.0)
    exact = SemanticGraph([True])
    assert not any(part.any() for part in exact.argmax(parts))
    solution, _ = ApproximateSemanticGraph([True]).solve(parts)
    half = torch.tensor([0.5, 0.5])
    torch.testing.assert_close(solution.predicates[0, 0], half[0], atol=1e-2, rtol=0)
    torch.testing.assert_close(solution.arcs[0, 0, 1:], half, atol=1e-2, rtol=0)
    torch.testing.assert_close(solution.labels[0, 0, 1:, 0], half, atol=1e-2, rtol=0)
    # A score that is worth it: one arc, two halves of it in the linear program.
    rounded = ApproximateSemanticGraph([True]).argmax(contested(5.0))
    assert rounded.predicates[0].tolist() == [1, 0, 0]
    # Without determinism there is nothing to approximate.
    free = ApproximateSemanticGraph().argmax(parts)
    assert all(torch.equal(a, b) for a, b in zip(free, SemanticGraph().argmax(parts), strict=True))
    assert free.arcs[0, 0].tolist() == [0, 1, 1]


def test_rounded_solutions_are_graphs_and_no_better_than_the_best():
    exact, approximate = SemanticGraph(DETERMINISTIC), ApproximateSemanticGraph(DETERMINISTIC)
    parts = random_parts(40, 5, 3, seed=3)
    best, found = exact.argmax(parts), approximate.argmax(parts)
    lost = exact.score(parts, best) - exact.score(parts, found)
    assert (lost >= -1e-9).all()
    # Most of these small graphs are found, not all.
    assert (lost < 1e-2).float().mean() > 0.75
    assert (lost > 1e-2).any()
    assert torch.equal(found.labels.sum(3), found.arcs)
    assert (found.arcs <= found.predicates[:, :, None]).all()
    assert (found.labels[..., [0, 2]].sum(2) <= 1).all()
    predicates, arc_labels = approximate.decode(parts)
    assert torch.equal(predicates, found.predicates.bool())
    assert torch.equal(arc_labels >= 0, found.arcs.bool())


def test_mask_lengths_and_minus_infinity():
    parts = random_parts(3, 5, 3, seed=4)
    lengths = torch.tensor([4, 2, 0])
    graph = ApproximateSemanticGraph(DETERMINISTIC)
    generator = torch.Generator().manual_seed(0)
    mask = map_parts(lambda part: torch.rand(part.shape, generator=generator) < 0.7, parts)
    valid = graph.part_mask(parts, lengths, mask)
    nothing_else = map_parts(lambda part, cells: part.masked_fill(~cells, torch.nan), parts, valid)
    by_mask, _ = graph.solve(nothing_else, lengths, mask)
    by_score, _ = graph.solve(map_parts(lambda part, m: part.masked_fill(~m, -torch.inf), parts, mask), lengths)
    for found, expected, cells in zip(by_mask, by_score, valid, strict=True):
        assert torch.equal(found, expected)
        assert not found[~cells].any()
        assert ((found >= 0) & (found <= 1)).all()


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="tolerance: expected a positive number, got 0"):
        ApproximateSemanticGraph(tolerance=0)
    with pytest.raises(ValueError, match="max_iterations: expected a positive number, got -1"):
        ApproximateSemanticGraph(max_iterations=-1)
