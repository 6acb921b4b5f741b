"""Connectionist temporal classification: labels laid over more frames, with blanks between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from ..checks import check_arguments
from ..parts.compact import check_integers
from .axes import within
from .program import DynamicProgram
from .value import Value, cat, stack


class CTCParts(NamedTuple):
    """Scores, 0/1 indicators, probabilities or candidates (bool) of the parts of a batch of CTC paths.

    States 0, 2, 4, ... are blanks, state 2u + 1 is label u.
    """

    states: Tensor
    """`[batch, frame, 2 · label + 1]`"""
    skips: Tensor
    """`[batch, frame, 2 · label + 1]`, one frame less: entry t jumps from label to label between t and t + 1, into the
    state; for two equal labels it has to be -inf."""


@dataclass(frozen=True)
class CTC(DynamicProgram[CTCParts]):
    """The ways to lay a sequence of labels over frames (Graves et al. 2006): paths that stay, step, or skip a blank.

    Scores are `CTCParts`, for example from `ctc_scores`; then `log_partition` is the log-likelihood of the labels.
    `lengths[batch, 2]` counts frames and labels, or `lengths[batch]` both.
    """

    form: ClassVar[type] = CTCParts
    axes: ClassVar[tuple[str, ...]] = ("batch frame 2*label+1", "batch frame-1 2*label+1")
    counted: ClassVar[str] = "frame label"
    none: ClassVar[str] = "no path"

    def inside(self, scores: CTCParts, lengths: Tensor) -> CTCParts:
        """Return which frames and states lie within their row; only labels after the first are skipped to."""
        frames, states = scores.states.shape[1:]
        own = within(states, 2 * lengths[:, 1] + 1)[:, None]
        state = torch.arange(states, device=own.device)
        skipped_to = (state % 2 == 1) & (state >= 3)
        before = within(frames - 1, lengths[:, 0] - 1)[..., None]
        return CTCParts(within(frames, lengths[:, 0])[..., None] & own, before & own & skipped_to)

    def total(self, scores: Any, lengths: Tensor) -> Value:
        """Return the sum over paths, frame by frame.

        total[t, s] = (total[t - 1, s] + total[t - 1, s - 1] + total[t - 1, s - 2] · skip[t - 1, s]) · state[t, s]
        """
        batch, frames, states = scores.states.shape
        if not frames:
            return scores.states.zero(batch)
        outside = scores.states.zero(batch, 2)
        state = torch.arange(states, device=lengths.device)
        here = scores.states[:, 0]
        rows = [here.where(state < 2, here.zero(batch, states))]
        for t in range(1, frames):
            before = cat([outside, rows[-1]], 1)
            ways = [before[:, 2:], before[:, 1:-1], before[:, :-2] * scores.skips[:, t - 1]]
            rows.append(stack(ways, 2).sum(2) * scores.states[:, t])
        last = stack(rows, 1).at(lengths[:, 0] - 1)
        from_end = 2 * lengths[:, 1:] - state
        return last.where((from_end == 0) | (from_end == 1), last.zero(batch, states)).sum(1)


def ctc_scores(log_probs: Tensor, labels: Tensor, blank: int = 0) -> CTCParts:
    """Return the scores of a `CTC`.

    Args:
        log_probs: `[batch, frame, class]`.
        labels: classes, integers, `[batch, label]`. What is no class, or blank, may stand past a row's length only: its
            scores are NaN, which `CTC` refuses within a row.
        blank: the class of blanks.

    Raises:
        TypeError: log-probabilities that are no floating-point numbers, or labels that are no integers.
        ValueError: a wrong shape, or a blank that is no class.
    """
    check_arguments("log_probs", log_probs, "batch frame class")
    check_integers("labels", labels, "batch label")
    batch, frames, count = log_probs.shape
    if labels.size(0) != batch:
        raise ValueError(f"labels: expected shape [{batch}, label], got {list(labels.shape)}")
    if not 0 <= blank < count:
        raise ValueError(f"blank: expected one of {count} classes, got {blank!r}")
    labels = labels.to(device=log_probs.device, dtype=torch.int64)
    classes = torch.full((batch, 2 * labels.size(1) + 1), blank, dtype=torch.int64, device=labels.device)
    classes[:, 1::2] = labels.clamp(0, count - 1)
    unknown = torch.zeros_like(classes, dtype=torch.bool)
    unknown[:, 1::2] = (labels < 0) | (labels >= count) | (labels == blank)
    states = log_probs.gather(2, classes[:, None].expand(-1, frames, -1)).masked_fill(unknown[:, None], torch.nan)
    repeated = torch.zeros_like(classes, dtype=torch.bool)
    repeated[:, 3::2] = classes[:, 3::2] == classes[:, 1:-2:2]
    skips = log_probs.new_zeros(classes.shape).masked_fill(repeated, -torch.inf)
    return CTCParts(states, skips[:, None].expand(-1, max(frames - 1, 0), -1))
