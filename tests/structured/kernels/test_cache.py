"""Kernels without a folder to keep them in."""

import os
import subprocess
import sys

PROGRAM = """
import sys
import tempfile
from numba.core import caching

def refuse(*arguments, **named):
    raise OSError(30, "Read-only file system")

for name, found in vars(caching).items():
    if name.lstrip("_").startswith(("InTreeCacheLocator", "UserWideCacheLocator")):
        found.ensure_cache_path = refuse
if sys.argv[1] == "nothing":
    tempfile.mkdtemp = refuse

import spigot
import torch

scores = torch.tensor([[0.0, 1.0, 2.0], [1.0, 3.0, 0.0]])
print(spigot.Categorical().argmax(scores).tolist())
from numba import config
print(config.CACHE_DIR)
"""
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}


def run(what, **environment):
    command = [sys.executable, "-c", PROGRAM, what]
    return subprocess.run(command, env=ENVIRONMENT | environment, capture_output=True, text=True, timeout=300)


def test_without_a_folder_for_the_cache_kernels_work_uncached():
    done = run("temporary")
    assert done.returncode == 0, done.stderr
    structure, folder = done.stdout.splitlines()
    assert structure == "[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]"
    assert "spigot-kernels-" in folder
    assert not os.path.exists(folder)


def test_what_cannot_work_says_what_to_set():
    assert "UserError: NUMBA_CACHE_DIR: expected a folder that can be written" in run("nothing").stderr
    assert "UserError: NUMBA_DISABLE_JIT: expected it unset or 0" in run("", NUMBA_DISABLE_JIT="1").stderr
