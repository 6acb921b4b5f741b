"""The annotations of the core are true: contract tests pass while each call's types and shapes are checked."""

import subprocess
import sys
from pathlib import Path

CONTRACTS = Path(__file__).parent
# The tests left out take long, and call the same methods as the others.
FAST = "not true_derivative and not samples_follow and not very_different"


def test_annotations_hold_at_run_time():
    command = [sys.executable, "-m", "pytest", "-p", "tests.shapes", "-p", "no:cacheprovider", "-n", "0"]
    files = [str(CONTRACTS / name) for name in ("test_structures.py", "test_polytopes.py")]
    finished = subprocess.run(
        [*command, "-k", FAST, *files], cwd=CONTRACTS.parents[1], capture_output=True, text=True, timeout=600
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
