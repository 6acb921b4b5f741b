"""`import spigot` needs torch and numba alone."""

import subprocess
import sys

PROGRAM = r"""
import re
import sys
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

def normal(name):
    return re.sub("[-_.]+", "-", name).lower()

# The distributions that torch and numba bring, whichever their modules are called.
core, found = ["torch", "numba"], set()
while core:
    name = core.pop()
    if name not in found:
        try:
            needs = requires(name) or []
        except PackageNotFoundError:
            continue
        found.add(name)
        core += [normal(re.split(r"[^A-Za-z0-9._-]", need)[0]) for need in needs if "extra ==" not in need]
refused = {m for m, owners in packages_distributions().items() if not found & {normal(o) for o in owners}}
refused.discard("spigot")

class CoreFinder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in refused else super().find_spec(name, path, target)

sys.meta_path = [CoreFinder if finder is PathFinder else finder for finder in sys.meta_path]
for outsider in ("pydantic", "conllu", "scipy"):
    try:
        __import__(outsider)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"{outsider} is not blocked")

import torch
import spigot

scores = torch.zeros(1, 4, 4, requires_grad=True)
for structure in (spigot.ProjectiveTree(), spigot.NonProjectiveTree()):
    spigot.structured_argmax(scores, structure, spigot.SPIGOT()).sum().backward()
print(sorted(name for name in sys.modules if name.startswith("spigot.") and name.count(".") == 1))
"""


def test_the_core_needs_torch_and_numba_alone():
    finished = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == "['spigot.errors', 'spigot.structured']"


def test_the_core_is_an_attribute_before_anything_else_is_used():
    program = "import spigot; print(spigot.structured.SPIGOT is spigot.SPIGOT)"
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (finished.stdout.strip(), finished.stderr) == ("True", "")


def test_the_version_is_that_of_the_distribution():
    import importlib.metadata

    import spigot

    assert spigot.__version__ == importlib.metadata.version("torch-spigot")
