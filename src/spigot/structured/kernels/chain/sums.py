"""log Z, marginals and their slopes over tag sequences, in batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..forest.rows import OUT_OF_RANGE, Sums, sum_wide_rows
from ..forest.sums import LOG_Z, MARGINALS, SLOPES, Forest
from ..runtime.arrays import to_numpy
from ..runtime.gibbs import Reduced
from ..runtime.parallel import over_batch
from ..runtime.status import raise_for_status
from .argmax import NO_SEQUENCE, chain_masks, distinct
from .forest import chain_forest
from .forward_backward import sum_sequences
from .operators import chain_operators, reduced_by


def _run(
    emissions: Tensor,
    transitions: Tensor,
    lengths: Tensor,
    emission_mask: Tensor | None,
    transition_mask: Tensor | None,
    wanted: int = LOG_Z,
    direction: tuple[Tensor, Tensor] | None = None,
) -> Sums:
    """Return the sums; see `sum_rows`."""
    sums, status = sum_rows(emissions, transitions, lengths, emission_mask, transition_mask, wanted, direction)
    raise_for_status(status, "scores", NO_SEQUENCE, lengths)
    return sums


def sum_rows(
    emissions: Tensor,
    transitions: Tensor,
    lengths: Tensor,
    emission_mask: Tensor | None,
    transition_mask: Tensor | None,
    wanted: int,
    direction: tuple[Tensor, Tensor] | None,
) -> tuple[Sums, np.ndarray]:
    """Return the sums, and the status of each row; see `forest/sums.py` for what is wanted.

    Expected parts are computed in float64, and what goes from forward to backward is kept in the type of the scores, in
    the arrays that are returned.
    """
    batch, positions, tags = emissions.shape
    scores = (to_numpy(emissions), distinct(transitions))
    sizes, masks = to_numpy(lengths), chain_masks(emission_mask, transition_mask)
    d_emissions, d_transitions = direction or (emissions.new_empty(0, 0, 0), transitions.new_empty(0, 0, 0, 0))
    towards = (to_numpy(d_emissions), to_numpy(d_transitions))
    log_z, status = np.zeros((batch, 3)), np.zeros(batch, dtype=np.int64)
    empty = (np.empty((0, 0, 0), scores[0].dtype), np.empty((1, 0, 0, 0), scores[1].dtype))
    expected = empty
    if wanted != LOG_Z:
        expected = np.zeros(emissions.shape, scores[0].dtype), np.zeros(transitions.shape, scores[1].dtype)
    written = expected if wanted in (MARGINALS, SLOPES) else empty
    work = 10 * batch * positions * tags * tags
    over_batch(sum_sequences, batch, *scores, sizes, *masks, *towards, log_z, *written, status, work=work)
    sums = sum_wide_sequences(sizes, scores, masks, status, log_z, expected, wanted, direction=towards)
    return sums, status


def sum_wide_sequences(
    sizes: np.ndarray,
    scores: tuple[np.ndarray, np.ndarray],
    masks: tuple[np.ndarray, np.ndarray],
    status: np.ndarray,
    log_z: np.ndarray,
    expected: tuple[np.ndarray, np.ndarray],
    wanted: int,
    **options: Any,
) -> Sums:
    """Sum the rows that are `OUT_OF_RANGE`; see `sum_wide_rows`."""
    _, positions, tags = scores[0].shape

    def forest_of(length: int, _: np.ndarray) -> Forest:
        return chain_forest(length, positions, tags)

    if (status == OUT_OF_RANGE).any():
        # Forests have a part for each step.
        steps = len(status), max(positions - 1, 0), tags, tags
        scores = scores[0], np.broadcast_to(scores[1], steps)
        masks = masks[0], np.broadcast_to(masks[1], steps) if masks[1].size else masks[1]
    return sum_wide_rows(forest_of, sizes, scores, masks, status, log_z, expected, wanted, **options)


def _reduce(
    emissions: Tensor,
    transitions: Tensor,
    lengths: Tensor,
    emission_mask: Tensor | None,
    transition_mask: Tensor | None,
) -> Reduced:
    """Take the best score off each position, and off each step from one to the next."""
    position = torch.arange(emissions.size(1), device=emissions.device)
    inside = position < lengths[:, None]
    of_steps = inside[:, 1:]
    return reduced_by((emissions, emission_mask, inside, inside), (transitions, transition_mask, of_steps, of_steps))


CHAIN = chain_operators("chain", _run, _reduce)
