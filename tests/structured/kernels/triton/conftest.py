"""These tests run on a GPU or in Triton's interpreter: `TRITON_INTERPRET=1 pytest tests/structured/triton`.

The variable must be set before triton is imported, and then nothing in the process can be compiled. So by default the
tests are not collected here: `tests/structured/test_triton.py` runs them in a process of their own.
"""

import importlib.util
import os

import pytest
import torch

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
if importlib.util.find_spec("triton") is None or not (INTERPRETED or torch.cuda.is_available()):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def device():
    return "cpu" if INTERPRETED else "cuda"


@pytest.fixture(autouse=True)
def _scratch_is_poisoned():
    """Fill what `torch.empty` returns with NaN: a kernel that reads a cell before it is written fails."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)
