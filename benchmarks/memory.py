"""Memory that an argmax takes beside its scores and its result, each case in a process of its own.

Run `python benchmarks/memory.py --help`. What is counted is the most that the process has held during one call (after
a small one, which loads the compiled kernels) less what it held before, the result included. Linux only.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from math import log
from pathlib import Path

import tables
import torch
from baselines import plain_torch_argmax, supar_crf
from common import finish, options, peak_memory, progress, resident_memory, restart_peak, start
from torch import Tensor

import spigot

BATCH = 16
LENGTHS = (200, 400, 800)
QUICK_LENGTHS = (100, 200)
SLOW = 400
"""Peers that need minutes, or more memory than there is, stop here."""


def by_supar(scores: Tensor) -> Tensor:
    """Return the heads of the best trees; supar's scores are `[batch, modifier, head]`."""
    crf = supar_crf()
    if crf is None:
        raise ModuleNotFoundError("supar is not installed (see benchmarks/README.md)")
    heads: Tensor = crf(scores.mT.contiguous().requires_grad_(), multiroot=False).argmax
    return heads


PEERS: dict[str, Callable[[Tensor], Tensor]] = {
    "projective, plain torch": plain_torch_argmax,
    "projective, supar": by_supar,
}
CASES: dict[str, Callable[[Tensor], Tensor]] = {
    "projective": spigot.ProjectiveTree().argmax,
    "nonprojective": spigot.NonProjectiveTree().argmax,
    "spans": spigot.BinaryTree().argmax,
    "matching": spigot.Matching().argmax,
    **PEERS,
}


def measure(case: str, n: int) -> int:
    """Return the bytes that one call takes."""
    argmax = CASES[case]
    generator = torch.Generator().manual_seed(n)
    argmax(torch.randn(2, 6, 6, generator=generator))
    scores = torch.randn(BATCH, n + 1, n + 1, generator=generator)
    restart_peak()
    before = resident_memory()
    argmax(scores)
    return peak_memory() - before


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--case", nargs=2, metavar=("NAME", "N"), help="measure one case here (used internally)")
    arguments = parser.parse_args()
    if arguments.case is not None:
        torch.set_num_threads(arguments.threads)
        name, n = arguments.case
        print(json.dumps(measure(name, int(n))))
        return
    result = start(arguments) | {"batch": BATCH, "rows": []}
    for name in CASES:
        extra: dict[str, int] = {}
        for n in QUICK_LENGTHS if arguments.quick else LENGTHS:
            if name in PEERS and n > SLOW:
                continue
            progress(f"{name}, n = {n}")
            command = [sys.executable, str(Path(__file__)), "--threads", str(arguments.threads), "--case", name, str(n)]
            # A rival may not be installed.
            done = subprocess.run(command, check=name not in PEERS, stdout=subprocess.PIPE, text=True)
            if done.returncode:
                break
            extra[str(n)] = json.loads(done.stdout)
        if len(extra) > 1:
            first, *_, last = extra
            exponent = log(extra[last] / extra[first]) / log(int(last) / int(first))
            result["rows"].append({"case": name, "bytes": extra, "exponent": exponent})
    print(tables.memory(result))
    finish(arguments, result)


if __name__ == "__main__":
    main()
