"""Semantic graphs decoded approximately, as in the programs published with the papers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import narrow
from ..kernels.semantic_graph.ad3 import semantic_graph_ad3
from ..parts.base import map_parts
from ..parts.graph import SemanticGraphParts, graph_arguments
from ..settings import check_integer, check_number
from ..shapes import ArcLabels, GraphPredicates, Lengths
from .first_order_graph import FirstOrderGraph
from .semantic_graph import SemanticGraph


@dataclass(frozen=True)
class ApproximateSemanticGraph(FirstOrderGraph):
    """The graphs of `SemanticGraph`, decoded with AD³ (Martins et al. 2011), for comparison with exact decoding.

    AD³ solves a linear relaxation. It limits the uses of a deterministic label by 1, and not by the value of the
    predicate as `GraphHull` does. Its solution is usually the best graph. Otherwise it is fractional, and its score is
    above that of every graph. `solve` returns it unchanged. `decode` and `argmax` round it to a graph, as the published
    program does for evaluation: a label stays if its value is above 1/2, a predicate if its value is above 1/2 or it
    has an arc. Each predicate, with its arcs and labels, is a separate problem with its own step size. The published
    solver takes the sentence as one problem, so it may stop at another point within the tolerance.

    Args:
        deterministic: as in `SemanticGraph`.
        max_iterations: of AD³, for each predicate.
        step_size: η at the first iteration, in units of the scores; AD³ adapts it.
        tolerance: AD³ stops when the root mean squares of both residuals are below it.
    """

    max_iterations: int = 500
    step_size: float = 0.05
    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("max_iterations", self.max_iterations)
        for name in ("max_iterations", "step_size", "tolerance"):
            check_number(name, getattr(self, name))
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
        # The best graph under these scores keeps what is above 1/2. It meets all constraints exactly; the solution only
        # within the tolerance.
        rounded = SemanticGraphParts(predicates - 0.5, torch.zeros_like(arcs), labels - 0.5)
        return SemanticGraph(self.deterministic).decode(rounded, lengths)

    def top_k(
        self, scores: SemanticGraphParts, k: int, lengths: Lengths | None = None, mask: SemanticGraphParts | None = None
    ) -> tuple[SemanticGraphParts, Tensor]:
        """Return the k best graphs, found exactly, as `SemanticGraph` does: the first may beat the argmax."""
        return SemanticGraph(self.deterministic).top_k(scores, k, lengths, mask)

    def solve(
        self,
        scores: SemanticGraphParts,
        lengths: Lengths | None = None,
        mask: SemanticGraphParts | None = None,
    ) -> tuple[SemanticGraphParts, Tensor]:
        """Return the unrounded solution, and the number of iterations for each predicate (int64, `[batch, n]`).

        Values lie in [0, 1] and may be fractional; they meet the constraints within `tolerance`. The published program
        trains on them. Shapes and dtypes are those of the scores. Arguments and errors are those of `decode`.
        """
        flags = self._check(scores, lengths, mask)
        arguments = graph_arguments(map_parts(Tensor.detach, scores), lengths, mask)
        *solution, used = semantic_graph_ad3(*arguments, flags, self.max_iterations, self.step_size, self.tolerance)
        return map_parts(narrow, SemanticGraphParts(*solution), scores), used
