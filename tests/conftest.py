"""One thread a process, set before torch is imported: sums have one order, and workers do not crowd each other."""

import os

os.environ["OMP_NUM_THREADS"] = "1"

from tests.browser import browser

__all__ = ["browser"]
