import subprocess
import sys
import weakref
from itertools import combinations, pairwise, permutations, product

import cvxpy
import networkx
import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment, linprog

from spigot import (
    SPIGOT,
    LinearConstraints,
    LinearProgram,
    Perturbed,
    ProjectiveTree,
    all_structures,
    structured_argmax,
)

INF = float("inf")
NAN = float("nan")
ACCURATELY = {"solver": cvxpy.CLARABEL, "tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12}
PACKING = ([[3.0, 4, 5, 6, 2], [0, 1, 1, 0, -1]], [9.0, 1], [[1.0, 0, 0, 1, 1]], [1.0])


def random_scores(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def all_solutions(program):
    """Every 0/1 point that keeps the constraints, `[solution, variable]`."""
    points = torch.tensor(list(product([0.0, 1.0], repeat=program.constraints.variables)), dtype=torch.float64)
    return points[kept(points)]


def kept(points, a=PACKING[0], b=PACKING[1], a_eq=PACKING[2], b_eq=PACKING[3]):
    a, b, a_eq, b_eq = (torch.tensor(each, dtype=torch.float64) for each in (a, b, a_eq, b_eq))
    return (points @ a.T <= b + 1e-9).all(1) & ((points @ a_eq.T - b_eq).abs() < 1e-9).all(1)


def assignment(size):
    rows = torch.eye(size).repeat_interleave(size, 1)
    columns = torch.eye(size).repeat(1, size)
    return LinearProgram(Aeq=torch.cat([rows, columns]), beq=torch.ones(2 * size))


def projective_trees(tokens):
    """Trees as a program: one head each, one child of ROOT, no crossing, and flow from ROOT to all tokens.

    Variables are arcs. No two arcs cross; every set of tokens has an arc from outside it.
    """
    arcs = [(h, m) for m in range(1, tokens + 1) for h in range(tokens + 1) if h != m]

    def rows_of(conditions):
        return [[float(condition(arc)) for arc in arcs] for condition in conditions]

    equations = rows_of([lambda arc, m=m: arc[1] == m for m in range(1, tokens + 1)] + [lambda arc: arc[0] == 0])
    subsets = [s for bits in product([0, 1], repeat=tokens) if (s := {m for m, bit in enumerate(bits, 1) if bit})]
    entered = rows_of([lambda arc, s=s: arc[1] in s and arc[0] not in s for s in subsets])
    crossing = [(one, other) for one in arcs for other in arcs if min(one) < min(other) < max(one) < max(other)]
    crossed = rows_of([lambda arc, pair=pair: arc in pair for pair in crossing])
    inequalities = [[-value for value in row] for row in entered] + crossed
    bounds = [-1.0] * len(entered) + [1.0] * len(crossed)
    return arcs, LinearProgram(inequalities, bounds, equations, [1.0] * len(equations))


def test_argmax_is_the_best_of_all_solutions():
    program = LinearProgram(*PACKING)
    solutions = all_solutions(program)
    scores = random_scores(20, 5)
    best = program.argmax(scores)
    assert torch.equal(best, solutions[(scores @ solutions.T).argmax(1)])
    assert len(best.unique(dim=0)) > 2


def test_a_program_whose_relaxation_is_fractional():
    # At most one of each pair: the relaxation is best at a half of each.
    odd_cycle = LinearProgram([[1, 1, 0], [0, 1, 1], [1, 0, 1]], [1, 1, 1])
    scores = torch.tensor([[1.0, 1.1, 1.05]], dtype=torch.float64)
    assert torch.allclose(odd_cycle.relaxation.project(5 * scores).sum(1), torch.tensor([1.5], dtype=torch.float64))
    assert odd_cycle.argmax(scores).tolist() == [[0, 1, 0]]


def test_k_subset():
    program = LinearProgram(Aeq=torch.ones(1, 7), beq=[3])
    scores = random_scores(8, 7)
    expected = torch.zeros_like(scores).scatter(1, scores.topk(3).indices, 1)
    assert torch.equal(program.argmax(scores), expected)


def test_assignment():
    scores = random_scores(4, 25)
    best = assignment(5).argmax(scores)
    for row in range(4):
        columns = linear_sum_assignment(scores[row].view(5, 5).numpy(), maximize=True)[1]
        assert best[row].view(5, 5).argmax(1).tolist() == columns.tolist()


def test_projective_trees():
    arcs, program = projective_trees(4)
    heads, modifiers = zip(*arcs, strict=True)
    scores = random_scores(5, 5, 5)
    trees = ProjectiveTree().argmax(scores)
    assert torch.equal(program.argmax(scores[:, heads, modifiers]), trees[:, heads, modifiers])


@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0])
def test_the_projection_is_that_of_cvxpy(size):
    constraints = LinearConstraints(*PACKING)
    a, b, a_eq, b_eq = map(np.array, PACKING)
    point = size * random_scores(4, 5)
    projected = constraints.project(point)
    for row in range(4):
        z = cvxpy.Variable(5)
        objective = cvxpy.Minimize(cvxpy.sum_squares(z - point[row].numpy()))
        cvxpy.Problem(objective, [z >= 0, z <= 1, a @ z <= b, a_eq @ z == b_eq]).solve(**ACCURATELY)
        assert np.abs(projected[row].numpy() - z.value).max() < 1e-6 * max(size, 1)


@pytest.mark.parametrize("size", [1.0, 1e4, 1e8])
def test_the_projection_meets_its_optimality_conditions(size):
    program = assignment(4)
    point = size * random_scores(6, 16)
    projected = program.relaxation.project(point)
    # <p - P(p), v - P(p)> <= 0 for all v of the set: for the v that maximises the left side.
    back = point - projected
    worst = program.argmax(back)
    assert ((back * (worst - projected)).sum(1) <= 1e-12 * size).all()
    assert torch.allclose(projected.view(6, 4, 4).sum(1), torch.ones(6, 4, dtype=torch.float64), atol=1e-12)


def test_the_derivative_is_the_projection_onto_the_face():
    constraints = LinearConstraints(*PACKING)
    assert torch.autograd.gradcheck(constraints.project, random_scores(6, 5).requires_grad_())
    assert torch.autograd.gradcheck(assignment(3).relaxation.project, random_scores(3, 9).requires_grad_())


def test_variables_that_are_not_in_use():
    program = LinearProgram(*PACKING)
    solutions = all_solutions(program)
    scores, lengths = random_scores(6, 5), torch.tensor([5, 4, 3, 1, 0, 5])
    mask = torch.ones(6, 5, dtype=torch.bool)
    mask[0, 0] = False
    in_use = (torch.arange(5) < lengths[:, None]) & mask
    best = program.argmax(scores.masked_fill(~in_use, float("nan")), lengths, mask)
    projected = program.relaxation.project(scores.masked_fill(~in_use, float("nan")), lengths, mask)
    for row in (0, 1, 2, 3, 5):
        allowed = solutions[(solutions[:, ~in_use[row]] == 0).all(1)]
        assert torch.equal(best[row], allowed[(allowed @ scores[row]).argmax()])
        assert not projected[row][~in_use[row]].any()
        assert projected[row, [0, 3, 4]].sum() == pytest.approx(1)
    assert not best[4].any()
    assert not projected[4].any()
    assert torch.equal(program.argmax(scores[:, :4]), program.argmax(scores, torch.full((6,), 4))[:, :4])


def test_a_row_without_a_solution_is_named():
    program = LinearProgram(*PACKING)
    mask = torch.ones(2, 5, dtype=torch.bool)
    mask[1, [0, 3, 4]] = False
    for function, name in ((program.argmax, "scores"), (program.relaxation.project, "point")):
        with pytest.raises(ValueError, match=rf"{name}: no solution of the linear constraints.*row 1"):
            function(torch.zeros(2, 5), None, mask)
        with pytest.raises(ValueError, match=rf"{name}: no solution of the linear constraints.*row 0"):
            function(torch.full((1, 5), -INF))


def test_spigot_as_in_algorithm_1():
    """The gradient is ẑ - proj(ẑ - η g), with the projection of a general solver."""
    program = assignment(3)
    scores, grad = random_scores(2, 9).requires_grad_(), random_scores(2, 9, seed=1)
    output = structured_argmax(scores, program, SPIGOT(step_size=0.5))
    output.backward(grad)
    for row in range(2):
        z = cvxpy.Variable((3, 3))
        target = (output[row] - 0.5 * grad[row]).detach().view(3, 3).numpy()
        box = [z >= 0, cvxpy.sum(z, axis=0) == 1, cvxpy.sum(z, axis=1) == 1]
        cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(z - target)), box).solve(**ACCURATELY)
        expected = output[row].detach().view(3, 3).numpy() - z.value
        assert np.abs(scores.grad[row].view(3, 3).numpy() - expected).max() < 1e-6


def test_threads_and_other_rows_change_nothing():
    program, scores = assignment(4), random_scores(9, 16)
    before = torch.get_num_threads()
    for function in (program.argmax, program.relaxation.project):
        alone = torch.cat([function(row) for row in scores.split(1)])
        try:
            for threads in (1, 2):
                torch.set_num_threads(threads)
                assert torch.equal(function(scores), alone)
        finally:
            torch.set_num_threads(before)


def test_a_row_of_nan_leaves_the_others_alone():
    constraints, points = LinearConstraints(*PACKING), random_scores(9, 5)
    expected = constraints.project(points)
    points[4, 2] = NAN
    projected = constraints.project(points)
    assert projected[4].isnan().all()
    projected[4] = expected[4]
    assert torch.equal(projected, expected)


@pytest.mark.parametrize(("missing", "method"), [("highspy", "argmax"), ("clarabel", "project")])
def test_a_missing_solver_is_named_with_its_extra(monkeypatch, missing, method):
    program = LinearProgram(*PACKING)
    monkeypatch.setitem(sys.modules, missing, None)
    function = program.argmax if method == "argmax" else program.relaxation.project
    with pytest.raises(ImportError, match=rf"{missing}: pip install 'torch-spigot\[lp\]'"):
        function(torch.zeros(1, 5))


def test_the_constraints_are_checked():
    with pytest.raises(ValueError, match="expected a matrix for at least one"):
        LinearProgram()
    with pytest.raises(ValueError, match=r"A, b: expected both or neither, got A alone$"):
        LinearProgram([[1, 1]])
    with pytest.raises(ValueError, match=r"Aeq: expected shape \[rows, 2\], got \[1, 3\]"):
        LinearProgram([[1, 1]], [1], [[1, 1, 1]], [1])
    with pytest.raises(ValueError, match=r"b: expected shape \[1\], got \[2\]"):
        LinearProgram([[1, 1]], [1, 2])
    with pytest.raises(ValueError, match="beq: expected finite numbers"):
        LinearProgram(Aeq=[[1, 1]], beq=[INF])
    with pytest.raises(ValueError, match=r"scores: expected at most 2 variables, got \[1, 3\]"):
        LinearProgram([[1, 1]], [1]).argmax(torch.zeros(1, 3))
    assert repr(LinearProgram(*PACKING)) == "LinearProgram(variables=5, inequalities=2, equations=1)"


def test_a_compiled_graph_is_whole_and_equal():
    program, weights, scores = (
        LinearProgram(*PACKING),
        random_scores(3, 5, seed=1),
        random_scores(3, 5).requires_grad_(),
    )

    def loss_of(scores):
        return (structured_argmax(scores, program, SPIGOT()) * weights).sum()

    torch.compiler.reset()
    losses = [f(scores) for f in (loss_of, torch.compile(loss_of, fullgraph=True, backend="aot_eager"))]
    grads = [torch.autograd.grad(loss, scores)[0] for loss in losses]
    assert torch.equal(*losses)
    assert torch.allclose(*grads)


def test_solvers_print_nothing():
    program = """
import torch
from spigot import SPIGOT, LinearProgram, structured_argmax
scores = torch.randn(20, 4, requires_grad=True)
structured_argmax(scores, LinearProgram([[3, 4, 5, 6], [-1, 0, 0, 1]], [9, 0]), SPIGOT()).sum().backward()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == ""


def test_constraints_of_each_row():
    generator = torch.Generator().manual_seed(0)
    weights = torch.randint(1, 9, (3, 2, 5), generator=generator).double()
    limits = torch.tensor([[9.0, 12], [7, 8], [15, 6]])
    scores = random_scores(3, 5).abs()
    program = LinearProgram(weights, limits, *PACKING[2:])
    alone = [LinearProgram(weights[row], limits[row], *PACKING[2:]) for row in range(3)]
    expected = torch.cat([one.argmax(scores[row : row + 1]) for row, one in enumerate(alone)])
    assert len(expected.unique(dim=0)) == 3
    assert torch.equal(program.argmax(scores), expected)
    torch.manual_seed(0)
    drawn = structured_argmax(scores, program, Perturbed(sigma=1e-6, samples=4))
    assert torch.equal(drawn, expected)
    best, totals = program.top_k(scores, 3)
    for row, one in enumerate(alone):
        assert torch.equal(best[row], one.top_k(scores[[row]], 3)[0][0])
    assert torch.allclose(totals[:, 0], (scores * expected).sum(1))
    for polytope in ("relaxation", "hull"):
        nearest = torch.cat([getattr(one, polytope).project(2 * scores[[row]]) for row, one in enumerate(alone)])
        assert torch.allclose(getattr(program, polytope).project(2 * scores), nearest, atol=1e-6)
    assert torch.autograd.gradcheck(program.relaxation.project, scores.clone().requires_grad_())
    assert program.contains(expected).all()
    assert program.contains(expected.roll(1, 0)).tolist() == [
        bool(one.contains(expected[[row - 1]])) for row, one in enumerate(alone)
    ]
    listed = all_structures(program, scores)
    assert all(torch.equal(listed[row], all_structures(one, scores[[row]])[0]) for row, one in enumerate(alone))
    same_matrix = LinearProgram(weights[0], limits)
    assert torch.equal(same_matrix.argmax(scores)[1:2], LinearProgram(weights[0], limits[1]).argmax(scores[1:2]))
    with pytest.raises(ValueError, match=r"scores: expected 3 rows, as many as have constraints, got \[2, 5\]"):
        program.argmax(scores[:2])
    with pytest.raises(ValueError, match="A, b, Aeq, beq: expected the same number of rows, got 2 and 3"):
        LinearProgram(weights, limits[:2])
    assert repr(program) == "LinearProgram(variables=5, inequalities=2, equations=1, rows=3)"


@pytest.mark.parametrize("layout", ["coo", "csr"])
def test_sparse_constraints(layout):
    a, a_eq = (torch.tensor(each, dtype=torch.float64) for each in (PACKING[0], PACKING[2]))
    sparse = [getattr(each, f"to_sparse_{layout}")() for each in (a, a_eq)]
    program, scores = LinearProgram(sparse[0], PACKING[1], sparse[1], PACKING[3]), random_scores(6, 5)
    assert torch.equal(program.argmax(scores), LinearProgram(*PACKING).argmax(scores))
    expected = LinearConstraints(*PACKING).project(scores)
    assert torch.allclose(program.relaxation.project(scores), expected, atol=1e-9)


def test_variables_that_may_be_fractions():
    """A knapsack whose last two items can be cut: the best of all choices of the others, by a general solver."""
    weights, scores = np.array([3.0, 4, 5, 6, 2]), random_scores(6, 5).abs()
    program = LinearProgram([weights.tolist()], [8.0], continuous=[3, 4])
    best = program.argmax(scores)
    for row in range(6):
        values = []
        for choice in product([0.0, 1.0], repeat=3):
            if (left := 8 - weights[:3] @ choice) >= 0:
                rest = linprog(-scores[row, 3:].numpy(), weights[None, 3:], [left], bounds=(0, 1))
                values.append(scores[row, :3].numpy() @ choice - rest.fun)
        assert (scores[row] @ best[row]).item() == pytest.approx(max(values), abs=1e-9)
    assert ((best > 0) & (best < 1)).any()
    assert ((best[:, :3] == 0) | (best[:, :3] == 1)).all()
    assert program.contains(best).all()
    assert not program.contains(torch.full((1, 5), 0.25)).any()
    output = structured_argmax(scores.requires_grad_(), program, SPIGOT())
    assert torch.equal(output, best)
    output.square().sum().backward()
    assert scores.grad.any()
    with pytest.raises(ValueError, match=r"continuous: expected numbers from 0 to 1, got \[2\]"):
        LinearProgram([[1, 1]], [1], continuous=[2])
    # Flags of the variables, which would be taken for the numbers 0 and 1.
    with pytest.raises(ValueError, match=r"continuous: expected numbers from 0 to 1, got \[True, False\]"):
        LinearProgram([[1, 1]], [1], continuous=[True, False])


def travelling_salesman(cities):
    """Edges with two at each city; subtours are cut off as they come up."""
    edges = list(combinations(range(cities), 2))

    def subtours(tour):
        graph = networkx.Graph([edge for edge, used in zip(edges, tour.tolist(), strict=True) if used > 0.5])
        parts = list(networkx.connected_components(graph))
        if len(parts) == 1:
            return None
        inside = [[float(i in part and j in part) for i, j in edges] for part in parts]
        return inside, [len(part) - 1.0 for part in parts]

    degree = [[float(city in edge) for edge in edges] for city in range(cities)]
    return edges, LinearProgram(Aeq=degree, beq=[2.0] * cities, cuts=subtours)


def test_a_travelling_salesman_by_cuts():
    edges, program = travelling_salesman(7)
    tours = {
        tuple(float(edge in {tuple(sorted(pair)) for pair in pairwise((0, *order, 0))}) for edge in edges)
        for order in permutations(range(1, 7))
    }
    tours = torch.tensor(sorted(tours), dtype=torch.float64)
    places = random_scores(12, 7, 2)
    starts, ends = zip(*edges, strict=True)
    scores = -(places[:, starts] - places[:, ends]).norm(dim=2)
    best = program.argmax(scores)
    assert torch.equal(best, tours[(scores @ tours.T).argmax(1)])
    two_loops = LinearProgram(Aeq=[[float(c in e) for e in edges] for c in range(7)], beq=[2.0] * 7).argmax(scores)
    assert not torch.equal(two_loops, best)
    assert program.contains(best).all()
    assert torch.equal(program.contains(two_loops), (two_loops == best).all(1))
    assert torch.equal(torch.cat([program.argmax(row) for row in scores.split(1)]), best)

    def loss_of(scores):
        return (structured_argmax(scores, program, SPIGOT()) * places[:, :1, 0]).sum()

    torch.compiler.reset()
    compiled = torch.compile(loss_of, fullgraph=True, backend="aot_eager")
    leaf = scores.requires_grad_()
    assert torch.equal(*(torch.autograd.grad(function(leaf), leaf)[0] for function in (loss_of, compiled)))


@pytest.mark.parametrize(
    ("cuts", "message"),
    [
        (lambda z: ([[0.0, 1, 0]], [1.0]), r"one that it keeps \(cut 0\)"),
        (lambda z: ([[1.0, 1]], [1.0]), r"of shapes \[cut, 3\] and \[cut\], got \[1, 2\] and \[1\]"),
    ],
)
def test_cuts_are_checked(cuts, message):
    with pytest.raises(ValueError, match=f"cuts: expected .*{message}"):
        LinearProgram([[1, 1, 1]], [2], cuts=cuts).argmax(torch.ones(1, 3))


@pytest.mark.parametrize("found", [3, True, ([[1.0, 1, 0], [1.0]], [1.0])], ids=["number", "flag", "ragged"])
def test_what_cuts_return_is_named(found):
    with pytest.raises(TypeError, match=r"^cuts: expected None, or A and b, numbers both, got "):
        LinearProgram([[1, 1, 1]], [2], cuts=lambda z: found).argmax(torch.ones(1, 3))


def test_cuts_are_kept_no_longer_than_the_program():
    program = travelling_salesman(4)[1]
    function = weakref.ref(program.cuts)
    scores = torch.randn(2, program.constraints.variables)
    chosen = program.argmax(scores)
    assert program.contains(chosen).all()
    del program
    assert function() is None


def test_cuts_may_leave_nothing():
    impossible = LinearProgram([[1, 1, 1]], [2], cuts=lambda z: ([[0.0, 0, 0], [-1, -1, -1]], [-1.0, -3.0]))
    with pytest.raises(ValueError, match=r"scores: no solution of the linear constraints.*row 0"):
        impossible.argmax(torch.ones(2, 3))


@pytest.mark.parametrize("continuous", [(), (0,)], ids=["whole", "mixed"])
@pytest.mark.parametrize("large", [1e3, 1e6, 1e8])
def test_a_switch_with_a_large_coefficient(continuous, large):
    """The relaxed problem turns it on by so little that it rounds to off."""
    switched = LinearProgram(A=[[1, -large]], b=[0], continuous=continuous)
    assert switched.argmax(torch.tensor([[1.0, -1e-3], [1.0, -2.0]])).tolist() == [[1, 1], [0, 0]]
