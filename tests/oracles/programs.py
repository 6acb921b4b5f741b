"""All structures of the dynamic programs over a few positions, by recursion: one list of parts for each."""

from __future__ import annotations

from itertools import pairwise, product

import torch
from torch import Tensor

from spigot import CTCParts, PCFGParts, SegmentationParts
from spigot.structured.parts.base import tensors


def of_cells(form, structures):
    """Return 0/1 (or counts), float64, in the form of `form` with the structures as the batch.

    Args:
        form: a batch of scores, for its shapes.
        structures: for each a list of pairs: which tensor, and the index of a cell.
    """
    batch = tuple(torch.zeros(len(structures), *part.shape[1:], dtype=torch.float64) for part in tensors(form))
    for index, cells in enumerate(structures):
        for tensor, cell in cells:
            batch[tensor][(index, *cell)] += 1
    return batch[0] if isinstance(form, Tensor) else type(form)(*batch)


def segmentations(form: SegmentationParts, length: int):
    """List the segmentations of the first `length` positions."""
    _, _, longest, tags = form.segments.shape

    def cuts(begin):
        if begin == length:
            yield []
        for size in range(1, min(longest, length - begin) + 1):
            for rest in cuts(begin + size):
                yield [(begin, size), *rest]

    found = []
    for cut in cuts(0):
        for labels in product(range(tags), repeat=len(cut)):
            segments = [(0, (begin, size - 1, tag)) for (begin, size), tag in zip(cut, labels, strict=True)]
            joints = [(1, (begin - 1, *pair)) for (begin, _), pair in zip(cut[1:], pairwise(labels), strict=True)]
            found.append(segments + joints)
    return of_cells(form, found)


def alignments(form: Tensor, rows: int, columns: int):
    """List the paths from (0, 0) to (rows, columns)."""

    def paths(i, j):
        if i == j == 0:
            yield []
        for move, (before, beside) in enumerate([(i - 1, j - 1), (i - 1, j), (i, j - 1)]):
            if before >= 0 and beside >= 0:
                for path in paths(before, beside):
                    yield [*path, (0, (i, j, move))]

    return of_cells(form, list(paths(rows, columns)))


def ctc_paths(form: CTCParts, frames: int, labels: int):
    """List the sequences of states that begin and end where they may and move by at most one label."""
    found = []
    for states in product(range(2 * labels + 1), repeat=frames):
        if frames > 0 and (states[0] > 1 or states[-1] < 2 * labels - 1):
            continue
        steps = [(a, b) for a, b in pairwise(states)]
        if any(not (0 <= b - a <= 1 or (b - a == 2 and b % 2 == 1)) for a, b in steps):
            continue
        cells = [(0, (t, state)) for t, state in enumerate(states)]
        found.append(cells + [(1, (t, b)) for t, (a, b) in enumerate(steps) if b - a == 2])
    return of_cells(form, found)


def derivations(form: PCFGParts, tokens: int):
    """List the derivations of the first `tokens` tokens."""
    tags, nonterminals = form.tags.size(2), form.spans.size(3)

    def trees(first, last, symbol):
        if first == last:
            if symbol >= nonterminals:
                yield [(0, (first, symbol - nonterminals))]
            return
        if symbol >= nonterminals:
            return
        for split, left, right in product(range(first, last), *[range(nonterminals + tags)] * 2):
            for a, b in product(trees(first, split, left), trees(split + 1, last, right)):
                yield [(1, (first, last, symbol)), (2, (symbol, left, right)), *a, *b]

    roots = range(nonterminals + tags)
    found = [[(3, (root,)), *tree] for root in roots for tree in trees(0, tokens - 1, root)] if tokens else [[]]
    return of_cells(form, found)
