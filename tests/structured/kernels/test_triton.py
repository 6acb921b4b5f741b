"""The GPU kernels, as far as they can be checked without a GPU.

Their own tests lie in `triton/` and run here in Triton's interpreter, in a process of their own: what a process that
has imported triton interprets, it cannot compile any more.
"""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from spigot.structured.kernels.runtime.operator import on_cuda

HERE = Path(__file__).parent
OPERATOR = "spigot.structured.kernels.runtime.operator"


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=HERE.parents[2],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=1800,
    )


def test_in_the_interpreter():
    pytest.importorskip("triton")
    finished = run("-m", "pytest", "-p", "no:cacheprovider", str(HERE / "triton"), TRITON_INTERPRET="1")
    assert finished.returncode == 0, finished.stdout + finished.stderr


def kernels():
    """Return what to compile: a kernel, the types of its arguments, its constants, and the number of warps.

    Some in float64, too: constants are float32, and a loop may not change the type of a variable. To compile the whole
    of inside-outside in float64 takes half a minute.
    """
    from spigot.structured.kernels.triton import chain_argmax, projective_argmax, projective_sums, simplex

    tree = {"scores": "*fp32", "lengths": "*i64", "mask": "*i1", "charts": "*fp32", "status": "*i32", "size": "i32"}
    options = {"HAS_MASK": True, "SINGLE_ROOT": True, "SPANS": 16}
    yield projective_argmax._fill_charts, tree, options | {"SPLITS": 32}, 4
    yield projective_argmax._trace, tree | {"out": "*fp32"}, {"SINGLE_ROOT": True, "SPLITS": 64}, 1
    for real, whole in (("*fp32", True), ("*fp64", False)):
        types = tree | dict.fromkeys(("scores", "charts", "direction", "log_zs", "out"), real)
        parts = {"DUAL": whole, "OUTSIDE": whole, "PER_SENTENCE": 16 if whole else 5, "LANES": 32}
        yield projective_sums._sum_trees, types, options | parts, 4
        types = {"point": real, "lengths": "*i64", "mask": "*i1", "out": real, "status": "*i32"}
        types |= {"rows": "i32", "columns": "i32"}
        yield simplex._project_columns, types, {"HAS_MASK": True, "ARCS": True, "ROWS": 64, "COLUMNS": 32}, 4
    types = dict.fromkeys(("emissions", "transitions", "tags_out", "pairs_out"), "*fp32")
    types |= {"lengths": "*i64", "rows": "*fp64", "status": "*i32", "positions": "i32", "tags": "i32"}
    types |= {"emission_mask": "*i1", "transition_mask": "*i1"}
    options = {"MASK_EMISSIONS": True, "MASK_TRANSITIONS": True, "PREVIOUS": 64, "TAGS": 64}
    yield chain_argmax._argmax, types, options, 8


def test_they_compile_for_a_gpu(tmp_path, monkeypatch):
    triton = pytest.importorskip("triton")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    for kernel, types, constants, warps in kernels():
        signature = {name: types.get(name, "constexpr") for name in kernel.arg_names}
        source = ASTSource(kernel, signature, constants)
        options = {"num_warps": warps, "num_stages": 1, "enable_fp_fusion": False}
        compiled = triton.compile(source, target=GPUTarget("cuda", 80, 32), options=options)
        assert compiled.asm["cubin"]
        # Loads may not overtake the barrier that they wait for.
        assert "cp.async" not in compiled.asm["ptx"]


PROGRAM = """
import sys, torch, spigot
spigot.ProjectiveTree().argmax(torch.zeros(1, 3, 3))
print([name for name in sys.modules if name.startswith("spigot.structured.kernels.triton")])
"""


def test_the_cpu_never_waits_for_them():
    finished = run("-c", PROGRAM)
    assert finished.stdout.strip() == "[]", finished.stderr


def test_where_a_cuda_tensor_goes(monkeypatch):
    def otherwise(*arguments):
        return arguments

    monkeypatch.setattr(f"{OPERATOR}.import_module", lambda name, package: SimpleNamespace(projective_argmax=max))
    monkeypatch.setattr(f"{OPERATOR}.find_spec", lambda name: name)
    assert on_cuda("eisner", "projective_argmax", otherwise)(1, 2) == 2
    monkeypatch.setattr(f"{OPERATOR}.find_spec", lambda name: None)
    assert on_cuda("eisner", "projective_argmax", otherwise)(1, 2) == (1, 2)
