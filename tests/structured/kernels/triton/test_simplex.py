import numpy as np
import pytest
import torch

from spigot.structured.kernels.simplex import columns as on_cpu
from spigot.structured.kernels.triton import simplex as on_gpu
from tests.oracles.qp import project_onto_simplex


def project(device, point, lengths, mask, arcs):
    there = [None if x is None else x.to(device) for x in (point, lengths, mask)]
    return on_gpu.project_columns(*there, arcs).cpu()


@pytest.mark.parametrize("arcs", [True, False])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e8])
def test_the_same_points_as_on_the_cpu(device, arcs, scale):
    generator = torch.Generator().manual_seed(0)
    point = scale * torch.randn(6, 9, 9, generator=generator)
    point[0, 3, 4] = float("-inf")
    point[1, 3, 2] = float("nan")
    point[3, 2, 5] = float("inf")
    lengths = torch.tensor([8, 5, 3, 8, 1, 0])
    mask = torch.rand(point.shape, generator=generator) < 0.7
    mask[:, 0] = True
    for candidates in (None, mask):
        result = project(device, point, lengths, candidates, arcs)
        expected = on_cpu.project_columns(point, lengths, candidates, arcs)
        assert torch.allclose(result, expected, atol=1e-6, equal_nan=True)
        assert torch.isnan(result).any()
        assert torch.equal(result > 0, expected > 0)


def test_against_a_general_solver(device):
    points = np.random.default_rng(0).standard_normal((3, 7))
    projected = project(device, torch.tensor(points)[:, :, None], torch.full((3,), 7), None, False)
    for row in range(3):
        np.testing.assert_allclose(projected[row, :, 0], project_onto_simplex(points[row]), atol=1e-7)


def test_many_rows_and_columns(device):
    generator = torch.Generator().manual_seed(1)
    for shape in ((1, 3000, 1), (1, 70, 70)):
        point = torch.randn(shape, generator=generator)
        lengths = torch.tensor([shape[1] - 1])
        expected = on_cpu.project_columns(point, lengths, None, False)
        assert torch.allclose(project(device, point, lengths, None, False), expected, atol=1e-6)
    equal = project(device, torch.full((1, 1000, 1), 0.3), torch.tensor([1000]), None, False)
    assert torch.allclose(equal, torch.full((1, 1000, 1), 1e-3), rtol=1e-5)


def test_more_rows_than_a_program_holds(device, monkeypatch):
    monkeypatch.setattr(on_gpu, "MOST_ROWS", 8)
    point = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(2))
    lengths = torch.tensor([9, 4])
    expected = on_cpu.project_columns(point, lengths, None, False)
    assert torch.allclose(project(device, point, lengths, None, False), expected, atol=1e-6)


@pytest.mark.parametrize("arcs", [True, False])
def test_what_is_refused(device, arcs):
    point, mask = torch.zeros(2, 4, 4), torch.ones(2, 4, 4, dtype=torch.bool)
    mask[1, :, 2] = False
    with pytest.raises(ValueError, match=r"a simplex with no dimension.*row 1"):
        project(device, point, torch.tensor([3, 3]), mask, arcs)
    for length in (-1, 4 if arcs else 5):
        with pytest.raises(ValueError, match=r"lengths: out of range.*row 0"):
            project(device, point, torch.tensor([length, 3]), None, arcs)
