"""One thread a process, set before torch is imported: sums have one order, and workers do not crowd each other."""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch

from tests.browser import browser

__all__ = ["browser"]


@pytest.fixture(autouse=True)
def _same_numbers():
    """Seed torch before each test, so that its numbers do not depend on which tests its worker ran before."""
    torch.manual_seed(0)
