"""One entry for every public class of the core's three axes: how to build it, and what it works on.

A class that is exported and not listed here fails `test_registry.py`; one that is listed has to pass the contract
of its axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

import spigot
from spigot import Polytope, Structure, Surrogate


def arc_shape(size: int) -> tuple[int, ...]:
    """Return the shape of one row of arc scores with `size` tokens."""
    return (size + 1, size + 1)


def category_shape(size: int) -> tuple[int, ...]:
    """Return the shape of one row of scores over `size` categories."""
    return (size,)


@dataclass(frozen=True)
class StructureCase:
    name: str
    structure: Structure
    shape: Callable[[int], tuple[int, ...]]
    parts: Callable[[int], int]
    """How many parts a structure of a given size has."""


@dataclass(frozen=True)
class PolytopeCase:
    name: str
    polytope: Polytope
    shape: Callable[[int], tuple[int, ...]]
    vertices: Structure
    """A structure all of whose members lie in the polytope."""


STRUCTURES = [
    StructureCase("projective", spigot.ProjectiveTree(), arc_shape, lambda size: size),
    StructureCase("projective-multi-root", spigot.ProjectiveTree(False), arc_shape, lambda n: n),
    StructureCase("nonprojective", spigot.NonProjectiveTree(), arc_shape, lambda size: size),
    StructureCase("nonprojective-multi-root", spigot.NonProjectiveTree(False), arc_shape, lambda n: n),
    StructureCase("categorical", spigot.Categorical(), category_shape, lambda size: min(size, 1)),
]

POLYTOPES = [
    PolytopeCase("simplex", spigot.Simplex(), category_shape, spigot.Categorical()),
    PolytopeCase("single-head", spigot.SingleHead(), arc_shape, spigot.ProjectiveTree()),
]

SURROGATES: dict[str, Surrogate] = {
    "detach": spigot.Detach(),
    "straight-through": spigot.StraightThrough(),
    "straight-through-capped": spigot.StraightThrough(max_norm=0.5),
    "spigot": spigot.SPIGOT(),
    "spigot-capped": spigot.SPIGOT(step_size=0.5, max_norm=1.0),
    "marginals": spigot.Marginals(),
}


def batch_of(shape: Callable[[int], tuple[int, ...]], sizes: list[int], seed: int, full: int = 0) -> Tensor:
    """Return random scores of rows of the given sizes, NaN past each row's own."""
    generator = torch.Generator().manual_seed(seed)
    batch = torch.full((len(sizes), *shape(max([full, *sizes]))), float("nan"))
    for b, size in enumerate(sizes):
        row = shape(size)
        batch[(b, *(slice(extent) for extent in row))] = torch.randn(row, generator=generator)
    return batch
