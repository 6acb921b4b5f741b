import warnings

import numpy as np
import pytest
import torch

from spigot import (
    BinaryTree,
    Categorical,
    GraphHull,
    Hull,
    LinearProgram,
    NonProjectiveTree,
    ProjectiveTree,
    SemanticGraph,
    SemanticGraphParts,
    Simplex,
)
from spigot.structured.kernels.hull.face import onto_face
from spigot.structured.parts.base import flatten, inner, map_parts, unflatten
from tests.oracles.qp import project_onto_hull
from tests.oracles.trees import all_trees

NAN = float("nan")
TREES = [ProjectiveTree(), ProjectiveTree(False), NonProjectiveTree(), NonProjectiveTree(False)]
every_tree = pytest.mark.parametrize("tree", TREES, ids=repr)


def scores_of(batch, tokens, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, tokens + 1, tokens + 1, generator=generator, dtype=torch.float64)


def all_arcs(tree, tokens):
    """Return every tree, `[tree, head, modifier]`."""
    projective = isinstance(tree, ProjectiveTree)
    trees = all_trees(tokens, projective=projective, single_root=tree.single_root)
    arcs = np.zeros((len(trees), tokens + 1, tokens + 1))
    for k, heads in enumerate(trees):
        arcs[k, list(heads), range(1, tokens + 1)] = 1
    return arcs


def gap_of(structure, point, found, lengths=None, mask=None):
    """Return max <p - u, v - u> over the structures v."""
    valid = structure.part_mask(point, lengths, mask)
    back = map_parts(lambda p, u, cells: (p.double() - u.double()).masked_fill(~cells, 0), point, found, valid)
    best = structure.argmax(back, lengths, valid)
    return inner(back, map_parts(torch.sub, best, found))


@every_tree
@pytest.mark.parametrize("tokens", [1, 3, 5])
def test_trees_against_a_general_solver(tree, tokens):
    vertices = all_arcs(tree, tokens)
    point = scores_of(4, tokens) * torch.tensor([0.2, 1.0, 3.0, 1.0], dtype=torch.float64)[:, None, None]
    # Equal distances and faces with more vertices than dimensions: all values in the last row are among four.
    point[3] = (2 * point[3]).round() / 2
    projected = Hull(tree).project(point)
    used = vertices.any(0)
    for row in range(4):
        expected = project_onto_hull(point[row].numpy()[used], vertices[:, used])
        np.testing.assert_allclose(projected[row].numpy()[used], expected, atol=2e-6)
        assert not projected[row].numpy()[~used].any()


def test_binary_trees_against_a_general_solver():
    tree, tokens = BinaryTree(), 5
    point = torch.randn(3, tokens, tokens, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    random = torch.randn(400, tokens, tokens, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    vertices = tree.argmax(random).flatten(1).unique(dim=0).numpy()
    assert len(vertices) == 14  # the Catalan number of 4
    projected = Hull(tree).project(point)
    for row in range(3):
        expected = project_onto_hull(point[row].flatten().numpy(), vertices)
        np.testing.assert_allclose(projected[row].flatten(), expected, atol=2e-6)


def test_a_linear_program_against_a_general_solver():
    # Between one and three of four, which together weigh no more than 8.
    program = LinearProgram([[-1, -1, -1, -1], [3, 4, 5, 6]], [-1, 8])
    items = np.array(np.meshgrid(*[[0, 1]] * 4)).reshape(4, -1).T.astype(float)
    vertices = items[(items.sum(1) >= 1) & (items @ [3, 4, 5, 6] <= 8)]
    point = torch.randn(5, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    projected = program.hull.project(point)
    for row in range(5):
        np.testing.assert_allclose(projected[row], project_onto_hull(point[row].numpy(), vertices), atol=2e-6)


def test_agrees_with_closed_forms():
    point = torch.randn(6, 7, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    lengths = torch.tensor([7, 5, 1, 7, 3, 0])
    assert torch.allclose(Hull(Categorical()).project(point, lengths), Simplex().project(point, lengths), atol=1e-12)


def test_semantic_graphs_of_several_tensors():
    graph = SemanticGraph([True, False, True])
    form = SemanticGraphParts(torch.zeros(3, 5), torch.zeros(3, 5, 5), torch.zeros(3, 5, 5, 3))
    generator = torch.Generator().manual_seed(4)
    point = unflatten(torch.randn(3, flatten(form).size(1), generator=generator, dtype=torch.float64), form)
    lengths = torch.tensor([4, 2, 3])
    found = Hull(graph).project(point, lengths)
    assert isinstance(found, SemanticGraphParts)
    expected = GraphHull(graph.deterministic).project(point, lengths)
    assert torch.allclose(flatten(found), flatten(expected), atol=1e-7)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (ProjectiveTree(), [0.24, 0.646667, 0.113333, 0.646667, 0.353333, 0, 0.113333, 0, 0.886667]),
        (NonProjectiveTree(), [0.185714, 0.257143, 0.557143, 0.814286, 0.185714, 0, 0, 0, 1]),
    ],
    ids=repr,
)
def test_worked_example(tree, expected):
    heads, modifiers = [0, 2, 3, 0, 1, 3, 0, 1, 2], [1, 1, 1, 2, 2, 2, 3, 3, 3]
    scores, gradient = torch.zeros(2, 1, 4, 4, dtype=torch.float64)
    scores[0, heads, modifiers] = torch.tensor([0.5, 1, -0.2, 1.5, 0.3, 0.4, 0.1, 0.2, 0.9]).double()
    gradient[0, heads, modifiers] = torch.tensor([0.3, 0.9, -0.4, 0.2, -0.5, 0.1, 0, 0.4, -0.6]).double()
    chosen = tree.argmax(scores)
    projected = Hull(tree).project(chosen - gradient, start=chosen)
    assert projected[0, heads, modifiers].tolist() == pytest.approx(expected, abs=1e-6)


@every_tree
@pytest.mark.parametrize("scale", [0.3, 1.0, 1e4, 1e8])
def test_the_certificate_holds_for_long_sentences(tree, scale):
    lengths = torch.tensor([25, 18])
    # Rounded, so that at large scales, too, there are ties and faces; float64 tells apart what is added to them.
    point = scale * (2 * scores_of(2, 25, 1)).round() / 4 + 0.1 * scores_of(2, 25, 2)
    solution = Hull(tree).solve(point, lengths)
    assert solution.converged.all()
    gap = gap_of(tree, point, solution.point, lengths)
    assert torch.allclose(gap, solution.gap, atol=1e-11 * max(scale, 1))
    assert (solution.gap <= 1e-11 * max(scale, 1)).all()
    for row, length in enumerate(lengths.tolist()):
        count = int((solution.weights[row] > 0).sum())
        assert solution.weights[row].sum().item() == pytest.approx(1, abs=1e-12)
        members = solution.members[row, :count].long()
        assert ((members >= 0).sum(1) == length).all()
        vertices = torch.zeros(count, 26 * 26, dtype=torch.float64).scatter_(1, members[:, :length], 1)
        assert torch.allclose(solution.weights[row, :count] @ vertices, solution.point[row].flatten(), atol=1e-14)
        # Each is the best structure for scores that favour it: so it is a structure.
        arcs = vertices.view(-1, 26, 26)
        assert torch.equal(tree.argmax(arcs, lengths[row].expand(count)), arcs)


@every_tree
def test_where_the_search_begins_does_not_matter(tree):
    point = scores_of(6, 9, 3)
    cold = Hull(tree).project(point)
    for seed in (4, 5):
        warm = Hull(tree).project(point, start=tree.argmax(scores_of(6, 9, seed)))
        assert torch.allclose(warm, cold, atol=1e-9)
    # Points that are no vertices are no place to begin: their rows begin where they would without.
    mixed = tree.argmax(point)
    mixed[1] = 0.5
    assert torch.equal(Hull(tree).project(point, start=mixed), cold)


def test_beginning_near_the_answer_saves_steps():
    tree = ProjectiveTree()
    point = scores_of(4, 9)
    chosen = tree.argmax(point)
    near, far = (Hull(tree).solve(chosen, start=start) for start in (chosen, tree.argmax(-point)))
    assert near.steps.tolist() == [0, 0, 0, 0]
    assert (far.steps > 0).all()
    assert torch.equal(near.point, chosen)
    assert torch.equal(far.point, chosen)


@every_tree
def test_points_of_the_hull_stay_where_they_are(tree):
    inside = tree.marginals(scores_of(3, 8))
    assert torch.allclose(Hull(tree).project(inside), inside, atol=1e-10)


def test_a_small_step_from_a_vertex_is_exact_relative_to_the_step():
    tree, step = NonProjectiveTree(), 1e-6
    chosen, gradient = tree.argmax(scores_of(3, 8)), scores_of(3, 8, 1)
    moved = [(Hull(tree).project(chosen - s * gradient, start=chosen) - chosen) / s for s in (1e-2 * step, step)]
    # Near a vertex the hull is a cone, and the projection onto it homogeneous.
    assert torch.allclose(moved[0], moved[1], atol=1e-6)


def test_candidates():
    tree = NonProjectiveTree(single_root=False)
    point, lengths = scores_of(3, 6), torch.tensor([6, 4, 5])
    mask = torch.rand(point.shape, generator=torch.Generator().manual_seed(1)) < 0.6
    mask |= tree.argmax(scores_of(3, 6, 7), lengths).bool()
    poisoned = point.masked_fill(~tree.part_mask(point, lengths, mask), NAN)
    solution = Hull(tree).solve(poisoned, lengths, mask)
    assert not solution.point[~mask].any()
    assert (gap_of(tree, poisoned, solution.point, lengths, mask) <= 1e-12).all()
    assert torch.equal(Hull(tree).project(point.masked_fill(~mask, -torch.inf), lengths), solution.point)


def test_bad_rows_do_not_disturb_the_others():
    hull, point = Hull(ProjectiveTree()), scores_of(3, 5).float()
    point[1, 2, 3] = float("inf")
    projected = hull.project(point)
    assert projected[1, 2, 3].isnan()
    assert not projected[1, :, 0].any()
    assert torch.equal(projected[[0, 2]], hull.project(point[[0, 2]]))
    mask = torch.ones(point.shape, dtype=torch.bool)
    mask[2] = False
    with pytest.raises(ValueError, match=r"no projective tree.*row 2"):
        hull.project(point, mask=mask, start=ProjectiveTree().argmax(scores_of(3, 5)))


def test_rows_end_at_different_times_and_stay_apart():
    tree, lengths = NonProjectiveTree(), torch.tensor([12, 3, 8, 1, 12])
    point = scores_of(5, 12)
    together = Hull(tree).solve(point, lengths)
    assert together.steps.unique().numel() > 3
    for row in range(5):
        n = int(lengths[row]) + 1
        alone = Hull(tree).project(point[row : row + 1, :n, :n].clone())
        assert torch.equal(alone[0], together.point[row, :n, :n])


def test_running_out_of_steps_is_told():
    tree, point = ProjectiveTree(), 0.1 * scores_of(2, 8)
    with pytest.warns(RuntimeWarning, match=r"max_iterations reached: row [01].*after 3 steps with duality gap"):
        solution = Hull(tree, max_iterations=3).solve(point)
    assert not solution.converged.any()
    assert solution.steps.tolist() == [3, 3]
    assert torch.allclose(solution.gap, gap_of(tree, point, solution.point), atol=1e-12)
    exact = Hull(tree).project(point)
    off = (exact - solution.point).flatten(1).square().sum(1)
    assert ((off > 1e-4) & (off <= solution.gap)).all()


def test_the_tolerance_is_kept():
    tree, point = NonProjectiveTree(), 0.2 * scores_of(4, 14)
    exact = Hull(tree).solve(point)
    rough = Hull(tree, tolerance=0.1).solve(point)
    assert rough.converged.all()
    assert (rough.steps < exact.steps).all()
    off = (exact.point - rough.point).flatten(1).norm(dim=1)
    assert ((off > 1e-6) & (off <= 0.1)).all()


def test_no_warning_without_need():
    # Large ill-conditioned active sets, whose last steps are within rounding.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(4):
            Hull(NonProjectiveTree()).project(scores_of(4, 30, seed))


def test_true_derivative():
    tree, point = NonProjectiveTree(), scores_of(2, 3).requires_grad_()
    lengths = torch.tensor([3, 2])

    def project(p):
        return Hull(tree).project(p, lengths)

    assert torch.autograd.gradcheck(project, point)
    assert torch.autograd.gradgradcheck(project, point)


def test_the_gradient_is_a_projection_onto_the_face():
    tree, point = ProjectiveTree(), scores_of(3, 10)
    solution = Hull(tree).solve(point)
    gradient = scores_of(3, 10, 1).flatten(1)
    once = onto_face(gradient, solution.members, solution.weights)
    assert torch.allclose(onto_face(once, solution.members, solution.weights), once, atol=1e-12)
    for row in range(3):
        count = int((solution.weights[row] > 0).sum())
        vertices = torch.zeros(count, 121, dtype=torch.float64).scatter_(1, solution.members[row, :count].long(), 1)
        edges = (vertices[1:] - vertices[0]).T
        expected = edges @ torch.linalg.lstsq(edges, gradient[row]).solution
        assert torch.allclose(once[row], expected, atol=1e-12)


class Doubled(Categorical):
    """One category, twice."""

    def argmax(self, scores, lengths=None, mask=None):
        return 2 * super().argmax(scores, lengths, mask)


def test_vertices_may_be_counts():
    generator = torch.Generator().manual_seed(0)
    point = torch.randn(20, 5, generator=generator, dtype=torch.float64).requires_grad_()
    weights = torch.randn(20, 5, generator=generator, dtype=torch.float64)
    found = Hull(Doubled()).project(point)
    expected = 2 * Simplex().project(point / 2)
    assert torch.allclose(found, expected, atol=1e-9)
    slopes = [torch.autograd.grad(nearest, point, weights)[0] for nearest in (found, expected)]
    assert torch.allclose(*slopes, atol=1e-9)


class ByGradient(Categorical):
    """The argmax as the gradient of a maximum."""

    def argmax(self, scores, lengths=None, mask=None):
        with torch.enable_grad():
            leaf = scores.detach().masked_fill(~self.part_mask(scores, lengths, mask), -1e9).requires_grad_()
            return torch.autograd.grad(leaf.max(1).values.sum(), leaf)[0]


def test_an_argmax_by_autograd_within_a_compiled_graph():
    point = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.compiler.reset()
    project = torch.compile(Hull(ByGradient()).project, fullgraph=True, backend="aot_eager")
    assert torch.allclose(project(point), Simplex().project(point), atol=1e-9)


def test_settings_of_rows_within_vmap():
    """Each row of the batch has constraints of its own, and a point of each is mapped over."""
    generator = torch.Generator().manual_seed(0)
    hull = Hull(LinearProgram(A=torch.rand(2, 1, 3, generator=generator), b=torch.full((2, 1), 0.6)))
    points = torch.randn(4, 2, 3, generator=generator, dtype=torch.float64)
    weights = torch.randn(2, 3, generator=generator, dtype=torch.float64)

    def loss(point):
        return (hull.project(point) * weights).sum()

    grads = torch.func.vmap(torch.func.grad(loss))(points)
    assert torch.allclose(grads, torch.stack([torch.func.grad(loss)(point) for point in points]))


def test_wrong_arguments():
    with pytest.raises(ValueError, match="tolerance: expected a positive number, got 0"):
        Hull(ProjectiveTree(), tolerance=0)
    with pytest.raises(ValueError, match="max_iterations: expected a positive number, got -1"):
        Hull(ProjectiveTree(), max_iterations=-1)

    class Halves(Categorical):
        def argmax(self, scores, lengths=None, mask=None):
            return torch.full_like(scores, 0.5)

    with pytest.raises(ValueError, match="structure: expected an argmax that is 0/1"):
        Hull(Halves()).project(torch.zeros(1, 2))
    with pytest.raises(ValueError, match="scores: expected shape"):
        Hull(ProjectiveTree()).project(torch.zeros(3, 3))
