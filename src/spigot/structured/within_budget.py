"""The best structure within a budget, of any structure: Lagrangian bounds, and a search where they leave a gap.

For a price λ >= 0 of a unit of weight, max_z <s - λw, z> + λ limit is at least the score of the best structure within
the limit; the lowest of these bounds is found by the secants of their lines, one argmax each (Everett 1963). Where it
is not reached, the structures are split (Land and Doig 1960): weights are not negative, so whatever keeps the limit
lacks a part of one that exceeds it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Generic, NamedTuple

import torch
from torch import Tensor

from .k_best import Class, Search, total_of
from .kernels.runtime.refusal import RowsError
from .parts.base import Parts, flatten, map_parts, unflatten

EPSILON = 1e-12
"""Scores that differ by less than this, relative to the largest sum, count as equal."""


def best_within(
    structure: Any, scores: Parts, lengths: Tensor | None, valid: Parts, weights: Tensor, limits: Tensor, most: int
) -> Tensor:
    """Return the best structures whose weights keep the limits, float64, `[batch, D]`.

    Args:
        structure: any one with an exact argmax.
        scores: float64, 0 where there is no candidate.
        lengths: as for the argmax.
        valid: the candidates.
        weights: float64 and not negative, `[batch, D]`.
        limits: float64, `[batch]`.
        most: after how many splits of a row to give up.

    Raises:
        ValueError: a row has no structure, or none within its limit.
        RuntimeError: a row takes more than `most` splits.
    """
    found = flatten(structure.argmax(scores, lengths, valid)).double()
    without: list[int] = []
    for b in range(len(found)):
        if total_of(weights[b], found[b]) <= limits[b]:
            continue
        own = structure.map_rows(lambda setting, b=b: setting[b : b + 1])
        row = map_parts(lambda part, b=b: part[b : b + 1], scores)
        length = None if lengths is None else lengths[b : b + 1]
        search = _Row(own, row, length, flatten(row)[0], weights[b], float(limits[b]))
        best = search.run(flatten(valid)[b], most)
        if not search.done:
            where = f"(row {b} of the batch, counting from 0)"
            raise RuntimeError(f"Budget: expected a proof within {most} splits of the structures, found none {where}")
        if best is None:
            without.append(b)
        else:
            found[b] = best
    if without:
        raise RowsError("scores: no structure within the budget over the candidates", without)
    return found


class _Bound(NamedTuple):
    """What is known of a class of structures."""

    bound: float
    """No structure of the class within the limit scores more."""
    heavy: Tensor
    """A structure beyond the limit, by which to split."""


@dataclass
class _Row(Generic[Parts]):
    structure: Any
    scores: Parts
    lengths: Tensor | None
    values: Tensor
    weights: Tensor
    limit: float
    best: Tensor | None = None
    most: float = -math.inf
    """The score of the best structure within the limit so far."""
    done: bool = False
    serial: int = 0

    def run(self, valid: Tensor, splits: int) -> Tensor | None:
        """Return the best structure within the limit; None: there is none."""
        heap: list[tuple[float, int, Class, Tensor]] = []
        self._push(heap, Class(0, torch.zeros_like(valid), valid))
        for _ in range(splits + 1):
            if not heap or -heap[0][0] <= self.most + self._rounding(self.most):
                self.done = True
                break
            _, _, own, heavy = heappop(heap)
            required = own.required
            for part in ((heavy > 0) & ~required & (self.weights > 0)).nonzero()[:, 0].tolist():
                without = own.allowed.clone()
                without[part] = False
                self._push(heap, Class(0, required, without))
                required = required.clone()
                required[part] = True
        return self.best

    def _push(self, heap: list[tuple[float, int, Class, Tensor]], own: Class) -> None:
        found = self._bound(own)
        if found is not None and found.bound > self.most + self._rounding(self.most):
            self.serial += 1
            heappush(heap, (-found.bound, self.serial, own, found.heavy))

    def _bound(self, own: Class) -> _Bound | None:
        """Return the lowest bound of a class, and keep what is found within the limit; None: no more can be found."""
        heavy = self._argmax(own, self.values)
        if heavy is None or self._keep(heavy):
            return None
        light = self._argmax(own, -self.weights)
        if light is None or not self._keep(light):
            return None
        while True:
            (score, weight), (low_score, low_weight) = self._line(heavy), self._line(light)
            price = max((score - low_score) / (weight - low_weight), 0.0)
            between = self._argmax(own, self.values - price * self.weights)
            assert between is not None
            own_score, own_weight = self._line(between)
            value, line = own_score - price * own_weight, score - price * weight
            if self._keep(between):
                light, nearer = between, (own_weight, own_score) > (low_weight, low_score)
            else:
                heavy, nearer = between, own_weight < weight
            # Rounding may lift one of the two above the line through both: then nothing is between them.
            if value <= line + self._rounding(score) or not nearer:
                return _Bound(max(value, line) + price * self.limit, heavy)

    def _argmax(self, own: Class, values: Tensor) -> Tensor | None:
        scores = unflatten(values[None], self.scores)
        return Search(self.structure, scores, self.lengths).best_of([own])[0]

    def _line(self, z: Tensor) -> tuple[float, float]:
        return total_of(self.values, z), total_of(self.weights, z)

    def _keep(self, z: Tensor) -> bool:
        """Return whether a structure keeps the limit; if it is the best so far, remember it."""
        score, weight = self._line(z)
        if weight > self.limit:
            return False
        if score > self.most:
            self.best, self.most = z, score
        return True

    def _rounding(self, score: float) -> float:
        return EPSILON * abs(score) if math.isfinite(score) else 0.0
