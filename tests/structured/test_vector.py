"""Row operations against their definitions in numpy."""

import numpy as np
import pytest
from numba import njit

from spigot.structured.kernels import vector

push_max = njit(lambda targets, values, rows, begin, end: vector.push_max(targets, values, rows, begin, end))
push_sum = njit(lambda targets, values, rows, begin, end: vector.push_sum(targets, values, rows, begin, end))


@pytest.fixture(params=[np.float32, np.float64])
def rows(request):
    # Room for one block more, since some begin between multiples of LANES here.
    size = vector.padded(30) + vector.LANES
    return np.random.default_rng(0).standard_normal((3, size)).astype(request.param)


@pytest.mark.parametrize(("begin", "end"), [(0, 30), (5, 13), (8, 16), (29, 30), (7, 7)])
def test_pushes(rows, begin, end):
    for push, combine in ((push_max, np.maximum), (push_sum, np.add)):
        target = rows[0].copy()
        push((target,), (2.0, -1.0), (rows[1], rows[2]), begin, end)
        expected = rows[0]
        for value, row in ((2.0, rows[1]), (-1.0, rows[2])):
            expected = combine(expected, value + row if push is push_max else value * row)
        np.testing.assert_allclose(target[begin:end], expected[begin:end], rtol=1e-5)
        last = begin + -(-(end - begin) // vector.LANES) * vector.LANES
        np.testing.assert_array_equal(target[:begin], rows[0, :begin])
        np.testing.assert_array_equal(target[last:], rows[0, last:])


def test_minus_infinity_in_a_push(rows):
    target = np.full_like(rows[0], -np.inf)
    push_max((target,), (-np.inf,), (rows[1],), 0, 30)
    assert (target == -np.inf).all()
    push_max((target,), (1.0,), (rows[1],), 0, 30)
    np.testing.assert_allclose(target[:30], 1 + rows[1, :30], rtol=1e-6)


def test_several_targets(rows):
    both = rows[:2].copy()
    push_sum((both[0], both[1]), (2.0, -1.0), (rows[2], rows[0]), 8, 24)
    np.testing.assert_allclose(both[0, 8:24], rows[0, 8:24] + 2 * rows[2, 8:24], rtol=1e-5)
    np.testing.assert_allclose(both[1, 8:24], rows[1, 8:24] - rows[0, 8:24], rtol=1e-5)
    np.testing.assert_array_equal(both[:, 24:], rows[:2, 24:])
