"""Viterbi's algorithm: the highest-scoring sequence of tags in O(n t²) time.

    best[i, next] = emission(i, next) + max_previous best[i - 1, previous] + transition(i - 1, previous, next)

The inner loops run along `next`: contiguous memory, no reduction. There are no back pointers: a second search for the
best predecessors of the n tags of one sequence is O(n t). The maximum of each position is subtracted from it, so that
long chains and large scores lose no precision in sums; these are in float64.

All kernels over chains take the scores as `emissions[batch, position, tag]` and
`transitions[batch, position, previous, next]`, with masks of these shapes or empty ones, which allow all. Transitions
that are the same for all rows, or at all positions, may have a size of 1 there; then pairs of tags are counted.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..runtime.arrays import mask_to_numpy, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK, raise_for_status

NO_SEQUENCE = "no sequence of tags"


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def place(b, i, transitions):  # type: ignore[no-untyped-def]
    """Return where the transitions between positions i and i + 1 of row b lie."""
    return b if transitions.shape[0] > 1 else 0, i if transitions.shape[1] > 1 else 0


@njit(nogil=True, cache=True, error_model="numpy")
def read_transitions(b, i, transitions, mask, table):  # type: ignore[no-untyped-def]
    """Copy the candidates between positions i and i + 1 to `table`; return how many are NaN or +inf."""
    tags = table.shape[0]
    improper = 0
    row, step = place(b, i, transitions)
    of_row, of_step = place(b, i, mask)
    for p in range(tags):
        if mask.size > 0:
            for j in range(tags):
                value = np.float64(transitions[row, step, p, j]) if mask[of_row, of_step, p, j] else -np.inf
                table[p, j] = value
                improper += not (value < np.inf)
        else:
            for j in range(tags):
                value = np.float64(transitions[row, step, p, j])
                table[p, j] = value
                improper += not (value < np.inf)
    return improper


@njit(nogil=True, cache=True, error_model="numpy")
def add_emissions(b, i, emissions, mask, row):  # type: ignore[no-untyped-def]
    """Add the scores of position i to `row`, -inf for those that are no candidates.

    Returns the maximum of the sum, and how many scores are NaN or +inf.
    """
    improper, peak = 0, -np.inf
    for j in range(row.size):
        value = np.float64(emissions[b, i, j]) if mask.size == 0 or mask[b, i, j] else -np.inf
        improper += not (value < np.inf)
        row[j] += value
        peak = max(peak, row[j])
    return peak, improper


@njit(nogil=True, cache=True, error_model="numpy")
def push(row, table, best):  # type: ignore[no-untyped-def]
    """Add row[previous] to table[previous, next], and set best[next] to the maximum."""
    tags = row.size
    best[:] = -np.inf
    for p in range(tags):
        value = row[p]
        for j in range(tags):
            table[p, j] += value
            best[j] = table[p, j] if table[p, j] > best[j] else best[j]


@njit(nogil=True, cache=True, error_model="numpy")
def _fill(b, length, emissions, transitions, emission_mask, transition_mask, rows, table):  # type: ignore[no-untyped-def]
    """Fill rows[position, tag] with the scores of the best beginnings; return a status."""
    for i in range(length):
        improper = 0
        if i == 0:
            rows[0] = 0.0
        else:
            improper = read_transitions(b, i - 1, transitions, transition_mask, table)
            push(rows[i - 1], table, rows[i])
        peak, more = add_emissions(b, i, emissions, emission_mask, rows[i])
        if improper + more > 0:
            return NOT_A_NUMBER
        if peak == -np.inf:
            # Later positions are read for their status alone.
            peak = 0.0
        rows[i] -= peak
    return INFEASIBLE if length > 0 and rows[length - 1].max() == -np.inf else OK


@njit(nogil=True, cache=True, error_model="numpy")
def _argmax(  # type: ignore[no-untyped-def]
    start,
    stop,
    emissions,
    transitions,
    lengths,
    emission_mask,
    transition_mask,
    best_emissions,
    best_transitions,
    status,
):
    positions, tags = emissions.shape[1:]
    rows = np.empty((max(min(lengths[start:stop].max(), positions), 0), tags))
    table = np.empty((tags, tags))
    for b in range(start, stop):
        length = lengths[b]
        if length < 0 or length > positions:
            status[b] = BAD_LENGTH
            continue
        status[b] = _fill(b, length, emissions, transitions, emission_mask, transition_mask, rows, table)
        if status[b] != OK or length == 0:
            continue
        tag = int(np.argmax(rows[length - 1]))
        best_emissions[b, length - 1, tag] = 1
        for i in range(length - 2, -1, -1):
            best, previous = -np.inf, 0
            row, step = place(b, i, transitions)
            of_row, of_step = place(b, i, transition_mask)
            for p in range(tags):
                if transition_mask.size == 0 or transition_mask[of_row, of_step, p, tag]:
                    score = rows[i, p] + np.float64(transitions[row, step, p, tag])
                    if score > best:
                        best, previous = score, p
            best_transitions[b, i if best_transitions.shape[1] > 1 else 0, previous, tag] += 1
            best_emissions[b, i, previous] = 1
            tag = previous


def distinct(transitions: Tensor) -> np.ndarray:
    """Return transitions, or their mask, as kernels take them: what was expanded has a size of 1."""
    array = transitions.numpy(force=True)
    once = tuple(
        slice(1) if stride == 0 and size > 1 else slice(None)
        for stride, size in zip(array.strides[:2], array.shape[:2], strict=True)
    )
    return np.ascontiguousarray(array[once])


def chain_masks(emission_mask: Tensor | None, transition_mask: Tensor | None) -> tuple[np.ndarray, np.ndarray]:
    """Return masks as kernels take them: an empty one allows all."""
    return (
        mask_to_numpy(emission_mask),
        mask_to_numpy(None, 4) if transition_mask is None else distinct(transition_mask),
    )


def like_both(emissions: Tensor, transitions: Tensor, *others: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return empty tensors shaped and typed like the first two arguments: a `fake`."""
    return like_first(emissions), like_first(transitions)


@operator(fake=like_both, triton="chain_argmax")
def chain_argmax(
    emissions: Tensor,
    transitions: Tensor,
    lengths: Tensor,
    emission_mask: Tensor | None,
    transition_mask: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return the tags and the pairs of neighbouring tags, 0/1, of the highest-scoring sequence of each row.

    On a GPU the sequences are the same. Without triton, a CUDA tensor goes to the CPU and back.

    Args:
        emissions: float32 or float64, `[batch, position, tag]`.
        transitions: the same type, `[batch, position, previous, next]`, one position less; or one for all steps.
        lengths: int64, `[batch]`, positions.
        emission_mask: bool, shaped like `emissions`; True = candidate.
        transition_mask: bool, shaped like `transitions`.
    """
    batch = emissions.size(0)
    tags = torch.zeros(emissions.shape, dtype=emissions.dtype, device="cpu")
    pairs = torch.zeros(transitions.shape, dtype=transitions.dtype, device="cpu")
    status = np.zeros(batch, dtype=np.int64)
    over_batch(
        _argmax,
        batch,
        to_numpy(emissions),
        distinct(transitions),
        to_numpy(lengths),
        *chain_masks(emission_mask, transition_mask),
        tags.numpy(),
        pairs.numpy(),
        status,
        work=emissions.numel() * emissions.size(2),
    )
    raise_for_status(status, "scores", NO_SEQUENCE, lengths)
    return tags.to(emissions.device), pairs.to(transitions.device)
