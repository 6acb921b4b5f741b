"""Segmentations: a sequence cut into labelled segments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from .axes import within
from .program import DynamicProgram
from .value import Value, cat, stack


class SegmentationParts(NamedTuple):
    """Scores, 0/1 indicators, probabilities or candidates (bool) of the parts of a batch of segmentations."""

    segments: Tensor
    """`[batch, position, length, tag]`: a segment that begins there; entry 0 of `length` is a length of 1."""
    transitions: Tensor
    """`[batch, position, previous, next]`, one position less: entry i joins segments at the border of i and i + 1."""


@dataclass(frozen=True)
class SemiMarkov(DynamicProgram[SegmentationParts]):
    """Segmentations of a sequence, each segment with a tag: the semi-Markov CRF (Sarawagi and Cohen 2004).

    Scores are `SegmentationParts`; the size of `length` is the longest segment. `lengths[batch]` counts positions. The
    same transitions everywhere are an `expand`ed tensor; without any, they are zeros. n positions, segments of up to k,
    and t tags take O(n t (k + t)) time.
    """

    form: ClassVar[type] = SegmentationParts
    axes: ClassVar[tuple[str, ...]] = ("batch position length tag", "batch position-1 tag tag")
    counted: ClassVar[str] = "position"
    none: ClassVar[str] = "no segmentation"

    def inside(self, scores: SegmentationParts, lengths: Tensor) -> SegmentationParts:
        """Return which segments end, and which borders lie, within their row."""
        positions, longest = scores.segments.shape[1:3]
        start, length = (torch.arange(size, device=lengths.device) for size in (positions, longest))
        ends = start[:, None] + length < lengths[:, None, None]
        return SegmentationParts(ends[..., None], within(positions - 1, lengths - 1)[..., None, None])

    def total(self, scores: Any, lengths: Tensor) -> Value:
        """Return the sum over segmentations, from left to right.

        ends[i, t] = Σ_k begins[i - k, t] · segment[i - k, k, t]
        begins[i, t] = Σ_s ends[i, s] · transition[i - 1, s, t]
        """
        batch, positions, longest, tags = scores.segments.shape
        # [batch, length, last position, tag]
        by_end = scores.segments.movedim(2, 1).skewed()[:, :, :positions].unbind(2)
        begins = cat([scores.segments.zero(batch, longest - 1, tags), scores.segments.one(batch, 1, tags)], 1)
        ends = []
        for i, segments in enumerate(by_end):
            ends.append((begins.flip(1) * segments).sum(1))
            if i + 1 < positions:
                begin = (ends[-1][:, :, None] * scores.transitions[:, i]).sum(1)
                begins = cat([begins[:, 1:], begin[:, None]], 1)
        return stack(ends, 1).at(lengths - 1).sum(1)
