"""The highest-scoring dependency tree, projective or not, in O(n²) time and memory.

Chu-Liu-Edmonds by growing paths (Tarjan 1977; Gabow, Galil, Spencer and Tarjan 1986): follow best heads from a
node that has none yet. A path that meets ROOT or an earlier path is done; one that meets itself is a cycle, which
becomes one node, whose arcs are the best of its members', each entering arc paying for the cycle's arc that it
replaces. Merging k nodes costs O(kn), and at most n are ever merged.

A single child of ROOT needs no second search (Gabow and Tarjan 1984; Zmigrod, Vieira and Cotterell 2020): make
arcs from ROOT worse than any sum of other scores. As no cycle contains ROOT, "worse by a constant" comes down to
one rule: take an arc from ROOT only where there is no other.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ..arcs.read import read_arc_scores
from ..numerics.vector import U0, U1
from ..runtime.decoding import decode
from ..runtime.operator import like_first, operator
from ..runtime.status import INFEASIBLE, OK

NEW, ON_PATH, DONE = 0, 1, 2


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"nnan", "nsz"})
def _best_head(nodes, weight, node, first):  # type: ignore[no-untyped-def]
    """Return the first of the best heads of a node, of those from `first` on; 0, ROOT, if there is none."""
    best = -np.inf
    for head in range(first, nodes):
        best = max(best, weight[node, head])
    if best == -np.inf:
        return U0
    head = first
    while weight[node, head] != best:
        head += U1
    return head


@njit(nogil=True, cache=True, error_model="numpy")
def _contract(nodes, weight, into, path, chosen, bottom, top, component):  # type: ignore[no-untyped-def]
    """Merge the nodes of a cycle, path[bottom] .. path[top], into the first of them.

    A head that became part of a cycle stays a head of its own: `component` says what it is part of.
    """
    node = path[bottom]
    for head in range(nodes):
        weight[node, head] -= chosen[bottom]
    for position in range(bottom + U1, top + U1):
        member, paid = path[position], chosen[position]
        for head in range(nodes):
            entering, modifier = weight[member, head] - paid, into[member, head]
            old, old_modifier = weight[node, head], into[node, head]
            better = (entering > old) | ((entering == old) & (modifier < old_modifier))
            weight[node, head] = entering if better else old
            into[node, head] = modifier if better else old_modifier
        for head in range(nodes):
            component[head] = node if component[head] == member else component[head]
    for head in range(nodes):
        if component[head] == node:
            weight[node, head] = -np.inf


@njit(nogil=True, cache=True, error_model="numpy")
def _search(nodes, single_root, weight, into, chosen, scratch, entering, parent):  # type: ignore[no-untyped-def]
    """Choose an arc into each node of the contraction forest; return the number of its nodes, 0 if there is no tree.

    Args:
        nodes: how many there are, unsigned, as are all positions (see `numerics/vector.py`).
        single_root: ROOT has exactly one child.
        weight: `[node, head]`, of the best arc from a head to one of the tokens that a node stands for; overwritten.
        into: `[node, head]`, which token that is; overwritten.
        chosen: scratch for the weights of a path's arcs.
        scratch: four rows of unsigned integers.
        entering: set to the arc into each node of the forest, as head · nodes + modifier. The first are the tokens.
        parent: set to the node that each became part of, 0 for none.
    """
    component, name, visited, path = scratch[0], scratch[1], scratch[2], scratch[3]
    for node in range(nodes):
        component[node] = name[node] = node
        visited[node] = NEW
    visited[U0] = DONE
    parent[:] = U0
    count, first = nodes, U1 if single_root else U0
    for start in range(U1, nodes):
        if visited[start] != NEW:
            continue
        top = U0
        path[top] = start
        while True:
            node = path[top]
            visited[node] = ON_PATH
            head = _best_head(nodes, weight, node, first)
            if weight[node, head] == -np.inf:
                return U0
            chosen[top] = weight[node, head]
            entering[name[node]] = head * nodes + into[node, head]
            met = component[head]
            if visited[met] == NEW:
                top += U1
                path[top] = met
            elif visited[met] == ON_PATH:
                bottom = top
                while path[bottom] != met:
                    bottom -= U1
                _contract(nodes, weight, into, path, chosen, bottom, top, component)
                for position in range(bottom, top + U1):
                    parent[name[path[position]]] = count
                    visited[path[position]] = DONE
                name[met] = count
                count += U1
                top = bottom
            else:
                break
        for position in range(top + U1):
            visited[path[position]] = DONE
    return count


@njit(nogil=True, cache=True)
def _expand(count, nodes, entering, parent, decided, heads):  # type: ignore[no-untyped-def]
    """Undo the contractions, last one first: the arc into a node displaces one of the cycle inside it."""
    decided[:count] = False
    for back in range(U1, count):
        node = count - back
        if decided[node]:
            continue
        arc = entering[node]
        inner = arc % nodes
        heads[inner] = arc // nodes
        while inner != node:
            decided[inner] = True
            inner = parent[inner]


@njit(nogil=True, cache=True, error_model="numpy")
def _argmax(start, stop, scores, lengths, mask, single_root, out, status):  # type: ignore[no-untyped-def]
    size = max(min(lengths[start:stop].max() + 1, scores.shape[1]), 1)
    differences, weight = np.empty((size, size)), np.empty((size, size))
    into = np.empty((size, size), np.uint32)
    best, chosen = np.empty(size), np.empty(size)
    scratch, forest = np.empty((5, size), np.uint64), np.empty((2, 2 * size), np.uint64)
    entering, parent, heads = forest[0], forest[1], scratch[4]
    decided = np.empty(2 * size, np.bool_)
    for b in range(start, stop):
        status[b] = read_arc_scores(scores[b], mask[b if mask.size > 0 else 0], lengths[b], differences, best)
        if status[b] != OK:
            continue
        nodes = np.uint64(lengths[b] + 1)
        for modifier in range(nodes):
            for head in range(nodes):
                weight[modifier, head] = differences[head, modifier]
                into[modifier, head] = modifier
        count = _search(nodes, single_root, weight, into, chosen, scratch, entering, parent)
        if count > U0:
            _expand(count, nodes, entering, parent, decided, heads)
        children = 0
        for modifier in range(U1, nodes):
            children += heads[modifier] == U0
        if count == U0 or (single_root and children > 1):
            status[b] = INFEASIBLE
            continue
        for modifier in range(U1, nodes):
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
        name="scores",
        infeasible="no tree" + " with one child of ROOT" * single_root,
    )
