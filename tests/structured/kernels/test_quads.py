"""Quads against dual numbers in numpy."""

import numpy as np
import pytest
from numba import njit

from spigot.structured.kernels.numerics import quads


@njit
def arithmetic(charts):
    a, b, c = quads.load(charts, 0, 0, 1), quads.load(charts, 0, 1, 0), quads.load_spread(charts, 0, 2, 3)
    quads.store(charts, 1, 0, 0, quads.add(a, b))
    quads.store(charts, 1, 1, 0, quads.multiply(a, b))
    quads.store(charts, 1, 2, 0, quads.add_product(a, b, c))
    quads.store(charts, 1, 3, 0, quads.reciprocal(a))
    quads.store(charts, 1, 4, 0, quads.nothing(charts))
    quads.store(charts, 1, 5, 0, quads.spread_0(a))
    quads.store(charts, 1, 6, 0, quads.spread_1(a))
    quads.store(charts, 1, 7, 0, quads.spread_2(a))
    quads.store(charts, 1, 8, 0, quads.spread_3(a))


@njit
def transpose(charts):
    rows = (
        quads.load(charts, 0, 0, 0),
        quads.load(charts, 0, 1, 0),
        quads.load(charts, 0, 2, 0),
        quads.load(charts, 0, 3, 0),
    )
    columns = quads.transpose(rows)
    quads.store(charts, 1, 0, 0, columns[0])
    quads.store(charts, 1, 1, 0, columns[1])
    quads.store(charts, 1, 2, 0, columns[2])
    quads.store(charts, 1, 3, 0, columns[3])


@pytest.fixture(params=[1, 2], ids=["values", "slopes"])
def charts(request):
    generator = np.random.default_rng(0)
    return tuple(generator.standard_normal((2, 9, 6)) for _ in range(request.param))


def test_arithmetic(charts):
    before = [chart.copy() for chart in charts]
    arithmetic(charts)
    value = before[0]
    a, b, c = value[0, 0, 1:5], value[0, 1, :4], value[0, 2, 3]
    expected = [a + b, a * b, a + b * c, 1 / a, 0 * a, *(np.full(4, lane) for lane in a)]
    np.testing.assert_allclose(charts[0][1, :, :4], expected, rtol=1e-14)
    if len(charts) == 2:
        slope = before[1]
        da, db, dc = slope[0, 0, 1:5], slope[0, 1, :4], slope[0, 2, 3]
        slopes = [da + db, a * db + da * b, da + b * dc + db * c, -da / a**2, 0 * a, *(np.full(4, x) for x in da)]
        np.testing.assert_allclose(charts[1][1, :, :4], slopes, rtol=1e-13)
    for chart, old in zip(charts, before, strict=True):
        np.testing.assert_array_equal(chart[0], old[0])
        np.testing.assert_array_equal(chart[1, :, 4:], old[1, :, 4:])


def test_transpose(charts):
    transpose(charts)
    for chart in charts:
        np.testing.assert_array_equal(chart[1, :4, :4], chart[0, :4, :4].T)
