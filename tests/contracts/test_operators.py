"""What torch asks of an operator: schema, fake implementation, place in autograd. Every operator is listed."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.library import opcheck

import spigot
from spigot.structured import kernels, polytopes, structures
from spigot.structured.kernels.chain.operators import ChainOperators
from spigot.structured.kernels.runtime.gibbs import GibbsOperators
from spigot.structured.polytopes import hull_operator
from spigot.structured.structures import budget_operator

ops = torch.ops.spigot
Arguments = tuple[Any, ...]


def scores(*shape: int, grad: bool = False, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=generator, dtype=dtype).requires_grad_(grad)


def masks(wanted: bool, *shapes: tuple[int, ...]) -> tuple[Tensor | None, ...]:
    return tuple(torch.ones(shape, dtype=torch.bool) if wanted else None for shape in shapes)


LENGTHS = torch.tensor([3, 2])
PAIR_LENGTHS = torch.tensor([[3, 2], [2, 3]])
SEEDS = torch.tensor([1, 2])
SIZES = torch.tensor([2, 0])
TREE, SPANS, SQUARE, ROW = (2, 4, 4), (2, 3, 3), (2, 3, 3), (2, 5)
CHAIN = (2, 3, 2), (2, 2, 2, 2)
SHARED_CHAIN = (2, 3, 2), (2, 1, 2, 2)
GRAPH = (2, 4), (2, 4, 4), (2, 4, 4, 2)
FLAGS = torch.tensor([True, False])
PACKING = ([[1.0, 1, 1, 0, 0], [0, 0, 1, 1, 1]], [2.0, 1.0], [[1.0, 1, 1, 1, 1]], [2.0])


def chain(masked: bool, grad: bool = False) -> Arguments:
    return *(scores(*shape, grad=grad) for shape in CHAIN), LENGTHS, *masks(masked, *CHAIN)


def shared_chain(masked: bool, grad: bool = False) -> Arguments:
    parts = (scores(*shape, grad=grad) for shape in SHARED_CHAIN)
    return *parts, LENGTHS, *masks(masked, *SHARED_CHAIN)


def with_tags(arguments: Arguments) -> Arguments:
    """Return the arguments of a chain with tags in place."""
    emissions, transitions, lengths, *masks = arguments
    tags = torch.randint(emissions.size(2), emissions.shape[:2], generator=torch.Generator().manual_seed(0))
    tags = tags.where(torch.arange(emissions.size(1)) < lengths[:, None], -1)
    return emissions, transitions, tags, lengths, *masks


def graph(masked: bool, grad: bool = False) -> Arguments:
    """Return scores, lengths and masks; that of labels may be left out."""
    return *(scores(*shape, grad=grad) for shape in GRAPH), LENGTHS, *masks(True, *GRAPH[:2]), *masks(masked, GRAPH[2])


def graph_decoding(masked: bool) -> Arguments:
    *parts, lengths, predicate_mask, arc_mask, label_mask = graph(masked)
    return *parts, lengths, FLAGS, predicate_mask, arc_mask, label_mask


def graph_hull_vjp(masked: bool) -> Arguments:
    projected = ops.project_graph_hull(*graph(masked), FLAGS)
    return *projected, *(scores(*shape, grad=True) for shape in GRAPH)


def linear_program(masked: bool, dtype: torch.dtype = torch.float32, grad: bool = False) -> Arguments:
    constraints = spigot.LinearConstraints(*PACKING).arguments()
    return scores(*ROW, grad=grad, dtype=dtype), LENGTHS + 2, *masks(masked, ROW), *constraints


def face_of_constraints(masked: bool) -> Arguments:
    point, _, _, *constraints = arguments = linear_program(masked)
    _, free, tight = ops.project_onto_constraints(*arguments)
    return point.requires_grad_(), *constraints, free, tight


def budget(masked: bool) -> Arguments:
    structure = spigot.Budget(spigot.ProjectiveTree(), torch.ones(1, 4, 4).triu(2), 1.0)
    return budget_operator.operator_arguments(structure, scores(*TREE), LENGTHS, *masks(masked, TREE))


def hull(_: bool) -> Arguments:
    solution = spigot.Hull(spigot.ProjectiveTree()).solve(scores(*TREE))
    return scores(2, 16, grad=True, dtype=torch.float64), solution.members, solution.weights


def simplex(masked: bool) -> Arguments:
    projected = ops.project_columns(scores(*TREE), LENGTHS, *masks(masked, TREE), True)
    return scores(*TREE, grad=True), projected, 1.0


def hull_in_graph(masked: bool, grad: bool = False) -> Arguments:
    point = scores(*TREE, grad=grad)
    return hull_operator.operator_arguments(
        spigot.Hull(spigot.ProjectiveTree()), point, LENGTHS, *masks(masked, TREE), None
    )


def hull_in_graph_vjp(masked: bool) -> Arguments:
    flat, *others = hull_in_graph(masked)
    return flat, torch.ones_like(flat).requires_grad_(), *others


def birkhoff_vjp(masked: bool) -> Arguments:
    projected = ops.project_birkhoff(scores(*SQUARE), PAIR_LENGTHS, *masks(masked, SQUARE), True)
    return projected, scores(*SQUARE, grad=True)


def of_pairs(grad: bool = False) -> Callable[[bool], Arguments]:
    return lambda masked: (scores(*SQUARE, grad=grad), PAIR_LENGTHS, *masks(masked, SQUARE), not masked)


def gamma(_: bool) -> Arguments:
    valid = torch.tensor([[True, False, True], [False, True, False]])
    return torch.arange(6).view(2, 3), valid, torch.tensor([2.0, 1.0], dtype=torch.float64)


def of_one_tensor(
    *shape: int, grad: bool = False, twice: bool = False, more: Arguments = ()
) -> Callable[[bool], Arguments]:
    """Return what makes the arguments of an operator on scores, lengths and a mask; twice: a direction as well."""

    def make(masked: bool) -> Arguments:
        first = (scores(*shape, grad=grad),) * (2 if twice else 1)
        return *first, LENGTHS, *masks(masked, shape), *more

    return make


OPERATORS: dict[str, Callable[[bool], Arguments]] = {
    "projective_argmax": of_one_tensor(*TREE, more=(True,)),
    "projective_log_partition": of_one_tensor(*TREE, grad=True, more=(True,)),
    "projective_marginals": of_one_tensor(*TREE, grad=True, more=(True,)),
    "projective_marginals_jvp": of_one_tensor(*TREE, twice=True, more=(True,)),
    "projective_log_prob": of_one_tensor(*TREE, twice=True, more=(True,)),
    "projective_entropy": of_one_tensor(*TREE, grad=True, more=(True,)),
    "projective_entropy_slopes": of_one_tensor(*TREE, more=(True,)),
    "projective_sample": of_one_tensor(*TREE, more=(True, SEEDS)),
    "nonprojective_argmax": of_one_tensor(*TREE, more=(True,)),
    "nonprojective_log_partition": of_one_tensor(*TREE, grad=True, more=(True,)),
    "nonprojective_marginals": of_one_tensor(*TREE, grad=True, more=(True,)),
    "nonprojective_marginals_jvp": of_one_tensor(*TREE, twice=True, more=(True,)),
    "nonprojective_log_prob": of_one_tensor(*TREE, twice=True, more=(True,)),
    "nonprojective_entropy": of_one_tensor(*TREE, grad=True, more=(True,)),
    "nonprojective_entropy_slopes": of_one_tensor(*TREE, more=(True,)),
    "nonprojective_sample": of_one_tensor(*TREE, more=(True, SEEDS)),
    "binary_tree_argmax": of_one_tensor(*SPANS),
    "binary_tree_log_partition": of_one_tensor(*SPANS, grad=True),
    "binary_tree_marginals": of_one_tensor(*SPANS, grad=True),
    "binary_tree_marginals_jvp": of_one_tensor(*SPANS, twice=True),
    "binary_tree_log_prob": of_one_tensor(*SPANS, twice=True),
    "binary_tree_entropy": of_one_tensor(*SPANS, grad=True),
    "binary_tree_entropy_slopes": of_one_tensor(*SPANS),
    "binary_tree_sample": of_one_tensor(*SPANS, more=(SEEDS,)),
    "chain_argmax": chain,
    "chain_log_partition": lambda masked: chain(masked, grad=True),
    "chain_marginals": lambda masked: chain(masked, grad=True),
    "chain_marginals_jvp": lambda masked: (*chain(masked)[:2], *chain(masked)),
    "chain_tags_log_prob": lambda masked: with_tags(chain(masked, grad=True)),
    "chain_log_prob": lambda masked: (*chain(masked)[:2], *chain(masked)),
    "chain_entropy": lambda masked: chain(masked, grad=True),
    "chain_entropy_slopes": chain,
    "shared_chain_log_partition": lambda masked: shared_chain(masked, grad=True),
    "shared_chain_marginals": lambda masked: shared_chain(masked, grad=True),
    "shared_chain_marginals_jvp": lambda masked: (*shared_chain(masked)[:2], *shared_chain(masked)),
    "shared_chain_tags_log_prob": lambda masked: with_tags(shared_chain(masked, grad=True)),
    "shared_chain_log_prob": lambda masked: (*shared_chain(masked)[:2], *shared_chain(masked)),
    "shared_chain_entropy": lambda masked: shared_chain(masked, grad=True),
    "shared_chain_entropy_slopes": shared_chain,
    "chain_sample": lambda masked: (*chain(masked), SEEDS),
    "subset_log_partition": of_one_tensor(*ROW, grad=True, more=(SIZES, True)),
    "subset_marginals": of_one_tensor(*ROW, grad=True, more=(SIZES, True)),
    "subset_marginals_jvp": of_one_tensor(*ROW, twice=True, more=(SIZES, True)),
    "subset_log_prob": of_one_tensor(*ROW, twice=True, more=(SIZES, True)),
    "subset_entropy": of_one_tensor(*ROW, grad=True, more=(SIZES, True)),
    "subset_entropy_slopes": of_one_tensor(*ROW, more=(SIZES, True)),
    "subset_sample": of_one_tensor(*ROW, more=(SIZES, False, SEEDS)),
    "matching_argmax": of_pairs(),
    "semantic_graph_argmax": graph_decoding,
    "semantic_graph_ad3": lambda masked: (*graph(True), FLAGS, 50, 0.05, 1e-3),
    "linear_program_argmax": lambda masked: (*linear_program(masked), torch.ones(5, dtype=torch.bool), ""),
    "argmax_within_budget": budget,
    "project_columns": of_one_tensor(*TREE, grad=True, more=(True,)),
    "project_capped_simplex": of_one_tensor(*ROW, grad=True, more=(SIZES, True)),
    "off_mean": simplex,
    "project_birkhoff": of_pairs(grad=True),
    "project_birkhoff_grad": birkhoff_vjp,
    "project_labeled_arcs": lambda masked: (*graph(masked, grad=True), False),
    "project_graph_hull": lambda masked: (*graph(masked, grad=True), FLAGS),
    "graph_hull_vjp": graph_hull_vjp,
    "project_onto_constraints": lambda masked: linear_program(masked, torch.float64, grad=True),
    "project_onto_face": face_of_constraints,
    "onto_face": hull,
    "sum_of_gamma": gamma,
    "are_trees": lambda _: ((scores(*TREE) > 0).float(), LENGTHS, True, True),
    "refuse": lambda _: (torch.tensor([False, False]), "message"),
    "project_onto_hull": lambda masked: hull_in_graph(masked, grad=True),
    "project_onto_hull_vjp": hull_in_graph_vjp,
}
"""From the name of an operator, and whether there is a mask, to arguments that require a gradient if it has one."""


def test_every_operator_is_listed():
    names = [
        module.name
        for package in (kernels, polytopes, structures)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not module.ispkg and ".triton" not in module.name
    ]
    contents = [value for name in names for value in vars(importlib.import_module(name)).values()]
    for kind in (ChainOperators, GibbsOperators):
        contents += [member for value in contents if isinstance(value, kind) for member in value]
    found = {value.name() for value in contents if isinstance(value, torch._ops.OpOverload)}
    assert found == {f"spigot::{name}" for name in OPERATORS}


@pytest.mark.parametrize("masked", [True, False], ids=["masked", "unmasked"])
@pytest.mark.parametrize("name", OPERATORS)
def test_operator_is_well_formed(name, masked):
    opcheck(getattr(ops, name).default, OPERATORS[name](masked))
