"""Hard structured decisions inside neural networks, and gradients to train through them.

What this package exports is the core, `spigot.structured`, imported when first used: so commands that need no
torch (`spigot --help`, `spigot score`) start at once.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .structured import (
        SPIGOT,
        Categorical,
        Detach,
        Marginals,
        MarginalStructure,
        NonProjectiveTree,
        Polytope,
        ProjectiveTree,
        Simplex,
        SingleHead,
        StraightThrough,
        Structure,
        StructuredArgmax,
        Surrogate,
        arcs_to_heads,
        heads_to_arcs,
        structured_argmax,
    )

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


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'spigot' has no attribute {name!r}")
    from . import structured

    # All at once: from here on they are ordinary attributes.
    globals().update({exported: getattr(structured, exported) for exported in __all__})
    return globals()[name]


def __dir__() -> list[str]:
    return [*globals(), *__all__]
