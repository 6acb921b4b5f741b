"""Names for the shapes of tensors in annotations: the type of the numbers, and the axes.

For type checkers, and where jaxtyping is not loaded, each is a plain `Tensor`. The tests load jaxtyping first, and
with it these names check types and shapes at run time (`tests/contracts/test_shapes.py`). In one call an axis has one
size, and a result with the axes of an argument has its shape.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeAlias

from torch import Tensor

if TYPE_CHECKING or "jaxtyping" not in sys.modules:
    from typing import Annotated as Bool
    from typing import Annotated as Float
    from typing import Annotated as Int
else:
    from jaxtyping import Bool, Float, Int

Lengths: TypeAlias = Int[Tensor, "batch"]
Mask: TypeAlias = Bool[Tensor, "..."]
"""The candidates, as an argument: it need only broadcast to the shape of the scores."""
Seeds: TypeAlias = Int[Tensor, "batch"]
PerRow: TypeAlias = Float[Tensor, "batch"]
"""One number for each row: a log-partition, a loss."""

Categories: TypeAlias = Float[Tensor, "batch category"]
CategoryMask: TypeAlias = Bool[Tensor, "batch category"]
Variables: TypeAlias = Float[Tensor, "batch variable"]
VariableMask: TypeAlias = Bool[Tensor, "batch variable"]

Labelled: TypeAlias = Float[Tensor, "batch *part"]
"""Scores of parts that may have labels, in the last axis."""

Arcs: TypeAlias = Float[Tensor, "batch head modifier *label"]
"""The last axis is there only if arcs are labelled."""
ArcMask: TypeAlias = Bool[Tensor, "batch head modifier *label"]
Heads: TypeAlias = Int[Tensor, "batch modifier"]

Spans: TypeAlias = Float[Tensor, "batch first last *label"]
"""The last axis is there only if spans are labelled."""
SpanMask: TypeAlias = Bool[Tensor, "batch first last *label"]

Pairs: TypeAlias = Float[Tensor, "batch row column"]
PairLengths: TypeAlias = Int[Tensor, "batch *sides"]
"""One number for rows and columns alike, or two."""
PairMask: TypeAlias = Bool[Tensor, "batch row column"]

GraphPredicates: TypeAlias = Bool[Tensor, "batch node"]
"""Which nodes of a decoded semantic graph are predicates."""
ArcLabels: TypeAlias = Int[Tensor, "batch head modifier"]
"""The label of each arc of a decoded semantic graph, -1 where there is no arc."""
