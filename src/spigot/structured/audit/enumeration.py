"""All structures of a small instance, found with the argmax alone."""

from __future__ import annotations

import torch

from ..base import Structure
from ..checks import as_lengths, check_instance, check_scores
from ..parts.base import Parts, flatten, map_parts, tensors, unflatten
from ..problem import Problem
from ..results import argmax_of, part_mask_of
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

    Parts are decided in sequence. Score a required part 1, an excluded part -1 and an open part 0: the decisions can be
    completed iff the score of the best structure is the number of required parts. So there is one argmax call
    for each candidate, with at most as many rows as structures.

    Args:
        structure: one with an exact argmax.
        scores: `[batch, ...]`; only their shape and the cells with -inf matter.
        lengths: the real size of each row, `[batch]`.
        mask: bool, shaped like the scores; True = candidate.
        limit: the largest number of structures of one row.

    Returns:
        For each row its structures, shaped and typed like the scores, one in each row of the result.

    Raises:
        TypeError: `structure` is none, or the scores are not floating-point tensors.
        ValueError: a row has none, or more than `limit`.
    """
    check_instance("structure", structure, Structure, "ProjectiveTree()")
    check_scores("scores", scores)
    lengths = as_lengths(lengths)
    valid = part_mask_of(structure, scores, lengths, mask)
    witness = argmax_of(structure, map_parts(torch.zeros_like, scores), lengths, valid)
    rows = range(tensors(scores)[0].size(0))
    of_rows = [structure.map_rows(lambda setting, b=b: setting[b : b + 1]) for b in rows]  # type: ignore[misc]
    problems = [Problem(of_rows[b], _row(witness, b), _row(lengths, b), _row(valid, b)) for b in rows]
    return [_of_row(problem, b, limit) for b, problem in enumerate(problems)]


def _of_row(problem: Problem[Parts], row: int, limit: int) -> Parts:
    """Return all structures of a problem of one row, whose scores are one of them."""
    form = problem.scores
    found = flatten(form)
    wanted = torch.zeros_like(found)
    for part in flatten(problem.valid)[0].nonzero()[:, 0].tolist():
        wanted[:, part] = 2 * (found[:, part] > 0).to(wanted.dtype) - 1
        # Each structure shows one possible decision for the part; the argmax says whether the other is possible.
        other = wanted.clone()
        other[:, part] *= -1
        best = flatten(problem.repeat(len(other)).argmax(unflatten(other, form)))
        # Of parts that are counted it is whether they are there.
        completed = ((best > 0) * other).sum(1) == (other > 0).sum(1)
        found = torch.cat([found, best[completed]])
        wanted = torch.cat([wanted, other[completed]])
        if len(found) > limit:
            raise ValueError(f"limit: row {row} has more than {limit} structures; expected a smaller instance")
    order = sorted(range(len(found)), key=found.tolist().__getitem__, reverse=True)
    return unflatten(found[order], form)


def _row(parts: Parts | None, b: int) -> Parts | None:
    return None if parts is None else map_parts(lambda part: part[b : b + 1], parts)
