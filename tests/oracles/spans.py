"""All binary trees over a few tokens, by recursion."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

Tree = tuple[tuple[int, int], ...]


@cache
def all_trees(first: int, last: int) -> tuple[Tree, ...]:
    """List the trees over the tokens first .. last as their spans, those with the leftmost top split first."""
    if first == last:
        return (((first, last),),)
    return tuple(
        ((first, last), *left, *right)
        for split in range(first, last)
        for left in all_trees(first, split)
        for right in all_trees(split + 1, last)
    )


def tree_scores(span_scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return the spans of all trees, `[tree, first, last]`, and their scores, `[tree]`, float64, of one row."""
    trees = all_trees(0, len(span_scores) - 1)
    spans = torch.zeros(len(trees), *span_scores.shape, dtype=torch.float64)
    for index, tree in enumerate(trees):
        for span in tree:
            spans[(index, *span)] = 1
    return spans, torch.where(spans > 0, span_scores.double(), 0.0).flatten(1).sum(1)


def labelled_tree_scores(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return the same for `[first, last, label]` scores: `[tree, first, last, label]` and `[tree]`."""
    choices = range(scores.size(2))
    labelled = []
    for tree in all_trees(0, len(scores) - 1):
        labels = torch.cartesian_prod(*[torch.tensor(choices)] * len(tree)).view(-1, len(tree))
        spans = torch.zeros(len(labels), *scores.shape, dtype=torch.float64)
        for position, span in enumerate(tree):
            spans[(torch.arange(len(labels)), *span, labels[:, position])] = 1
        labelled.append(spans)
    spans = torch.cat(labelled)
    return spans, torch.where(spans > 0, scores.double(), 0.0).flatten(1).sum(1)
