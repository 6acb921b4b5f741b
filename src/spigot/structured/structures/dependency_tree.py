"""The base class of projective and non-projective dependency trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ..base import Polytope
from ..parts.arcs import HeadsForm, arc_arguments, arc_part_mask
from ..polytopes.hull import Hull
from ..polytopes.single_head import SingleHead
from ..settings import check_flag
from ..shapes import ArcMask, Arcs, Lengths, Mask
from .labelled import LabelledStructure


@dataclass(frozen=True)
class DependencyTree(LabelledStructure):
    """Dependency trees over ROOT, which is node 0, and the tokens of a sentence.

    Scores are `[batch, head, modifier]`; `lengths[batch]` counts tokens without ROOT. A sentence of length 0 has the
    empty tree.

    Args:
        single_root: ROOT has exactly one child; else at least one.
        labels: scores are `[batch, head, modifier, label]`, and each arc of the tree has exactly one label.
    """

    projective: ClassVar[bool]
    """Whether arcs must not cross."""
    nested = False

    single_root: bool = True
    labels: bool = False

    def __post_init__(self) -> None:
        check_flag("single_root", self.single_root)
        check_flag("labels", self.labels)

    @property
    def relaxation(self) -> Polytope[Tensor]:
        """Each modifier has one head."""
        return SingleHead(self.labels)

    @property
    def hull(self) -> Polytope[Tensor]:
        """The convex hull, by active set."""
        return Hull(self)

    @property
    def compact_form(self) -> HeadsForm:
        """The head of each modifier, and its label if arcs have some."""
        return HeadsForm(self.projective, self.single_root, self.labels)

    def part_mask(self, scores: Arcs, lengths: Lengths | None = None, mask: Mask | None = None) -> ArcMask:
        """Return which arcs (and labels) may be chosen (bool, shaped like `scores`)."""
        return arc_part_mask("scores", scores, self.labels, lengths, mask)

    def require(self, scores: Arcs, required: ArcMask, valid: ArcMask) -> tuple[Arcs, ArcMask]:
        """Exclude all other arcs into a modifier with a required one."""
        others = [dim for dim in range(1, required.dim()) if dim != 2]
        return scores, valid & (required | ~required.any(others, keepdim=True))

    def _arguments(
        self, scores: Arcs, lengths: Lengths | None, mask: Mask | None
    ) -> tuple[Tensor, Tensor | None, Tensor | None, bool]:
        return *arc_arguments(scores, self.labels, lengths, mask), self.single_root
