"""The highest-scoring dependency tree, projective or not, in O(n²) time and memory.

Chu-Liu-Edmonds by growing paths (Tarjan 1977; Gabow, Galil, Spencer and Tarjan 1986): follow best heads from a
node that has none yet. A path that meets ROOT or an earlier path is done; one that meets itself is a cycle, which
becomes one node, whose arcs are the best of its members', each entering arc paying for the cycle's arc that it
replaces. Merging k nodes costs O(kn), and no more than n are ever merged.

A single child of ROOT needs no second search (Gabow and Tarjan 1984; Zmigrod, Vieira and Cotterell 2020): make
arcs from ROOT worse than any sum of other scores. As no cycle contains ROOT, "worse by a constant" comes down to
one rule: take an arc from ROOT only where there is no other.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ..checks import INFEASIBLE, OK
from .decoding import decode
from .operator import like_first, operator
from .reading import read_arc_scores


@njit(nogil=True, cache=True)
def _best_head(weight, arc, first):  # type: ignore[no-untyped-def]
    """Return the node from `first` on with the best arc in one row, by the smaller original head in ties."""
    best, node = -np.inf, -1
    for head in range(first, weight.size):
        if weight[head] > best or (weight[head] == best and node >= 0 and arc[head] < arc[node]):
            best, node = weight[head], head
    return node


@njit(nogil=True, cache=True)
def _contract(weight, arc, members, chosen):  # type: ignore[no-untyped-def]
    """Merge nodes into members[0]; `chosen` are the weights of the cycle's arcs into them."""
    node = members[0]
    size = weight.shape[0]
    for head in range(size):
        weight[node, head] -= chosen[0]
    for position in range(1, members.size):
        member = members[position]
        for head in range(size):
            entering = weight[member, head] - chosen[position]
            better = entering > weight[node, head]
            if better or (entering == weight[node, head] and arc[member, head] < arc[node, head]):
                weight[node, head], arc[node, head] = entering, arc[member, head]
        for modifier in range(1, size):
            leaving = weight[modifier, member]
            better = leaving > weight[modifier, node]
            if better or (leaving == weight[modifier, node] and arc[modifier, member] < arc[modifier, node]):
                weight[modifier, node], arc[modifier, node] = leaving, arc[modifier, member]
            weight[modifier, member] = -np.inf
    for position in range(members.size):
        weight[node, members[position]] = -np.inf


@njit(nogil=True, cache=True)
def _search(weight, arc, single_root, entering, parent):  # type: ignore[no-untyped-def]
    """Choose an arc into each node of the contraction forest; return the number of its nodes, 0 if there is no tree.

    weight[modifier, head] is overwritten, and so is arc[modifier, head] = head · nodes + modifier, the original arc
    behind it. The forest's leaves are 1 .. length; entering[id] is the original arc into `id`, parent[id] what it
    became part of (0: nothing).
    """
    nodes = weight.shape[0]
    identity = np.arange(nodes)
    visited = np.zeros(nodes, np.int64)  # 0: not yet, 1: on the path, 2: on a path that is done, or merged
    path = np.empty(nodes, np.int64)
    chosen = np.empty(nodes)
    visited[0] = 2
    count = nodes
    parent[:] = 0
    for start in range(1, nodes):
        if visited[start] != 0:
            continue
        top = 0
        path[0] = start
        while True:
            node = path[top]
            visited[node] = 1
            head = _best_head(weight[node], arc[node], 1 if single_root else 0)
            if head < 0 and weight[node, 0] > -np.inf:
                head = 0
            if head < 0:
                return 0
            chosen[top] = weight[node, head]
            entering[identity[node]] = arc[node, head]
            if visited[head] == 0:
                top += 1
                path[top] = head
            elif visited[head] == 1:
                bottom = top
                while path[bottom] != head:
                    bottom -= 1
                _contract(weight, arc, path[bottom : top + 1], chosen[bottom : top + 1])
                for position in range(bottom, top + 1):
                    parent[identity[path[position]]] = count
                    visited[path[position]] = 2
                identity[head] = count
                count += 1
                top = bottom
            else:
                break
        for position in range(top + 1):
            visited[path[position]] = 2
    return count


@njit(nogil=True, cache=True)
def _expand(count, nodes, entering, parent, heads):  # type: ignore[no-untyped-def]
    """Undo the contractions, last one first: the arc into a node displaces one of the cycle inside it."""
    decided = np.zeros(count, np.bool_)
    for node in range(count - 1, 0, -1):
        if decided[node]:
            continue
        arc = entering[node]
        inner = arc % nodes
        heads[inner] = arc // nodes
        while inner != node:
            decided[inner] = True
            inner = parent[inner]


@njit(nogil=True, cache=True)
def _argmax(start, stop, scores, lengths, mask, single_root, out, status):  # type: ignore[no-untyped-def]
    for b in range(start, stop):
        nodes = min(max(lengths[b], 0) + 1, scores.shape[1])
        differences = np.empty((nodes, nodes))
        weight = np.empty((nodes, nodes))
        arc = np.empty((nodes, nodes), np.int64)
        entering = np.empty(2 * nodes, np.int64)
        parent = np.empty(2 * nodes, np.int64)
        heads = np.empty(nodes, np.int64)
        best = np.empty(nodes)
        candidates = mask[b] if mask.size > 0 else mask[0]
        status[b] = read_arc_scores(scores[b], candidates, lengths[b], differences, best)
        if status[b] != OK:
            continue
        for modifier in range(nodes):
            for head in range(nodes):
                weight[modifier, head] = differences[head, modifier]
                arc[modifier, head] = head * nodes + modifier
        count = _search(weight, arc, single_root, entering, parent)
        if count > 0:
            _expand(count, nodes, entering, parent, heads)
        children = 0
        for modifier in range(1, nodes):
            children += heads[modifier] == 0
        if count == 0 or (single_root and children > 1):
            status[b] = INFEASIBLE
            continue
        for modifier in range(1, nodes):
            out[b, heads[modifier], modifier] = 1


@operator(fake=like_first)
def nonprojective_argmax(arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool) -> Tensor:
    """Return the arcs, 0/1, of the highest-scoring tree of each sentence.

    A CUDA tensor goes to the CPU and back: there is no GPU kernel.

    Args:
        arc_scores: float32 or float64, `[batch, head, modifier]`; computed in float64.
        lengths: int64, `[batch]`, tokens without ROOT; None: all rows are full.
        mask: bool, shaped like `arc_scores`; True = candidate.
        single_root: ROOT has exactly one child.
    """
    batch, nodes, _ = arc_scores.shape
    return decode(
        _argmax,
        arc_scores,
        lengths,
        mask,
        single_root,
        full=nodes - 1,
        work=10.0 * batch * nodes**2,
        name="arc_scores",
        infeasible="no tree" + " with one child of ROOT" * single_root,
    )
