"""Signals that ask a run to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def noting_signals(note: Callable[[int], None]) -> Iterator[None]:
    """Call `note` with the number of SIGINT or SIGTERM, so that the running step can finish; a second one acts at once.

    Only the main thread receives signals: in other threads this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        note(number)
        signal.signal(number, before[number])

    before: dict[int, Any] = {}
    for handled in (signal.SIGINT, signal.SIGTERM):
        before[handled] = signal.signal(handled, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
