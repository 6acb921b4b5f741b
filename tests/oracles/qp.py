"""Euclidean projection onto a polytope by a general interior-point solver."""

from __future__ import annotations

import clarabel
import numpy as np
from scipy import sparse


def project(
    point: np.ndarray, equal: tuple[np.ndarray, np.ndarray], at_most: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return argmin ‖x - point‖ subject to A x = b and C x <= d.

    Args:
        point: `[size]`.
        equal: A, `[rows, size]`, and b, `[rows]`.
        at_most: C and d, likewise.
    """
    return _minimize(np.eye(len(point)), -point, equal, at_most)


def project_onto_hull(point: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Return the nearest point to `point[size]` of the convex hull of `vertices[vertex, size]`."""
    count, size = vertices.shape
    # The variables are the point and the weights of the vertices.
    quadratic, linear = np.zeros((size + count, size + count)), np.zeros(size + count)
    quadratic[:size, :size] = np.eye(size)
    linear[:size] = -point
    mixture = np.hstack([np.eye(size), -vertices.T])
    whole = np.hstack([np.zeros(size), np.ones(count)])
    equal = np.vstack([mixture, whole]), np.append(np.zeros(size), 1.0)
    at_most = np.hstack([np.zeros((count, size)), -np.eye(count)]), np.zeros(count)
    return _minimize(quadratic, linear, equal, at_most)[:size]


def _minimize(
    quadratic: np.ndarray,
    linear: np.ndarray,
    equal: tuple[np.ndarray, np.ndarray],
    at_most: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Return argmin xᵀQx / 2 + qᵀx subject to A x = b and C x <= d."""
    rows = np.vstack([equal[0], at_most[0]])
    bounds = np.concatenate([equal[1], at_most[1]])
    cones = [clarabel.ZeroConeT(len(equal[1])), clarabel.NonnegativeConeT(len(at_most[1]))]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix(quadratic), linear, sparse.csc_matrix(rows), bounds, cones, settings
    )
    return np.array(solver.solve().x)


def project_onto_simplex(point: np.ndarray) -> np.ndarray:
    """Return the nearest point of {x : x >= 0, Σ x = 1}."""
    size = len(point)
    return project(point, (np.ones((1, size)), np.ones(1)), (-np.eye(size), np.zeros(size)))


def project_onto_single_head(point: np.ndarray) -> np.ndarray:
    """Return the nearest `[head, modifier]` to `point` in which each modifier has one head.

    Node 0 is ROOT; there is no arc into ROOT and none from a token to itself. All columns are one problem.
    """
    nodes = len(point)
    cells = [(head, modifier) for modifier in range(1, nodes) for head in range(nodes) if head != modifier]
    one_head = np.array([[float(modifier == column) for _, modifier in cells] for column in range(1, nodes)])
    values = np.array([point[cell] for cell in cells])
    solution = project(values, (one_head, np.ones(nodes - 1)), (-np.eye(len(cells)), np.zeros(len(cells))))
    projected = np.zeros_like(point)
    for cell, value in zip(cells, solution, strict=True):
        projected[cell] = value
    return projected


def project_onto_labeled_arcs(
    predicates: np.ndarray, arcs: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the nearest parts of one graph to these of which each arc is the sum of its labels, all in [0, 1]."""
    return _project_parts(predicates, arcs, labels, np.zeros(labels.shape[2], bool), hull=False)


def project_onto_graph_hull(
    predicates: np.ndarray, arcs: np.ndarray, labels: np.ndarray, deterministic: np.ndarray | tuple[bool, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Do the same with arcs at most their predicate, and at most it of each deterministic label."""
    return _project_parts(predicates, arcs, labels, np.asarray(deterministic), hull=True)


def _project_parts(
    predicates: np.ndarray, arcs: np.ndarray, labels: np.ndarray, deterministic: np.ndarray, hull: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, count = len(predicates), labels.shape[2]
    pairs = [(i, j) for i in range(n) for j in range(1, n) if i != j]
    parts: list[tuple[int, ...]] = [(i,) for i in range(n)]
    parts += pairs + [(*pair, k) for pair in pairs for k in range(count)]
    index = {part: position for position, part in enumerate(parts)}

    def row(positive: list[tuple[int, ...]], negative: list[tuple[int, ...]]) -> np.ndarray:
        coefficients = np.zeros(len(parts))
        coefficients[[index[part] for part in positive]] = 1
        coefficients[[index[part] for part in negative]] = -1
        return coefficients

    equal = np.array([row([(*pair, k) for k in range(count)], [pair]) for pair in pairs])
    at_most = [(row([], [part]), 0.0) for part in parts] + [(row([part], []), 1.0) for part in parts]
    if hull:
        at_most += [(row([pair], [pair[:1]]), 0.0) for pair in pairs]
        for i, k in [(i, int(k)) for i in range(n) for k in np.flatnonzero(deterministic)]:
            at_most.append((row([(i, j, k) for j in range(1, n) if j != i], [(i,)]), 0.0))
    values = [predicates, arcs, labels]
    point = np.array([values[len(part) - 1][part] for part in parts])
    bounds = (np.array([coefficients for coefficients, _ in at_most]), np.array([bound for _, bound in at_most]))
    solution = project(point, (equal, np.zeros(len(equal))), bounds)
    projected = np.zeros_like(predicates), np.zeros_like(arcs), np.zeros_like(labels)
    for part, value in zip(parts, solution, strict=True):
        projected[len(part) - 1][part] = value
    return projected
