"""Whether 0/1 arcs are a tree."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..runtime.arrays import lengths_to_numpy, to_numpy
from ..runtime.operator import operator
from ..runtime.parallel import over_batch


@njit(nogil=True, cache=True, error_model="numpy")
def _is_tree(arcs, n, projective, single_root, heads, children, size, first, last, leaves):  # type: ignore[no-untyped-def]
    """Whether the arcs of one sentence of `n` tokens are a tree; the rest is scratch, `[node]`.

    Nodes are taken off from the leaves up: those of a cycle are never reached. A tree is projective if what each node
    dominates is one run of tokens.
    """
    heads[: n + 1] = -1
    children[: n + 1] = 0
    for head in range(n + 1):
        for modifier in range(1, n + 1):
            value = arcs[head, modifier]
            # A NaN differs from 0, too. The arc of a token to itself is no part.
            if value != 0.0 and head != modifier:
                if value != 1.0 or heads[modifier] >= 0:
                    return False
                heads[modifier] = head
                children[head] += 1
    if single_root and n > 0 and children[0] != 1:
        return False
    count = 0
    for node in range(1, n + 1):
        if heads[node] < 0:
            return False
        size[node], first[node], last[node] = 1, node, node
        if children[node] == 0:
            leaves[count] = node
            count += 1
    done = 0
    while done < count:
        node = leaves[done]
        done += 1
        if projective and last[node] - first[node] + 1 != size[node]:
            return False
        head = heads[node]
        if head == 0:
            continue
        size[head] += size[node]
        first[head] = min(first[head], first[node])
        last[head] = max(last[head], last[node])
        children[head] -= 1
        if children[head] == 0:
            leaves[count] = head
            count += 1
    return done == n


@njit(nogil=True, cache=True, error_model="numpy")
def _are_trees(start, stop, arcs, lengths, projective, single_root, out):  # type: ignore[no-untyped-def]
    nodes = arcs.shape[1]
    scratch = np.empty((6, nodes), np.int64)
    for b in range(start, stop):
        out[b] = 0 <= lengths[b] < nodes and _is_tree(
            arcs[b], lengths[b], projective, single_root,
            scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5],
        )  # fmt: skip


def _fake(arcs: Tensor, lengths: Tensor | None, projective: bool, single_root: bool) -> Tensor:
    return arcs.new_empty(arcs.size(0), dtype=torch.bool)


@operator(fake=_fake)
def are_trees(arcs: Tensor, lengths: Tensor | None, projective: bool, single_root: bool) -> Tensor:
    """Return whether the arcs of each row are a tree: bool, `[batch]`. CUDA tensors are copied to the CPU.

    Args:
        arcs: float32 or float64, `[batch, head, modifier]`. Arcs into ROOT, from a token to itself and past the length
            are not read.
        lengths: int64, tokens without ROOT, `[batch]`; None: all are full.
        projective: whether arcs may not cross.
        single_root: whether ROOT has exactly one child.
    """
    batch, nodes, _ = arcs.shape
    out = np.zeros(batch, np.bool_)
    sizes = lengths_to_numpy(lengths, batch, nodes - 1)
    over_batch(_are_trees, batch, to_numpy(arcs), sizes, projective, single_root, out, work=arcs.numel())
    return torch.from_numpy(out).to(arcs.device)
