"""The matrix-tree theorem as it is written (Koo et al. 2007), in decimal arithmetic of as many digits as it takes."""

from decimal import Decimal, localcontext

import numpy as np


def log_partition_and_marginals(arc_scores, *, single_root, digits):
    """Return log Z and the arc probabilities `[head, modifier]` of one full sentence, as floats.

    `digits` must exceed what the determinant loses by cancellation, about 0.43 per nat that the scores range over.
    """
    nodes = len(arc_scores)
    with localcontext() as context:
        context.prec = digits
        weights = np.full((nodes, nodes), Decimal(0))
        for head in range(nodes):
            for modifier in range(1, nodes):
                if head != modifier:
                    weights[head, modifier] = Decimal(float(arc_scores[head, modifier])).exp()
        laplacian = -weights[1:, 1:]
        np.fill_diagonal(laplacian, weights[:, 1:].sum(0) - single_root * weights[0, 1:])
        if single_root:
            laplacian[0] = weights[0, 1:]
        determinant, inverse = _determinant_and_inverse(laplacian)
        marginals = np.zeros((nodes, nodes))
        for modifier in range(1, nodes):
            m = modifier - 1
            own = Decimal(0) if single_root and m == 0 else inverse[m, m]
            marginals[0, modifier] = weights[0, modifier] * (inverse[m, 0] if single_root else own)
            for head in range(1, nodes):
                other = Decimal(0) if single_root and head == 1 else inverse[m, head - 1]
                marginals[head, modifier] = weights[head, modifier] * (own - other)
        return float(determinant.ln()), marginals


def _determinant_and_inverse(matrix):
    """Return both by Gauss-Jordan elimination without pivoting."""
    size = len(matrix)
    determinant = Decimal(1)
    matrix = matrix.copy()
    for k in range(size):
        pivot = matrix[k, k]
        determinant *= pivot
        column = matrix[:, k].copy()
        matrix[:, k] = Decimal(0)
        matrix[k, k] = Decimal(1)
        matrix[k] /= pivot
        others = np.arange(size) != k
        matrix[others] -= np.outer(column[others], matrix[k])
    return determinant, matrix
