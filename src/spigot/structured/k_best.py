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
from .parts.base import Parts, common_dtype, flatten, map_parts, masked, tensors, unflatten

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
    valid = structure.part_mask(scores, lengths, mask)
    wide = masked(map_parts(lambda part: part.detach().double(), scores), valid)
    search = Search(structure, wide, lengths)
    best = flatten(structure.argmax(wide, lengths, valid)).bool()
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
                    classes += _split(own, chosen, structure.nested)
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


def check_rows(structure: Any, scores: Parts) -> None:
    """Raise an error if rows are along another axis than the second of two."""
    shape = list(tensors(scores)[0].shape)
    if structure.axis is not None and (len(shape) != 2 or structure.axis % 2 != 1):
        raise ValueError(f"scores: expected shape [batch, category] here, got {shape} with dim={structure.axis}")


def stacked(flat: Tensor, scores: Parts) -> Parts:
    """Return flat structures, `[batch, k, D]`, in the form and the types of `scores`, k after the batch."""
    rows, k = flat.shape[:2]
    parts = unflatten(flat.flatten(0, 1), scores)
    return map_parts(lambda part, own: part.view(rows, k, *part.shape[1:]).to(own.dtype), parts, scores)


def total_of(values: Tensor, chosen: Tensor) -> float:
    """Return the sum of the chosen values, rounded once: it depends neither on their order nor on padding."""
    return math.fsum(values[chosen.cpu()].tolist())


def _split(own: Class, chosen: Tensor, nested: bool) -> list[Class]:
    """Return the classes into which the others fall once the best structure of a class is known."""
    classes = []
    required = own.required
    for part in (chosen & ~required).nonzero()[:, 0].tolist():
        without = own.allowed.clone()
        without[part] = False
        classes.append(Class(own.row, required, without))
        required = required.clone()
        required[part] = True
    if nested:
        allowed = own.allowed
        # From the last part to the first: in a graph labels then come before the arcs and predicates that they imply.
        for part in reversed((own.allowed & ~chosen).nonzero()[:, 0].tolist()):
            more = required.clone()
            more[part] = True
            classes.append(Class(own.row, more, allowed))
            allowed = allowed.clone()
            allowed[part] = False
    return classes


class Search(Generic[Parts]):
    """The argmax over classes of the structures of a batch."""

    def __init__(self, structure: Any, scores: Parts, lengths: Tensor | None) -> None:
        self.structure, self.scores = structure, scores
        self.lengths = as_lengths(lengths)
        self.at_once = max(1, CELLS // max(1, sum(part[:1].numel() for part in tensors(scores))))

    def best_of(self, classes: list[Class]) -> list[Tensor | None]:
        """Return the best structure of each class, bool, `[D]`, or None if it is empty."""
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
            ones = self._rows(own_rows, changed, lengths, candidates)
            best = [None if one is None else flatten(one).bool()[0] for one in ones]
            found += [None if one is None or (wanted[k] & ~one).any() else one for k, one in enumerate(best)]
        return found

    def _rows(self, structure: Any, scores: Parts, lengths: Tensor | None, mask: Parts) -> list[Parts | None]:
        """Return the best structure of each row, a batch of one, or None if it has none."""
        rows = tensors(scores)[0].size(0)
        try:
            best = structure.argmax(scores, lengths, mask)
        except ValueError:
            # The arguments are right, since the first argmax took them: some row has no structure.
            if rows == 1:
                return [None]
            halves = (slice(rows // 2), slice(rows // 2, rows))
            return [
                one
                for half in halves
                for one in self._rows(
                    structure.map_rows(lambda setting, half=half: setting[half]),
                    map_parts(lambda part, half=half: part[half], scores),
                    None if lengths is None else lengths[half],
                    map_parts(lambda part, half=half: part[half], mask),
                )
            ]
        return [map_parts(lambda part, b=b: part[b : b + 1], best) for b in range(rows)]
