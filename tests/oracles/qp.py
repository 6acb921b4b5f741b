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
    rows = np.vstack([equal[0], at_most[0]])
    bounds = np.concatenate([equal[1], at_most[1]])
    cones = [clarabel.ZeroConeT(len(equal[1])), clarabel.NonnegativeConeT(len(at_most[1]))]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    solver = clarabel.DefaultSolver(
        sparse.csc_matrix(np.eye(len(point))), -point, sparse.csc_matrix(rows), bounds, cones, settings
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
