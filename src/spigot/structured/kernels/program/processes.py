"""Split rows over a few processes, for solvers that hold Python's global lock.

The processes are plain programs that read pickled calls and write pickled answers. Those of `multiprocessing` would
import the main module again, which may not be made for that, and this package, and so torch: seconds of work.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import IO, Any, cast

PAYS_AFTER = 1.0
"""Seconds of work after which starting processes, which takes about as long, is worth it."""


class Processes:
    """The processes that run one program: as many as there are calls at a time, and none until there was enough work.

    The program reads a tuple of arguments from its standard input and writes what it makes of them, or an exception, to
    its standard output, both pickled, until its input ends. That is also when this process ends, however it does.

    Args:
        program: a Python file.
    """

    _idle: list[subprocess.Popen[bytes]]

    def __init__(self, program: str) -> None:
        self.program = program
        self._spent = 0.0
        self._broken = not sys.executable
        self._forget()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget_after_fork)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the time of what is done here as work that processes might have done."""
        start = time.perf_counter()
        yield
        self._spent += time.perf_counter() - start

    def pay(self) -> bool:
        """Whether there has been enough work, and processes can be started."""
        return self._spent >= PAYS_AFTER and not self._broken

    def call(self, arguments: tuple[Any, ...]) -> Any:
        """Return one process's answer, or None if it gave none: then the caller does the work, here and in future.

        May be called by several threads at a time. An exception that the process answers is raised.
        """
        process = None
        try:
            with self._lock:
                process = self._idle.pop() if self._idle else self._start()
            questions, answers = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
            pickle.dump(arguments, questions, pickle.HIGHEST_PROTOCOL)
            questions.flush()
            answer = pickle.load(answers)
        except (OSError, EOFError, pickle.UnpicklingError):
            self._broken = True
            if process is not None:
                process.kill()
                process.wait()
            return None
        with self._lock:
            self._idle.append(process)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            processes, self._idle = self._idle, []
        for process in processes:
            _end_input(process)
            process.wait()
            cast(IO[bytes], process.stdout).close()

    def _start(self) -> subprocess.Popen[bytes]:
        # -P: the folder of the program has modules named like some of Python's own. A session of its own: what is
        # typed to interrupt this process does not reach it.
        command = [sys.executable, "-P", self.program]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)

    def _forget(self) -> None:
        self._lock = Lock()
        self._idle = []

    def _forget_after_fork(self) -> None:
        # They are the parent's; were their input held open here too, they would outlive it.
        for process in self._idle:
            _end_input(process)
        self._forget()


def _end_input(process: subprocess.Popen[bytes]) -> None:
    with suppress(OSError):  # it may have ended before
        cast(IO[bytes], process.stdin).close()
