"""The core: structured decisions as layers. Knows nothing of words; needs torch and numba alone."""

from .arcs import arcs_to_heads, heads_to_arcs
from .base import MarginalStructure, Polytope, Structure, Surrogate
from .layer import StructuredArgmax, structured_argmax
from .polytopes.simplex import Simplex
from .polytopes.single_head import SingleHead
from .structures.categorical import Categorical
from .structures.nonprojective_tree import NonProjectiveTree
from .structures.projective_tree import ProjectiveTree
from .surrogates.detach import Detach
from .surrogates.marginals import Marginals
from .surrogates.spigot import SPIGOT
from .surrogates.straight_through import StraightThrough

__all__ = [
    "SPIGOT",
    "Categorical",
    "Detach",
    "MarginalStructure",
    "Marginals",
    "NonProjectiveTree",
    "Polytope",
    "ProjectiveTree",
    "Simplex",
    "SingleHead",
    "StraightThrough",
    "Structure",
    "StructuredArgmax",
    "Surrogate",
    "arcs_to_heads",
    "heads_to_arcs",
    "structured_argmax",
]
