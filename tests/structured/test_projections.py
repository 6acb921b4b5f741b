import numpy as np
import pytest
import torch

from spigot import Simplex, SingleHead
from spigot.structured.kernels.simplex.columns import project_columns, project_columns_by_sorting
from tests.oracles.qp import project_onto_simplex, project_onto_single_head


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ([0.6, 0.7, 0.2], [0.433333, 0.533333, 0.033333]),
        ([1.2, 0.1, -0.3], [1, 0, 0]),
        ([0.3, 0.3, 0.9, -0.1], [0.133333, 0.133333, 0.733333, 0]),
    ],
)
def test_worked_examples(point, expected):
    assert Simplex().project(torch.tensor([point]))[0].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
def test_simplex_against_a_general_solver(scale):
    points = scale * np.random.default_rng(0).standard_normal((5, 7))
    projected = Simplex().project(torch.tensor(points))
    for row in range(5):
        np.testing.assert_allclose(projected[row], project_onto_simplex(points[row]), atol=1e-7)


def test_single_head_against_a_general_solver():
    points = np.random.default_rng(1).standard_normal((3, 5, 5))
    projected = SingleHead().project(torch.tensor(points))
    for row in range(3):
        np.testing.assert_allclose(projected[row], project_onto_single_head(points[row]), atol=1e-7)


@pytest.mark.parametrize("arcs", [True, False])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e8])
def test_sorting_agrees(arcs, scale):
    generator = torch.Generator().manual_seed(0)
    point = scale * torch.randn(6, 9, 9, generator=generator, dtype=torch.float64)
    point[0, 3, 4] = float("-inf")
    point[1, 3, 2] = float("nan")
    lengths = torch.tensor([8, 5, 3, 8, 1, 0])
    mask = torch.rand(point.shape, generator=generator) < 0.7
    mask[:, 0] = True
    for candidates in (None, mask):
        fast = project_columns(point, lengths, candidates, arcs)
        slow = project_columns_by_sorting(point, lengths, candidates, arcs)
        assert torch.allclose(fast, slow, atol=1e-12, equal_nan=True)
        assert torch.isnan(fast).any()
    mask[2, :, 1] = False
    for project in (project_columns, project_columns_by_sorting):
        with pytest.raises(ValueError, match=r"a simplex with no dimension.*row 2"):
            project(point, lengths, mask, arcs)


def test_many_equal_values():
    projected = Simplex().project(torch.full((1, 1000), 0.3))
    assert torch.allclose(projected, torch.full((1, 1000), 1e-3), rtol=1e-6)


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"expected an axis -1, got shape \[\]"):
        Simplex().project(torch.zeros(()))
    with pytest.raises(ValueError, match=r"point: expected as many heads as modifiers.*\[1, 2, 3\]"):
        SingleHead().project(torch.zeros(1, 2, 3))
    with pytest.raises(ValueError, match=r"lengths: out of range.*row 0"):
        Simplex().project(torch.zeros(1, 3), torch.tensor([4]))
    with pytest.raises(ValueError, match=r"lengths: out of range.*ROOT.* does not count\) \(row 0"):
        SingleHead().project(torch.zeros(1, 3, 3), torch.tensor([3]))
    with pytest.raises(ValueError, match=r"lengths: out of range.*ROOT.* does not count\) \(row 0"):
        SingleHead(labels=True).project(torch.zeros(1, 3, 3, 2), torch.tensor([3]))
