"""Set before torch is imported: one thread a process, so that sums have one order and workers do not crowd each other."""

import os

os.environ["OMP_NUM_THREADS"] = "1"
