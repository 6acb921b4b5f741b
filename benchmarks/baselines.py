"""Other ways to do what `ProjectiveTree` does: supar's, and the same recurrence in plain torch and in plain loops."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor


@cache
def supar_crf() -> Any | None:
    """Return supar's `DependencyCRF`, or None if supar is not installed.

    `import supar` wants transformers, stanza, nltk and dill, for its parsers. Its structures need torch alone: with
    empty packages in place of the two `__init__` files on the way they are imported as they are.
    """
    found = importlib.util.find_spec("supar")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent
    for name, path in (("supar", folder), ("supar.utils", folder / "utils")):
        package = ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package
    from supar.structs.tree import DependencyCRF

    return DependencyCRF


def plain_torch(arc_scores: Tensor, maximum: bool) -> Tensor:
    """Return the best score, or log Z, of single-root projective trees, `[batch]`; all rows full.

    Eisner's recurrence as it is usually written for tensors: all spans of one width, of the whole batch, at once. The
    argmax and the marginals are its gradient. Each chart is held by the start and by the end of a span, so that
    the splits of a span are slices.

    Args:
        arc_scores: `[batch, head, modifier]`.
        maximum: the best score, not the sum.
    """
    batch, nodes, _ = arc_scores.shape

    def total(terms: Tensor) -> Tensor:
        return terms.max(-1).values if maximum else terms.logsumexp(-1)

    # Spans i .. j of width w = j - i, as chart[batch, i, w] ("by start") or chart[batch, j, w] ("by end"). The head is
    # i in `right`, j in `left`; `right_arc` and `left_arc` are those with an arc between i and j.
    charts = [arc_scores.new_zeros(batch, nodes, nodes) for _ in range(6)]
    right_by_start, right_by_end, left_by_start, left_by_end, right_arc_by_start, left_arc_by_end = charts
    for w in range(1, nodes):
        starts, ends = slice(0, nodes - w), slice(w, nodes)
        splits = right_by_start[:, starts, :w] + left_by_end[:, ends, :w].flip(-1)
        below_root = torch.zeros_like(splits, dtype=torch.bool)
        below_root[:, 0, 1:] = True
        gap = total(splits.masked_fill(below_root, -torch.inf))
        right_arc_by_start[:, starts, w] = gap + arc_scores.diagonal(w, 1, 2)
        left_arc_by_end[:, ends, w] = gap + arc_scores.diagonal(-w, 1, 2)
        right = total(right_arc_by_start[:, starts, 1 : w + 1] + right_by_end[:, ends, :w].flip(-1))
        left = total(left_by_start[:, starts, :w] + left_arc_by_end[:, ends, 1 : w + 1].flip(-1))
        right_by_start[:, starts, w], right_by_end[:, ends, w] = right, right
        left_by_start[:, starts, w], left_by_end[:, ends, w] = left, left
    return right_by_start[:, 0, nodes - 1]


def plain_torch_argmax(arc_scores: Tensor) -> Tensor:
    """Return the highest-scoring single-root projective trees; all rows full."""
    leaf = arc_scores.clone().requires_grad_()
    return torch.autograd.grad(plain_torch(leaf, maximum=True).sum(), leaf)[0]


@njit
def _plain_loop(scores, complete, spanned, splits, arcs):  # type: ignore[no-untyped-def]
    """Decode one sentence after another, a triple loop over scalars; the last axis of a chart is the head's side."""
    nodes = scores.shape[1]
    stack = np.empty((2 * nodes, 4), np.int64)
    for b in range(scores.shape[0]):
        for i in range(nodes):
            complete[i, i, 0] = complete[i, i, 1] = 0.0
        for width in range(1, nodes):
            for i in range(nodes - width):
                j = i + width
                best, split = complete[i, i, 0] + complete[i + 1, j, 1], i
                # ROOT's one child has nothing complete between the two.
                for k in range(i + 1, j if i > 0 else i):
                    total = complete[i, k, 0] + complete[k + 1, j, 1]
                    if total > best:
                        best, split = total, k
                spanned[i, j, 0], spanned[i, j, 1] = best + scores[b, i, j], best + scores[b, j, i]
                splits[i, j, 2] = split
                best, split = spanned[i, i + 1, 0] + complete[i + 1, j, 0], i + 1
                for k in range(i + 2, j + 1):
                    total = spanned[i, k, 0] + complete[k, j, 0]
                    if total > best:
                        best, split = total, k
                complete[i, j, 0], splits[i, j, 0] = best, split
                best, split = complete[i, i, 1] + spanned[i, j, 1], i
                for k in range(i + 1, j):
                    total = complete[i, k, 1] + spanned[k, j, 1]
                    if total > best:
                        best, split = total, k
                complete[i, j, 1], splits[i, j, 1] = best, split
        stack[0] = 0, nodes - 1, 0, 0
        top = 1
        while top > 0:
            top -= 1
            i, j, side, has_arc = stack[top]
            if i == j:
                continue
            if has_arc:
                head, modifier = (i, j) if side == 0 else (j, i)
                arcs[b, head, modifier] = 1.0
                split = splits[i, j, 2]
                stack[top], stack[top + 1] = (i, split, 0, 0), (split + 1, j, 1, 0)
            else:
                split = splits[i, j, side]
                stack[top] = i, split, side, 1 - side
                stack[top + 1] = split, j, side, side
            top += 2


def plain_loop(arc_scores: Tensor) -> Tensor:
    """Return the highest-scoring single-root projective trees; all rows full.

    Eisner's algorithm as it is usually written for compiled languages: three loops over spans and splits, one number
    at a time, with back pointers; compiled by numba without bounds checks.

    Args:
        arc_scores: float32, `[batch, head, modifier]`.
    """
    nodes = arc_scores.size(1)
    arcs = torch.zeros_like(arc_scores)
    complete, spanned = np.empty((2, nodes, nodes, 2), np.float32)
    _plain_loop(arc_scores.numpy(), complete, spanned, np.empty((nodes, nodes, 3), np.int64), arcs.numpy())
    return arcs
