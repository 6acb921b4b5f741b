"""One entry for every public class of the core's three axes: how to build it, and what it works on.

A class that is exported and not listed here fails `test_registry.py`; one that is listed has to pass the contract
of its axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import spigot
from spigot import (
    CTCParts,
    LinearChainParts,
    Parts,
    PCFGParts,
    Polytope,
    SegmentationParts,
    SemanticGraphParts,
    Structure,
    Surrogate,
)
from spigot.structured.parts.base import like, map_parts, tensors

Shape = Callable[[int], Any]
"""From the size of a row to its shape, or to a NamedTuple of the shapes of its tensors."""


def arc_shape(size: int) -> tuple[int, ...]:
    """Return the shape of one row of arc scores with `size` tokens."""
    return (size + 1, size + 1)


def labelled_arc_shape(size: int) -> tuple[int, ...]:
    """Return the shape of one row of scores of arcs with two labels."""
    return (size + 1, size + 1, 2)


def category_shape(size: int) -> tuple[int, ...]:
    """Return the shape of one row of scores over `size` categories."""
    return (size,)


def graph_shapes(size: int) -> SemanticGraphParts:
    """Return the shapes of one row of semantic graphs with `size` tokens and three labels."""
    return SemanticGraphParts((size + 1,), (size + 1, size + 1), (size + 1, size + 1, 3))


def span_shape(size: int) -> tuple[int, ...]:
    """Return the shape of one row of span scores with `size` tokens."""
    return (size, size)


def labelled_span_shape(size: int) -> tuple[int, ...]:
    """Return the shape of one row of scores of spans with two labels."""
    return (size, size, 2)


def spans_of(size: int) -> int:
    """Return how many spans a binary tree over `size` tokens has."""
    return max(2 * size - 1, 0)


def chain_shapes(size: int) -> LinearChainParts:
    """Return the shapes of one row of chains with `size` positions and three tags."""
    return LinearChainParts((size, 3), (max(size - 1, 0), 3, 3))


def square_shape(size: int) -> tuple[int, ...]:
    """Return the shape of one row of scores of pairs."""
    return (size, size)


def segmentation_shapes(size: int) -> SegmentationParts:
    """Return the shapes of one row of segmentations with `size` positions, segments of up to two, and two tags."""
    return SegmentationParts((size, 2, 2), (max(size - 1, 0), 2, 2))


def alignment_shape(size: int) -> tuple[int, ...]:
    """Return the shape of one row of alignments of two sequences of `size` each."""
    return (size + 1, size + 1, 3)


def pcfg_shapes(size: int) -> PCFGParts:
    """Return the shapes of one row of trees over `size` tokens, with two nonterminals and one tag."""
    return PCFGParts((size, 1), (size, size, 2), (2, 3, 3), (3,))


def ctc_shapes(size: int) -> CTCParts:
    """Return the shapes of one row of CTC paths with `size` frames and as many labels: there is one."""
    return CTCParts((size, 2 * size + 1), (max(size - 1, 0), 2 * size + 1))


DISTANCES = (torch.arange(8)[:, None] - torch.arange(8)).abs()[None]
"""How long arcs are."""

KNAPSACK = ([[-1, -1, -1, -1], [3, 4, 5, 6]], [-1, 8], [[1, 0, 1, -1]], [1])
"""Something, but not too much of it, and an equation."""


@dataclass(frozen=True)
class StructureCase:
    name: str
    structure: Structure
    shape: Shape
    parts: Callable[[int], int] | None
    """How many parts a structure of a given size has; None if their number differs."""
    may_be_empty: bool = False
    """Whether a structure may have no parts, so that every row has one."""
    exact: bool = True
    """Whether `argmax` finds the best structure, however large the scores."""
    counts: bool = False
    """Whether a structure may use a part more than once."""
    unique: bool = False
    """Whether each row of full length has one structure only."""
    widest: int = 7
    """The size of a row, padding included, that tests may give it."""


@dataclass(frozen=True)
class PolytopeCase:
    name: str
    polytope: Polytope
    shape: Shape
    vertices: Structure
    """A structure all of whose members lie in the polytope."""
    may_be_zero: bool = False
    """Whether 0 is a member, so that no row is without one."""
    atol: float = 1e-12
    """How exact it is."""
    nearest: bool = True
    """Whether it finds the nearest point of the set, and not just some point of it."""


STRUCTURES = [
    StructureCase("projective", spigot.ProjectiveTree(), arc_shape, lambda size: size),
    StructureCase("projective-multi-root", spigot.ProjectiveTree(False), arc_shape, lambda n: n),
    StructureCase("nonprojective", spigot.NonProjectiveTree(), arc_shape, lambda size: size),
    StructureCase("nonprojective-multi-root", spigot.NonProjectiveTree(False), arc_shape, lambda n: n),
    StructureCase("projective-labelled", spigot.ProjectiveTree(labels=True), labelled_arc_shape, lambda n: n),
    StructureCase("nonprojective-labelled", spigot.NonProjectiveTree(labels=True), labelled_arc_shape, lambda n: n),
    StructureCase("categorical", spigot.Categorical(), category_shape, lambda size: min(size, 1)),
    StructureCase("semantic-graph", spigot.SemanticGraph([True, False, True]), graph_shapes, None, may_be_empty=True),
    StructureCase(
        "approximate-semantic-graph",
        spigot.ApproximateSemanticGraph([True, False, True]),
        graph_shapes,
        None,
        may_be_empty=True,
        exact=False,
    ),
    StructureCase("binary-tree", spigot.BinaryTree(), span_shape, spans_of),
    StructureCase("binary-tree-labelled", spigot.BinaryTree(labels=True), labelled_span_shape, spans_of),
    StructureCase("k-subset", spigot.KSubset(2), category_shape, lambda size: min(size, 2)),
    StructureCase("k-subset-tensor", spigot.KSubset(torch.tensor(2)), category_shape, lambda size: min(size, 2)),
    StructureCase("k-subset-at-most", spigot.KSubset(2, at_most=True), category_shape, None, may_be_empty=True),
    StructureCase("linear-chain", spigot.LinearChain(), chain_shapes, lambda size: max(2 * size - 1, 0)),
    StructureCase("semi-markov", spigot.SemiMarkov(), segmentation_shapes, None),
    StructureCase("monotone-alignment", spigot.MonotoneAlignment(), alignment_shape, None),
    StructureCase("pcfg", spigot.PCFG(), pcfg_shapes, lambda size: max(3 * size - 1, 0), counts=True),
    StructureCase("ctc", spigot.CTC(), ctc_shapes, None, unique=True),
    StructureCase("matching", spigot.Matching(), square_shape, lambda size: size),
    StructureCase("matching-at-most", spigot.Matching(at_most_one=True), square_shape, None, may_be_empty=True),
    StructureCase("budget", spigot.Budget(spigot.ProjectiveTree(), DISTANCES, 6.0), arc_shape, lambda size: size),
    StructureCase("linear-program", spigot.LinearProgram(*KNAPSACK), category_shape, None, widest=4),
]

POLYTOPES = [
    PolytopeCase("span-box", spigot.SpanBox(), span_shape, spigot.BinaryTree()),
    PolytopeCase("span-box-labelled", spigot.SpanBox(labels=True), labelled_span_shape, spigot.BinaryTree(labels=True)),
    PolytopeCase(
        "linear-constraints", spigot.LinearConstraints(*KNAPSACK), category_shape, spigot.LinearProgram(*KNAPSACK)
    ),
    PolytopeCase("birkhoff", spigot.Birkhoff(), square_shape, spigot.Matching()),
    PolytopeCase(
        "birkhoff-at-most",
        spigot.Birkhoff(at_most_one=True),
        square_shape,
        spigot.Matching(at_most_one=True),
        may_be_zero=True,
    ),
    PolytopeCase("capped-simplex", spigot.CappedSimplex(2), category_shape, spigot.KSubset(2)),
    PolytopeCase(
        "capped-simplex-tensor", spigot.CappedSimplex(torch.tensor(2)), category_shape, spigot.KSubset(torch.tensor(2))
    ),
    PolytopeCase(
        "capped-simplex-at-most",
        spigot.CappedSimplex(2, at_most=True),
        category_shape,
        spigot.KSubset(2, at_most=True),
        may_be_zero=True,
    ),
    PolytopeCase("chain-simplices", spigot.ChainSimplices(), chain_shapes, spigot.LinearChain()),
    PolytopeCase("simplex", spigot.Simplex(), category_shape, spigot.Categorical()),
    PolytopeCase("hull-projective", spigot.Hull(spigot.ProjectiveTree()), arc_shape, spigot.ProjectiveTree()),
    PolytopeCase("hull-nonprojective", spigot.Hull(spigot.NonProjectiveTree()), arc_shape, spigot.NonProjectiveTree()),
    PolytopeCase("single-head", spigot.SingleHead(), arc_shape, spigot.ProjectiveTree()),
    PolytopeCase(
        "single-head-labelled", spigot.SingleHead(labels=True), labelled_arc_shape, spigot.ProjectiveTree(labels=True)
    ),
    PolytopeCase("labeled-arcs", spigot.LabeledArcs(), graph_shapes, spigot.SemanticGraph(), may_be_zero=True),
    PolytopeCase(
        "clipped-arcs", spigot.ClippedArcs(), graph_shapes, spigot.SemanticGraph(), may_be_zero=True, nearest=False
    ),
    PolytopeCase(
        "graph-hull",
        spigot.GraphHull([True, False, True]),
        graph_shapes,
        spigot.SemanticGraph([True, False, True]),
        may_be_zero=True,
    ),
]

SURROGATES: dict[str, Surrogate] = {
    "detach": spigot.Detach(),
    "straight-through": spigot.StraightThrough(),
    "straight-through-capped": spigot.StraightThrough(max_norm=0.5),
    "spigot": spigot.SPIGOT(),
    "spigot-hull": spigot.SPIGOT(polytope="hull"),
    "sparsemap": spigot.SparseMAP(temperature=0.5),
    "spigot-capped": spigot.SPIGOT(step_size=0.5, max_norm=1.0),
    "marginals": spigot.Marginals(),
    "marginals-learnt": spigot.Marginals(temperature=torch.tensor(0.5)),
    "marginal-jacobian": spigot.MarginalJacobian(max_norm=1.0),
    "spigot-ce": spigot.SPIGOTCE(),
    "spigot-eg": spigot.SPIGOTEG(),
    "gumbel": spigot.Gumbel(temperature=0.5),
    "perturbed": spigot.Perturbed(samples=3),
    "perturbed-gumbel": spigot.Perturbed(samples=2, noise="gumbel", baseline="none"),
    "blackbox": spigot.Blackbox(5.0),
    "imle": spigot.IMLE(5.0, samples=2),
    "aimle": spigot.AIMLE(samples=2, symmetric=True),
    "negative-identity": spigot.NegativeIdentity(),
    "score-function": spigot.ScoreFunction(),
    "perturbed-multiplicative": spigot.Perturbed(sigma=0.5, samples=3, noise="multiplicative"),
    "perturbed-score-function": spigot.PerturbedScoreFunction(),
    "simple": spigot.SIMPLE(),
}


def batch_of(shape: Shape, sizes: list[int], seed: int, full: int = 0) -> Parts:
    """Return random scores of rows of the given sizes, NaN past each row's own."""
    generator = torch.Generator().manual_seed(seed)
    widest = _shapes(shape(max([full, *sizes])))
    batch = tuple(torch.full((len(sizes), *extents), float("nan")) for extents in widest)
    for b, size in enumerate(sizes):
        for tensor, row in zip(batch, _shapes(shape(size)), strict=True):
            tensor[(b, *(slice(extent) for extent in row))] = torch.randn(row, generator=generator)
    return batch[0] if _is_single(shape(0)) else type(shape(0))(*batch)


def row_of(parts: Parts, shape: Shape, b: int, size: int) -> Parts:
    """Return row b, a batch of one, without its padding: a view."""
    cut = [
        part[(slice(b, b + 1), *(slice(extent) for extent in row))]
        for part, row in zip(tensors(parts), _shapes(shape(size)), strict=True)
    ]
    return like(parts, tuple(cut))


def equal(a: Parts, b: Parts) -> bool:
    """Whether two are the same to the bit."""
    return all(torch.equal(x, y) for x, y in zip(tensors(a), tensors(b), strict=True))


def to(parts: Parts, *args: Any) -> Parts:
    """Return `parts` after `Tensor.to`."""
    return map_parts(lambda part: part.to(*args), parts)


def ones_mask(parts: Parts) -> Parts:
    """Return a mask that allows all."""
    return map_parts(lambda part: torch.ones(part.shape, dtype=torch.bool), parts)


def random_mask(parts: Parts, seed: int, share: float = 0.5) -> Parts:
    """Return a mask that allows about this share of the parts."""
    generator = torch.Generator().manual_seed(seed)
    return map_parts(lambda part: torch.rand(part.shape, generator=generator) < share, parts)


def outside(parts: Parts, valid: Parts) -> Tensor:
    """Return the values of `parts` that are not `valid`, in one row."""
    return torch.cat([part[~cells] for part, cells in zip(tensors(parts), tensors(valid), strict=True)])


def _is_single(shapes: Any) -> bool:
    return not hasattr(shapes, "_fields")


def _shapes(shapes: Any) -> tuple[tuple[int, ...], ...]:
    return (shapes,) if _is_single(shapes) else tuple(shapes)
