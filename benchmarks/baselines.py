"""Other ways to do what `ProjectiveTree` does: supar's, and the same recurrence in plain torch."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor


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
