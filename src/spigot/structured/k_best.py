"""The k structures with the highest scores, of any structure, with its argmax alone (Murty 1968; Lawler 1972).

The best structure splits the rest into classes: those without its first part, those with the first but without the
second, and so on. The best of each class is an argmax under a mask, and the class that holds the next best structure is
split in its turn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heappop, heappush, nsmallest
from typing import Any, Generic

import torch
from torch import Tensor

from .checks import as_lengths
from .kernels.runtime.refusal import RowsError
from .parts.base import Parts, common_dtype, flatten, map_parts, masked, tensors, unflatten
from .parts.rows import check_rows, rows_of_scores
from .results import argmax_of, part_mask_of

CELLS = 1 << 22
"""How many scores one call of an argmax is given at most, if it has more than one row."""


@dataclass(frozen=True)
class Class:
    """Structures of a row that have all of some parts, and none of others."""

    row: int
    required: Tensor
    """bool, `[D]`."""
    allowed: Tensor
    """bool, `[D]`."""


def k_best(
    structure: Any, scores: Parts, k: int, lengths: Tensor | None = None, mask: Parts | None = None
) -> tuple[Parts, Tensor]:
    """Return the k best structures of each row, best first; see `Structure.top_k`."""
    check_k(k)
    check_rows(structure, scores)
    valid = part_mask_of(structure, scores, lengths, mask)
    wide = masked(map_parts(lambda part: part.detach().double(), scores), valid)
    search = Search(structure, wide, lengths)
    best = flatten(argmax_of(structure, wide, lengths, valid))
    values, allowed = flatten(wide).cpu(), flatten(valid)
    rows = len(best)
    found: list[list[Tensor]] = [[] for _ in range(rows)]
    totals: list[list[float]] = [[] for _ in range(rows)]
    # Entries are the total, negated, a number that breaks ties, a structure, and the class that it is the best of.
    heaps: list[list[tuple[float, int, Tensor, Class]]] = [[] for _ in range(rows)]
    for b in range(rows):
        nothing = torch.zeros_like(allowed[b])
        heaps[b].append((-total_of(values[b], best[b]), 0, best[b], Class(b, nothing, allowed[b])))
    serial = 0
    for place in range(k):
        classes: list[Class] = []
        for b in range(rows):
            if heaps[b]:
                total, _, chosen, own = heappop(heaps[b])
                found[b].append(chosen)
                totals[b].append(-total)
                if place + 1 < k:
                    classes += _split(own, chosen > 0, structure.nested)
        for own, other in zip(classes, search.best_of(classes), strict=True):
            if other is not None:
                serial += 1
                heappush(heaps[own.row], (-total_of(values[own.row], other), serial, other, own))
        # `nsmallest` sorts, and a sorted list is a heap.
        heaps = [nsmallest(k - place - 1, heap, key=lambda entry: entry[:2]) for heap in heaps]
    size = flatten(wide).size(1)
    structures = torch.zeros(rows, k, size, dtype=torch.float64, device=best.device)
    scored = torch.full((rows, k), -torch.inf, dtype=torch.float64, device="cpu")
    for b in range(rows):
        structures[b, : len(found[b])] = torch.stack(found[b]).double()
        scored[b, : len(totals[b])] = torch.tensor(totals[b], dtype=torch.float64, device="cpu")
    return stacked(structures, scores), scored.to(best.device, common_dtype(scores))


def check_k(k: int) -> None:
    """Raise an error unless k is a whole number, at least 1."""
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k: expected a whole number, at least 1, got {k!r}")


def stacked(flat: Tensor, scores: Parts) -> Parts:
    """Return flat structures, `[batch, k, D]`, in the form and the types of `scores`, k after the batch."""
    rows, k = flat.shape[:2]
    parts = unflatten(flat.flatten(0, 1), scores)
    return map_parts(lambda part, own: part.view(rows, k, *part.shape[1:]).to(own.dtype), parts, scores)


def total_of(values: Tensor, chosen: Tensor) -> float:
    """Return the sum of the chosen values, rounded once: it depends neither on their order nor on padding.

    `chosen` has how often each part is there.
    """
    return math.fsum(values.repeat_interleave(chosen.cpu().long()).tolist())


def _split(own: Class, chosen: Tensor, nested: bool) -> list[Class]:
    """Return the classes into which the others fall once the best structure of a class is known."""
    with_parts, before = _prefixes((chosen & ~own.required).nonzero()[:, 0], chosen)
    without = own.allowed & ~with_parts
    classes = [Class(own.row, own.required | held, kept) for held, kept in zip(before, without, strict=True)]
    if nested:
        # From the last part to the first: in a graph labels then come before the arcs and predicates that they imply.
        added, before = _prefixes((own.allowed & ~chosen).nonzero()[:, 0].flip(0), chosen)
        every = own.required | chosen
        classes += [Class(own.row, every | one, own.allowed & ~held) for one, held in zip(added, before, strict=True)]
    return classes


def _prefixes(parts: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each of several parts the part alone and all before it, bool, `[part, D]`."""
    one = torch.zeros(len(parts), len(like), dtype=torch.bool, device=like.device)
    one[torch.arange(len(parts), device=like.device), parts] = True
    return one, one.cumsum(0).bool() & ~one


class Search(Generic[Parts]):
    """The argmax over classes of the structures of a batch."""

    def __init__(self, structure: Any, scores: Parts, lengths: Tensor | None) -> None:
        self.structure, self.scores = structure, scores
        self.lengths = as_lengths(lengths)
        self.at_once = max(1, CELLS // max(1, sum(part[:1].numel() for part in tensors(scores))))

    def best_of(self, classes: list[Class]) -> list[Tensor | None]:
        """Return the best structure of each class, float64, `[D]`, or None if it is empty."""
        found: list[Tensor | None] = []
        for begin in range(0, len(classes), self.at_once):
            some = classes[begin : begin + self.at_once]
            device = some[0].allowed.device
            rows = torch.tensor([own.row for own in some], device=device)
            wanted = torch.stack([own.required for own in some])
            allowed = torch.stack([own.allowed for own in some])
            scores = map_parts(lambda part, rows=rows: part[rows], self.scores)
            required, valid = (unflatten(cells, scores) for cells in (wanted, allowed))
            changed, candidates = self.structure.require(scores, required, valid)
            lengths = None if self.lengths is None else self.lengths[rows.to(self.lengths.device)]
            own_rows = self.structure.map_rows(lambda setting, rows=rows: setting[rows.to(setting.device)])
            best, exists = self._rows(own_rows, changed, lengths, candidates)
            if bool((exists & ((best > 0) & ~flatten(candidates)).any(1)).any()):
                # A structure that returns something where it should say that there is none.
                name = type(self.structure).__name__
                raise ValueError(f"{name}.argmax: expected candidates alone, or a ValueError, got other parts")
            exists &= ~(wanted & (best == 0)).any(1)
            found += [one if there else None for one, there in zip(best, exists.tolist(), strict=True)]
        return found

    def _rows(self, structure: Any, scores: Parts, lengths: Tensor | None, mask: Parts) -> tuple[Tensor, Tensor]:
        """Return the best structure of each row, float64, `[row, D]`, and which rows have one, bool, `[row]`."""
        first = tensors(scores)[0]
        exists = torch.ones(first.size(0), dtype=torch.bool, device=first.device)
        best = torch.zeros_like(flatten(mask), dtype=torch.float64)
        while exists.any():
            rows = exists.nonzero()[:, 0]
            try:
                some = argmax_of(
                    structure.map_rows(lambda setting, rows=rows: setting[rows.to(setting.device)]),
                    map_parts(lambda part, rows=rows: part[rows], scores),
                    None if lengths is None else lengths[rows.to(lengths.device)],
                    map_parts(lambda part, rows=rows: part[rows], mask),
                )
            except ValueError as error:
                # The arguments are right, since the first argmax took them: some rows have no structure.
                if isinstance(error, RowsError):
                    # With a category for each of several tokens, say, the error counts tokens.
                    each = max(1, math.prod(rows_of_scores(structure, scores)))
                    exists[rows[torch.tensor(error.rows, device=rows.device) // each]] = False
                elif len(rows) == 1:
                    exists[rows] = False
                else:
                    # A structure that does not tell which rows.
                    for row in rows.tolist():
                        one = slice(row, row + 1)
                        best[one], exists[one] = self._rows(
                            structure.map_rows(lambda setting, one=one: setting[one]),
                            map_parts(lambda part, one=one: part[one], scores),
                            None if lengths is None else lengths[one],
                            map_parts(lambda part, one=one: part[one], mask),
                        )
                    break
            else:
                best[rows] = flatten(some).double()
                break
        return best, exists
