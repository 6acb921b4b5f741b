"""`StructuredArgmax` between the parts of a system."""

from __future__ import annotations

from typing import Any

import torch

from spigot.structured import Detach, StructuredArgmax, structured_argmax


class ParseLayer(StructuredArgmax):
    """The intermediate parser's scores -> what the end task reads.

    A surrogate with hard outputs may draw them at random, to learn. Without a gradient, in parsing, the output is the
    best structure, which is also what is predicted.
    """

    def forward(
        self, scores: Any, lengths: Any = None, mask: Any = None, downstream: Any = None, loss_scale: Any = None
    ) -> Any:
        """See `structured_argmax`."""
        if torch.is_grad_enabled() or self.surrogate.relaxes:
            return super().forward(scores, lengths, mask, downstream, loss_scale)
        return structured_argmax(scores, self.structure, Detach(), lengths=lengths, mask=mask)
