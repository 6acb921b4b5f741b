"""The table of `docs/differentiation.md` is true: each of its cells is tried for each structure.

A cell says "all", or which maps refuse. What refuses has to say so by name; what does not has to be right: derivatives
by finite differences, the rest against plain calls.
"""

import re
from functools import cache
from pathlib import Path

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.func import grad, jacfwd, jacrev, jvp, vmap

import spigot
from spigot import MarginalStructure, structured_argmax
from spigot.structured.parts.base import inner, like, map_parts, tensors
from tests.contracts.registry import POLYTOPES, STRUCTURES, SURROGATES, batch_of

PAGE = Path(__file__).parents[2] / "docs" / "differentiation.md"
SIZES = [3, 2]
LENGTHS = torch.tensor(SIZES)
REFUSAL = re.compile(
    r"^\w+: expected (to be differentiated once|no differentiation in forward mode|.* in torch.export, got)"
)
every_structure = pytest.mark.parametrize("case", STRUCTURES, ids=lambda case: case.name)


@cache
def table():
    """Return the cells of the page, by structure and column."""
    lines = [line.strip("| ").split("|") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    head, *rows = ([cell.strip() for cell in line] for line in lines)
    return {row[0].strip("`"): dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def maps_of(case, sizes):
    """Return scores as tensors, and the maps of a structure as functions of these that return tensors."""
    scores = map_parts(lambda part: part.nan_to_num(0).double(), batch_of(case.shape, sizes, 0))
    lengths = torch.tensor(sizes)
    structure, target = case.structure, case.structure.argmax(scores, lengths)

    def projection(polytope):
        return lambda *parts: tensors(polytope.project(map_parts(lambda p: p * 0.7, like(scores, parts)), lengths))

    def method(name):
        return lambda *parts: tensors(getattr(structure, name)(like(scores, parts), lengths))

    maps = {"relaxation": projection(structure.relaxation), "hull": projection(structure.hull)}
    if isinstance(structure, MarginalStructure):
        maps |= {name: method(name) for name in ("log_partition", "marginals", "entropy")}
        maps["log_prob"] = lambda *parts: (structure.log_prob(like(scores, parts), target, lengths),)
    return tensors(scores), maps, method("argmax")


def stacked(flat):
    """Return two batches that differ, side by side."""
    return tuple(torch.stack([part, part.flip(0) * 0.5 - 0.1]) for part in flat)


def weighted(function, flat):
    """Return a function to one number whose gradient is that of the results in some direction."""
    shapes = [part.shape for part in function(*flat)]
    weights = [torch.linspace(-1, 2, shape.numel()).view(shape) for shape in shapes]
    return lambda *parts: sum((w.to(p) * p).sum() for w, p in zip(weights, function(*parts), strict=True))


def gradients(function, flat):
    """Return gradients by plain autograd."""
    leaves = [part.detach().clone().requires_grad_() for part in flat]
    total = function(*leaves)
    if not total.requires_grad:  # as that of an argmax
        return [torch.zeros_like(leaf) for leaf in leaves]
    return torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)


def close(found, expected, atol=1e-9):
    return all(
        torch.allclose(a.double(), b.double(), rtol=1e-5, atol=atol) for a, b in zip(found, expected, strict=True)
    )


def try_grad(function, flat):
    leaves = [part.clone().requires_grad_() for part in flat]
    assert gradcheck(function, leaves, fast_mode=True, check_batched_grad=True)
    loss = weighted(function, flat)
    assert close(grad(loss, tuple(range(len(flat))))(*flat), gradients(loss, flat))


def try_double_grad(function, flat):
    leaves = [part.clone().requires_grad_() for part in flat]
    assert gradgradcheck(function, leaves, fast_mode=True, check_fwd_over_rev=True)


def try_jvp(function, flat):
    leaves = [part.clone().requires_grad_() for part in flat]
    assert gradcheck(
        function,
        leaves,
        fast_mode=True,
        check_forward_ad=True,
        check_backward_ad=False,
        check_undefined_grad=False,
        check_batched_forward_grad=True,
    )
    directions = tuple(torch.linspace(-1, 1, part.numel(), dtype=part.dtype).view(part.shape) for part in flat)
    loss = weighted(function, flat)
    slope = sum((a * b).sum() for a, b in zip(gradients(loss, flat), directions, strict=True))
    assert torch.allclose(jvp(loss, flat, directions)[1], slope, atol=1e-9)


def try_vmap(function, flat):
    many, numbers = stacked(flat), tuple(range(len(flat)))
    apart = [tuple(part[i] for part in many) for i in range(2)]
    for of_one in (function, grad(weighted(function, flat), numbers)):
        expected = [torch.stack(each) for each in zip(*(of_one(*parts) for parts in apart), strict=True)]
        assert close(vmap(of_one)(*many), expected)


def try_compile(function, flat):
    loss = weighted(function, flat)
    torch.compiler.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    assert close(gradients(compiled, flat), gradients(loss, flat))


class Module(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *parts):
        return self.function(*parts)


def try_export(function, flat):
    exported = torch.export.export(Module(function), flat).module()
    assert close(exported(*flat), function(*flat))


def try_half(function, flat):
    for dtype, atol in ((torch.float16, 2e-3), (torch.bfloat16, 2e-2)):
        rounded = tuple(part.to(dtype) for part in flat)
        wide = tuple(part.float() for part in rounded)
        found = function(*rounded)
        assert all(part.dtype is dtype for part in found)
        assert close(found, function(*wide), atol * 10)
        assert close(gradients(weighted(function, flat), rounded), gradients(weighted(function, flat), wide), atol * 10)


TRIES = {
    "grad": try_grad,
    "double grad": try_double_grad,
    "jvp": try_jvp,
    "vmap": try_vmap,
    "compile": try_compile,
    "export": try_export,
    "half": try_half,
}


def refusals(column, maps, flat):
    """Return the names of the maps that say that they have none of what a column is about; the others are right."""
    refused = []
    for name, function in maps.items():
        try:
            TRIES[column](function, flat)
        except RuntimeError as error:
            if not REFUSAL.match(str(error)):
                raise
            refused.append(name)
    return refused


def all_at_once(maps):
    """Return one map in place of several."""
    return {"": lambda *flat: tuple(part for function in maps.values() for part in function(*flat))}


@pytest.mark.filterwarnings("ignore:Hull")
@pytest.mark.parametrize("column", TRIES)
@every_structure
def test_a_cell_of_the_table(case, column):
    in_graph = column in ("compile", "export")  # which takes long to make
    flat, maps, argmax = maps_of(case, [2, 1] if in_graph else SIZES)
    if "grad" not in column and column != "jvp":
        maps["argmax"] = argmax
    refused = refusals(column, all_at_once(maps), flat) if in_graph else ["all"]
    refused = [f"`{name}`" for name in sorted(refusals(column, maps, flat))] if refused else []
    assert table()[type(case.structure).__name__][column] == (f"all but {', '.join(refused)}" if refused else "all")


@pytest.mark.parametrize("method", ["marginals", "entropy"])
def test_what_has_no_second_derivative_is_named(method):
    """By what was called, not by the operator that is its derivative."""
    scores = torch.zeros(1, 3, 3, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(getattr(spigot.ProjectiveTree(), method)(scores).sum(), scores, create_graph=True)
    message = rf"^projective_{method}: expected to be differentiated once; its gradient has no derivative$"
    with pytest.raises(RuntimeError, match=message):
        slope.square().sum().backward()


def test_the_table_has_a_row_for_each_structure():
    assert set(table()) == {type(case.structure).__name__ for case in STRUCTURES}


@pytest.mark.filterwarnings("ignore:Hull")
@pytest.mark.parametrize("case", POLYTOPES, ids=lambda case: case.name)
def test_polytopes_are_differentiable_twice_in_any_mode(case):
    points = map_parts(lambda part: part.nan_to_num(0).double() * 0.7, batch_of(case.shape, SIZES, 0))

    def project(*parts):
        return tensors(case.polytope.project(like(points, parts), LENGTHS))

    for attempt in (try_grad, try_double_grad, try_jvp, try_vmap):
        attempt(project, tensors(points))


def layer(case, scores, name):
    """Return the layer as a function of tensors, to one number for each row."""
    surrogate, weights = (
        SURROGATES[name],
        map_parts(lambda part: torch.cos(torch.arange(part.numel())).view_as(part), scores),
    )

    def rows(*parts):
        downstream = (lambda z: inner(z, weights)) if surrogate.needs_downstream else None
        output = structured_argmax(
            like(scores, parts), case.structure, surrogate, lengths=LENGTHS, downstream=downstream
        )
        return inner(output, weights)

    return rows


DRAWS = ("gumbel", "perturbed", "perturbed-gumbel", "perturbed-multiplicative", "imle", "simple")
DRAWS += ("score-function", "perturbed-score-function")
PAIRS = [(case, "spigot") for case in STRUCTURES] + [(STRUCTURES[0], name) for name in SURROGATES if name != "aimle"]
PAIRS += [(case, "spigot-hull") for case in STRUCTURES if case.name in ("linear-chain", "semantic-graph", "ctc")]


@pytest.mark.filterwarnings("ignore:Hull")
@pytest.mark.parametrize(("case", "name"), PAIRS, ids=lambda value: getattr(value, "name", value))
def test_the_layer_within_transforms(case, name):
    scores = map_parts(lambda part: part.nan_to_num(0).double(), batch_of(case.shape, SIZES, 0))
    flat, rows = tensors(scores), layer(case, scores, name)
    numbers = tuple(range(len(flat)))

    def loss(*parts):
        torch.manual_seed(0)
        return rows(*parts).sum()

    expected = gradients(loss, flat)
    assert close(grad(loss, numbers)(*flat), expected)
    if not SURROGATES[name].needs_downstream:  # else the gradient does not depend on the incoming one
        torch.manual_seed(0)
        assert close((part.sum(0) for part in jacrev(rows, numbers)(*flat)), expected)
    many = stacked(flat)
    if name in DRAWS:
        assert all(part.isfinite().all() for part in vmap(grad(loss, numbers), randomness="different")(*many))
    else:
        apart = [gradients(loss, [part[i] for part in many]) for i in range(2)]
        assert close(vmap(grad(loss, numbers))(*many), [torch.stack(each) for each in zip(*apart, strict=True)])


@pytest.mark.parametrize("name", SURROGATES)
def test_what_a_surrogate_cannot_it_says(name):
    case = next(case for case in STRUCTURES if case.name == "categorical")
    scores = map_parts(lambda part: part.nan_to_num(0).double(), batch_of(case.shape, SIZES, 0))
    rows, title = layer(case, scores, name), type(SURROGATES[name]).__name__

    def loss(parts):
        return rows(parts).sum()

    if name in ("marginals", "marginals-learnt", "sparsemap"):
        try_double_grad(lambda parts: (rows(parts),), (scores,))
        try_jvp(lambda parts: (rows(parts),), (scores,))
        return
    leaf = scores.clone().requires_grad_()
    (slope,) = torch.autograd.grad(loss(leaf), leaf, create_graph=True)
    if SURROGATES[name].passes_gradient:
        with pytest.raises(RuntimeError, match=rf"{title}: expected to be differentiated once"):
            torch.autograd.grad(slope.square().sum(), leaf)
        with pytest.raises(RuntimeError, match=title):
            jacrev(lambda parts: grad(loss)(parts).square())(scores)
    if name in ("gumbel", "simple"):
        torch.manual_seed(0)
        slopes = grad(loss)(scores)
        torch.manual_seed(0)
        assert torch.allclose(jvp(loss, (scores,), (scores,))[1], (slopes * scores).sum())
    else:
        with pytest.raises(RuntimeError, match=rf"{title}: expected no differentiation in forward mode"):
            jvp(loss, (scores,), (scores,))


LOSSES = ("perceptron_loss", "hinge_loss", "sparsemap_loss", "negative_log_likelihood")


@pytest.mark.filterwarnings("ignore:Hull")
@pytest.mark.parametrize("name", LOSSES)
@every_structure
def test_losses_are_differentiable_twice_in_any_mode(case, name):
    if name == "negative_log_likelihood" and not isinstance(case.structure, MarginalStructure):
        pytest.skip("no sums")
    flat, *_ = maps_of(case, SIZES)
    scores = like(batch_of(case.shape, SIZES, 0), flat)
    target = case.structure.argmax(map_parts(torch.neg, scores), LENGTHS)

    def rows(*parts):
        return (getattr(spigot, name)(like(scores, parts), target, case.structure, lengths=LENGTHS),)

    for attempt in (try_grad, try_double_grad, try_jvp, try_vmap):
        attempt(rows, flat)


def test_all_orders_of_modes_give_one_hessian():
    scores = torch.randn(1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    tree = spigot.ProjectiveTree()
    target = tree.argmax(-scores)

    def sparse(s):
        return spigot.sparsemap_loss(s, target, tree).sum()

    for loss in (lambda s: tree.log_partition(s).sum(), sparse):
        expected = torch.autograd.functional.hessian(loss, scores)
        assert expected.abs().max() > 0.1
        for outer in (jacfwd, jacrev):
            for within in (jacfwd, jacrev):
                assert torch.allclose(outer(within(loss))(scores), expected)


def test_the_perturbed_loss_says_that_it_has_no_second_derivative():
    scores, tree = torch.zeros(1, 4, 4), spigot.ProjectiveTree()

    def loss(s):
        return spigot.perturbed_loss(s, tree.argmax(scores), tree).sum()

    leaf = scores.requires_grad_()
    (slope,) = torch.autograd.grad(loss(leaf), leaf, create_graph=True)
    with pytest.raises(RuntimeError, match="perturbed_loss: expected to be differentiated once"):
        slope.sum().backward()
    with pytest.raises(RuntimeError, match="perturbed_loss: expected to be differentiated once"):
        jacrev(jacrev(loss))(scores.detach())


def test_several_gradients_at_once():
    scores, tree = torch.zeros(1, 4, 4, requires_grad=True), spigot.ProjectiveTree()
    arcs = structured_argmax(scores, tree, spigot.SPIGOT())
    with pytest.raises(RuntimeError, match=r"SPIGOT: expected torch\.func\.jacrev for several gradients"):
        torch.autograd.grad(arcs, scores, torch.ones(2, 1, 4, 4), is_grads_batched=True)


@pytest.mark.parametrize("name", ["part_mask", "argmax", "log_partition", "marginals", "entropy"])
def test_lengths_alone_are_mapped(name):
    scores, lengths = torch.randn(1, 4, 4), torch.tensor([[3], [1]])
    function = getattr(spigot.ProjectiveTree(), name)
    assert torch.equal(
        vmap(lambda n: function(scores, n))(lengths), torch.stack([function(scores, n) for n in lengths])
    )


def test_whether_arcs_are_trees_within_vmap():
    tree = spigot.ProjectiveTree()
    arcs = torch.stack([tree.argmax(torch.zeros(1, 4, 4)), torch.zeros(1, 4, 4)])
    assert vmap(tree.contains)(arcs).tolist() == [[True], [False]]


@pytest.mark.filterwarnings("ignore:Hull")
@every_structure
def test_masks_hold_in_forward_mode(case):
    scores = map_parts(lambda part: part.nan_to_num(0).double(), batch_of(case.shape, SIZES, 1))
    several = [case.structure.argmax(map_parts(lambda part, f=f: part * f, scores), LENGTHS) for f in (1, -1, 0)]
    mask = map_parts(lambda *parts: torch.stack(parts).any(0), *several)
    flat = tensors(scores)
    names = ["log_partition", "marginals", "entropy"] if isinstance(case.structure, MarginalStructure) else []
    maps = [getattr(case.structure, name) for name in names]
    for function in [*maps, case.structure.relaxation.project, case.structure.hull.project]:
        loss = weighted(lambda *parts, f=function: tensors(f(like(scores, parts), LENGTHS, mask)), flat)
        slope = sum((a * b).sum() for a, b in zip(gradients(loss, flat), flat, strict=True))
        assert torch.allclose(jvp(loss, flat, flat)[1], slope, atol=1e-9)


def test_an_error_within_transforms_names_the_row():
    scores = torch.zeros(2, 1, 4, 4)
    scores[1, 0, 2, 1] = float("nan")
    with pytest.raises(ValueError, match=r"scores: NaN or \+inf .*row 1"):
        vmap(spigot.ProjectiveTree().log_partition)(scores)
    with pytest.raises(ValueError, match=r"scores: no category .*row 1"):
        vmap(spigot.Categorical().marginals)(torch.tensor([[[0.0]], [[-torch.inf]]]))


def test_what_has_no_batch_cannot_be_mapped_over():
    point, numbers = torch.rand(3, 1, 2, dtype=torch.float64), torch.ones(3, 2, dtype=torch.float64)
    starts, columns, bounds = torch.tensor([0, 2]), torch.tensor([0, 1]), torch.ones(1, 1, dtype=torch.float64)

    def project(point, values):
        constraints = starts, columns, values, bounds, None, 0
        return torch.ops.spigot.project_onto_constraints(point, torch.tensor([2]), None, *constraints)[0]

    with pytest.raises(ValueError, match="values: expected one for all that vmap maps over, got a mapped one"):
        vmap(project)(point, numbers)


def test_transforms_within_a_compiled_graph_are_refused_or_right():
    scores = torch.randn(1, 4, 4, generator=torch.Generator().manual_seed(0))
    tree = spigot.ProjectiveTree()

    def loss(s):
        return (structured_argmax(s, tree, spigot.SPIGOT()) * scores).sum()

    torch.compiler.reset()
    compiled = torch.compile(grad(lambda s: tree.log_partition(s).sum()), fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(scores), tree.marginals(scores))
    with pytest.raises(Exception, match=r"expected torch\.func outside of torch\.compile"):
        torch.compile(grad(loss), fullgraph=True, backend="aot_eager")(scores)
