"""Second opinions on semantic graphs: enumeration and an integer program."""

from itertools import product

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_array

NO_ARC = -1


def is_graph(predicates, arc_labels, deterministic) -> bool:
    """Whether arcs have their predicates and deterministic labels are used at most once per predicate."""
    for i, row in enumerate(arc_labels):
        used = [k for k in row if k != NO_ARC]
        if used and not predicates[i]:
            return False
        if any(deterministic[k] and used.count(k) > 1 for k in used):
            return False
        if row[0] != NO_ARC or row[i] != NO_ARC:
            return False
    return True


def enumerated_score(predicates, arcs, labels, deterministic) -> float:
    """Return the score of the best graph of one sentence: all label choices of each predicate are tried.

    Predicates share no constraint, so that the best graph is made of the best of each.
    """
    n, label_count = len(predicates), labels.shape[2]
    total = 0.0
    for i in range(n):
        best = 0.0
        arguments = [j for j in range(1, n) if j != i]
        for choice in product([NO_ARC, *range(label_count)], repeat=len(arguments)):
            if any(deterministic[k] and choice.count(k) > 1 for k in choice if k != NO_ARC):
                continue
            pairs = zip(arguments, choice, strict=True)
            best = max(best, predicates[i] + sum(arcs[i, j] + labels[i, j, k] for j, k in pairs if k != NO_ARC))
        total += best
    return total


def integer_program_score(predicates, arcs, labels, deterministic) -> float:
    """Return the score of the best graph of one sentence with the paper's constraints and scipy's `milp`."""
    return _program_score(predicates, arcs, labels, deterministic, whole=True)


def linear_program_score(predicates, arcs, labels, deterministic) -> float:
    """Return the highest score under the same constraints when parts need not be whole."""
    return _program_score(predicates, arcs, labels, deterministic, whole=False)


def _program_score(predicates, arcs, labels, deterministic, whole) -> float:
    n, label_count = len(predicates), labels.shape[2]
    parts = [("predicate", i) for i in range(n)]
    pairs = [(i, j) for i in range(n) for j in range(1, n) if i != j]
    parts += [("arc", i, j) for i, j in pairs]
    parts += [("label", i, j, k) for i, j in pairs for k in range(label_count)]
    index = {part: position for position, part in enumerate(parts)}
    scores = {"predicate": predicates, "arc": arcs, "label": labels}
    value = np.array([scores[part[0]][part[1:]] for part in parts], dtype=float)
    forbidden = np.isneginf(value)

    rows = []  # (coefficients, lower, upper)
    for i, j in pairs:
        rows.append(({("predicate", i): 1, ("arc", i, j): -1}, 0, 1))  # an arc needs its predicate
        one_label = {("label", i, j, k): 1 for k in range(label_count)}
        rows.append(({("arc", i, j): -1, **one_label}, 0, 0))
    for i, k in product(range(n), np.flatnonzero(deterministic)):
        rows.append(({("label", i, j, k): 1 for j in range(1, n) if j != i}, 0, 1))
    matrix = lil_array((len(rows), len(parts)))
    for position, (coefficients, _, _) in enumerate(rows):
        for part, coefficient in coefficients.items():
            matrix[position, index[part]] = coefficient
    result = milp(
        -np.where(forbidden, 0, value),
        constraints=LinearConstraint(matrix.tocsr(), [low for _, low, _ in rows], [up for _, _, up in rows]),
        integrality=np.full(len(parts), int(whole)),
        bounds=Bounds(0, np.where(forbidden, 0, 1)),
    )
    return -result.fun
