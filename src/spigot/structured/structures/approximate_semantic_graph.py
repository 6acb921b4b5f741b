"""Semantic graphs decoded approximately, as the programs published with the papers do."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..kernels.semantic_graph.ad3 import semantic_graph_ad3
from ..parts.base import map_parts
from ..parts.graph import SemanticGraphParts, graph_arguments
from ..shapes import ArcLabels, GraphPredicates, Lengths
from .first_order_graph import FirstOrderGraph
from .semantic_graph import SemanticGraph


@dataclass(frozen=True)
class ApproximateSemanticGraph(FirstOrderGraph):
    """The graphs of `SemanticGraph`, decoded with AD³ (Martins et al. 2011), to set approximate beside exact.

    AD³ solves a linear program in which a predicate that is half on may use a deterministic label as often as two that
    are on. Its solution is mostly the best graph; else it is fractional, with a score above that of any graph. `solve`
    returns it as it is. `decode` and `argmax` round it to a graph, as the published program does to evaluate: a label
    stays if it has more than a half, a predicate if it has a half or an arc. Each predicate with its arcs and labels is
    a problem of its own, with its own step size; the published solver takes the sentence as one, and so may stop
    elsewhere within the tolerance.

    Args:
        deterministic: as in `SemanticGraph`.
        max_iterations: of AD³, for each predicate.
        step_size: its η at the first iteration, in units of the scores; it adapts from there on.
        tolerance: it stops when both residuals, root mean squares, are below this.
    """

    max_iterations: int = 500
    step_size: float = 0.05
    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("max_iterations", "step_size", "tolerance"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected a positive number, got {getattr(self, name)!r}")

    def decode(
        self,
        scores: SemanticGraphParts,
        lengths: Lengths | None = None,
        mask: SemanticGraphParts | None = None,
    ) -> tuple[GraphPredicates, ArcLabels]:
        """Return the rounded solution of AD³ in compact form; see the base class."""
        (predicates, arcs, labels), _ = self.solve(scores, lengths, mask)
        # The best graph under these scores keeps what has more than a half, and is one where the tolerance is not.
        rounded = SemanticGraphParts(predicates - 0.5, torch.zeros_like(arcs), labels - 0.5)
        return SemanticGraph(self.deterministic).decode(rounded, lengths)

    def solve(
        self,
        scores: SemanticGraphParts,
        lengths: Lengths | None = None,
        mask: SemanticGraphParts | None = None,
    ) -> tuple[SemanticGraphParts, Tensor]:
        """Return the solution as it is, and how many iterations each predicate took (int64, `[batch, n]`).

        It lies in [0, 1], fractional perhaps, and keeps the constraints up to `tolerance`; the published program is
        trained on it. Shapes and dtypes are those of the scores. Arguments and errors are those of `decode`.
        """
        flags = self._check(scores, lengths, mask)
        arguments = graph_arguments(map_parts(Tensor.detach, scores), lengths, mask)
        *solution, used = semantic_graph_ad3(*arguments, flags, self.max_iterations, self.step_size, self.tolerance)
        return map_parts(lambda part, given: part.to(given.dtype), SemanticGraphParts(*solution), scores), used
