"""All dependency trees of a short sentence, and what follows from listing them.

Slow by design: a tree is any choice of heads that passes the definition. Heads are tuples: `heads[m - 1]` belongs to
token m, and 0 is ROOT.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import torch
from torch import Tensor


def is_tree(heads: tuple[int, ...]) -> bool:
    """Whether every token reaches ROOT."""
    for token in range(1, len(heads) + 1):
        seen = set()
        node = token
        while node != 0:
            if node in seen:
                return False
            seen.add(node)
            node = heads[node - 1]
    return True


def is_projective(heads: tuple[int, ...]) -> bool:
    """Whether no two arcs cross, those from ROOT included."""
    spans = [tuple(sorted((head, modifier))) for modifier, head in enumerate(heads, start=1)]
    return not any(a < c < b < d for a, b in spans for c, d in spans)


@cache
def all_trees(tokens: int, *, projective: bool, single_root: bool) -> tuple[tuple[int, ...], ...]:
    """List the trees over `tokens` tokens in lexicographic order of their heads."""
    choices = [[head for head in range(tokens + 1) if head != token] for token in range(1, tokens + 1)]
    return tuple(
        heads
        for heads in product(*choices)
        if is_tree(heads)
        and (not projective or is_projective(heads))
        and (not single_root or heads.count(0) == 1 or not heads)
    )


@cache
def _arcs(tokens: int, projective: bool, single_root: bool) -> Tensor:
    trees = all_trees(tokens, projective=projective, single_root=single_root)
    arcs = torch.zeros(len(trees), tokens + 1, tokens + 1, dtype=torch.float64)
    for tree, heads in enumerate(trees):
        for modifier, head in enumerate(heads, start=1):
            arcs[tree, head, modifier] = 1
    return arcs


def tree_scores(arc_scores: Tensor, *, projective: bool, single_root: bool) -> tuple[Tensor, Tensor]:
    """Return the arcs of all trees, `[tree, head, modifier]`, and their scores, float64, `[tree]`.

    `arc_scores` is one sentence without padding, `[head, modifier]`; -inf rules an arc out.
    """
    arcs = _arcs(arc_scores.size(0) - 1, projective, single_root)
    scores = torch.where(arcs > 0, arc_scores.double(), 0.0).flatten(1).sum(1)
    return arcs, scores


def log_partition(arc_scores: Tensor, *, projective: bool, single_root: bool) -> Tensor:
    """Return log Σ exp over all trees."""
    return tree_scores(arc_scores, projective=projective, single_root=single_root)[1].logsumexp(0)


def marginals(arc_scores: Tensor, *, projective: bool, single_root: bool) -> Tensor:
    """Return the probability of each arc, `[head, modifier]`."""
    arcs, scores = tree_scores(arc_scores, projective=projective, single_root=single_root)
    return torch.einsum("t,thm->hm", scores.softmax(0), arcs)


def entropy(arc_scores: Tensor, *, projective: bool, single_root: bool) -> Tensor:
    """Return the entropy of p(tree) ∝ exp score, in nats."""
    _, scores = tree_scores(arc_scores, projective=projective, single_root=single_root)
    return torch.distributions.Categorical(logits=scores).entropy()
