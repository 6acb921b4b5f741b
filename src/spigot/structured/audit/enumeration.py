"""Every structure of a small instance, got with nothing but the argmax."""

from __future__ import annotations

import torch

from ..base import Structure
from ..parts.base import Parts, flatten, map_parts, tensors, unflatten
from ..problem import Problem
from ..shapes import Lengths


def all_structures(
    structure: Structure[Parts],
    scores: Parts,
    lengths: Lengths | None = None,
    mask: Parts | None = None,
    *,
    limit: int = 10_000,
) -> list[Parts]:
    """Return all structures of each row, 0/1, in descending lexicographic order of their parts.

    Parts are decided one after the other. What has been decided can be completed iff the best structure, where parts
    that have to be in score 1, those that have to be out -1 and the others 0, scores as many as have to be in. So there
    are as many calls as candidates, each of at most as many rows as structures.

    Args:
        structure: with an exact argmax.
        scores: `[batch, ...]`; of them only the shape, and what is -inf, counts.
        lengths: the real size of each row, `[batch]`.
        mask: bool, shaped like the scores; True = candidate.
        limit: how many structures of one row are too many.

    Returns:
        For each row its structures, shaped and typed like the scores, with their number in the place of the batch.

    Raises:
        ValueError: a row has none, or more than `limit`.
    """
    valid = structure.part_mask(scores, lengths, mask)
    witness = structure.argmax(map_parts(torch.zeros_like, scores), lengths, valid)
    rows = range(tensors(scores)[0].size(0))
    problems = [Problem(structure, _row(witness, b), _row(lengths, b), _row(valid, b)) for b in rows]
    return [_of_row(problem, b, limit) for b, problem in enumerate(problems)]


def _of_row(problem: Problem[Parts], row: int, limit: int) -> Parts:
    """Return all structures of a problem of one row, whose scores are one of them."""
    form = problem.scores
    found = flatten(form)
    wanted = torch.zeros_like(found)
    for part in flatten(problem.valid)[0].nonzero()[:, 0].tolist():
        wanted[:, part] = 2 * found[:, part] - 1
        # Each structure shows one way to go on; whether there is another is asked.
        other = wanted.clone()
        other[:, part] *= -1
        best = flatten(problem.repeat(len(other)).argmax(unflatten(other, form)))
        completed = (best * other).sum(1) == (other > 0).sum(1)
        found = torch.cat([found, best[completed]])
        wanted = torch.cat([wanted, other[completed]])
        if len(found) > limit:
            raise ValueError(f"limit: row {row} has more than {limit} structures; expected a smaller instance")
    order = sorted(range(len(found)), key=found.tolist().__getitem__, reverse=True)
    return unflatten(found[order], form)


def _row(parts: Parts | None, b: int) -> Parts | None:
    return None if parts is None else map_parts(lambda part: part[b : b + 1], parts)
