"""Row operations against their definitions in numpy."""

import numpy as np
import pytest
from numba import njit

from spigot.structured.kernels.numerics import vector

WIDTH, END = 40, 30


@njit
def push_max(cells, targets, values, sources, begin, end):
    vector.push_max(cells, targets, values, sources, begin, end)


@njit
def set_rows(cells, targets, value, begin, end):
    vector.set_rows(cells, targets, value, begin, end)


def at(*rows):
    return tuple(np.uint64(WIDTH * row) for row in rows)


@pytest.fixture(params=[np.float32, np.float64])
def rows(request):
    return np.random.default_rng(0).standard_normal((4, WIDTH)).astype(request.param)


def reached(begin, end):
    """Return the end of the last block."""
    return begin + vector.padded(end - begin)


@pytest.mark.parametrize(("begin", "end"), [(0, 30), (5, 13), (8, 16), (29, 30), (7, 7)])
def test_a_push(rows, begin, end):
    cells = rows.copy()
    push_max(cells.ravel(), at(0), (2.0, -1.0), at(1, 2), begin, end)
    expected = np.maximum(rows[0], np.maximum(2 + rows[1], rows[2] - 1))
    np.testing.assert_allclose(cells[0, begin:end], expected[begin:end], rtol=1e-6)
    last = reached(begin, end)
    np.testing.assert_array_equal(cells[0, :begin], rows[0, :begin])
    np.testing.assert_array_equal(cells[0, last:], rows[0, last:])
    np.testing.assert_array_equal(cells[1:], rows[1:])


def test_minus_infinity_in_a_push(rows):
    cells = rows.copy()
    cells[0] = -np.inf
    push_max(cells.ravel(), at(0), (-np.inf,), at(1), 0, END)
    assert (cells[0] == -np.inf).all()
    push_max(cells.ravel(), at(0), (1.0,), at(1), 0, END)
    np.testing.assert_allclose(cells[0, :END], 1 + rows[1, :END], rtol=1e-6)


def test_several_targets_share_their_sources(rows):
    cells = rows.copy()
    push_max(cells.ravel(), at(0, 1), (2.0, -1.0, 0.5, 1.5), at(2, 3), 8, 24)
    first = np.maximum(rows[0], np.maximum(2 + rows[2], rows[3] - 1))
    second = np.maximum(rows[1], np.maximum(0.5 + rows[2], rows[3] + 1.5))
    np.testing.assert_allclose(cells[:2, 8:24], [first[8:24], second[8:24]], rtol=1e-6)
    np.testing.assert_array_equal(cells[:, 24:], rows[:, 24:])


def test_each_target_with_its_own_sources(rows):
    cells = rows.copy()
    push_max(cells.ravel(), at(0, 1), (2.0, -1.0), at(2, 3), 0, 16)
    np.testing.assert_allclose(cells[0, :16], np.maximum(rows[0, :16], rows[2, :16] + 2), rtol=1e-6)
    np.testing.assert_allclose(cells[1, :16], np.maximum(rows[1, :16], rows[3, :16] - 1), rtol=1e-6)


@pytest.mark.parametrize(("begin", "end"), [(0, 30), (8, 9), (16, 16)])
def test_setting_rows(rows, begin, end):
    cells = rows.copy()
    set_rows(cells.ravel(), at(0, 2), -np.inf, begin, end)
    last = reached(begin, end)
    assert (cells[[0, 2], begin:last] == -np.inf).all()
    np.testing.assert_array_equal(cells[:, :begin], rows[:, :begin])
    np.testing.assert_array_equal(cells[:, last:], rows[:, last:])
    np.testing.assert_array_equal(cells[1::2], rows[1::2])
