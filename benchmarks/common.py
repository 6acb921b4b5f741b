"""What the benchmarks share: options, interleaved timing, a record of the machine, tables."""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

PACKAGES = (
    *("torch-spigot", "torch-spigot-en", "torch", "numba", "numpy"),
    *("supar", "torch-struct", "entmax", "ufal.chu_liu_edmonds"),
)


def options(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=1, help="threads that torch and spigot may use (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here, too")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs, measures nothing")
    return parser


def start(arguments: argparse.Namespace) -> dict[str, Any]:
    """Set the number of threads; return the record of how, and on what, the benchmark runs."""
    import torch  # here, so that a process that runs another program does not hold it

    torch.set_num_threads(arguments.threads)
    return {
        "command": _command(),
        "quick": arguments.quick,
        "threads": arguments.threads,
        "processor": _processor(),
        "cores": os.cpu_count(),
        # Above the number of idle cores, somebody else was computing and the figures are worth little.
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
    }


def finish(arguments: argparse.Namespace, result: Mapping[str, Any]) -> None:
    """Write the JSON that was asked for."""
    if arguments.json is not None:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def progress(line: str) -> None:
    """Say on stderr what is being done."""
    print(line, file=sys.stderr, flush=True)


def interleaved(
    functions: Mapping[str, Callable[[], object]], seconds: float, rounds: int = 3, most: int = 50
) -> dict[str, list[float]]:
    """Time functions side by side: each once a round, in an order that rotates.

    Args:
        functions: they must have run before: nothing here warms them up.
        seconds: rounds go on until so much has passed,
        rounds: but there are so many at least (one, if that alone takes three times `seconds`),
        most: and so many at most.

    Returns:
        seconds for one call, one number a round. What is faster than 5 ms is called several times in a round.
    """
    gc.collect()
    began = time.perf_counter()
    names = list(functions)
    once = {name: _seconds(functions[name], 1) for name in names}
    calls = {name: max(1, min(1000, int(5e-3 / max(once[name], 1e-7)))) for name in names}
    times = {name: [once[name]] if calls[name] == 1 else [] for name in names}
    for done in range(1, most):
        passed = time.perf_counter() - began
        if (done >= rounds and passed > seconds) or (all(times.values()) and passed > 3 * seconds):
            break
        for name in names:
            times[name].append(_seconds(functions[name], calls[name]))
        names.append(names.pop(0))
    return times


def medians(times: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the median of each list."""
    return {name: median(values) for name, values in times.items()}


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table that is also readable as it stands; the first column is set to the left."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[k]) for row in [list(header), *cells]) for k in range(len(header))]
    lines = [[title.ljust(width) for title, width in zip(header, widths, strict=True)]]
    lines.append(["-" * width if k == 0 else "-" * (width - 1) + ":" for k, width in enumerate(widths)])
    for row in cells:
        lines.append(
            [cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths, strict=True))]
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def duration(seconds: float | None) -> str:
    """Return a time in the unit that suits it."""
    if seconds is None:
        return "-"
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{digits(seconds * factor)} {unit}"
    return f"{digits(seconds * 1e6)} µs"


def digits(value: float) -> str:
    """Return a number with three digits or so."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratio(value: float | None) -> str:
    """Return how many times as fast, or "-" if it was not measured."""
    return "-" if value is None else digits(value) + "x"


def peak_memory() -> int:
    """Return the most memory that this process has held so far, or since `restart_peak`, in bytes."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def restart_peak() -> None:
    """Forget the most memory that this process has held (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")


def resident_memory() -> int:
    """Return how much memory this process holds now, in bytes (where the system does not say, the most so far)."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    except OSError:
        return peak_memory()


def _seconds(function: Callable[[], object], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - began) / calls


def _command() -> str:
    words = ["python", "benchmarks/" + Path(sys.argv[0]).name, *sys.argv[1:]]
    # Where somebody keeps the treebanks is nobody else's business.
    for option, shown in (("--root", "DATA"), ("--run", "RUN"), ("--data", "FILE"), ("--spacy-python", "PYTHON")):
        for k, word in enumerate(words):
            if words[k - 1] == option:
                words[k] = shown
            elif word.startswith(option + "="):
                words[k] = f"{option}={shown}"
    return " ".join(words)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    name = fields.get("model name", platform.machine())
    return f"{name}, family {fields.get('cpu family', '?')}, model {fields.get('model', '?')}"
