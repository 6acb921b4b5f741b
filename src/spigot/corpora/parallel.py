"""A map over records on several processes, in order, that holds a bounded number of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ordered_map(function: Callable[[T], R], items: Iterable[T], processes: int = 1, chunk: int = 200) -> Iterator[R]:
    """Yield function(item) of each item, in order.

    Args:
        function: a function of a module (workers import it), with arguments bound by `functools.partial` if need be.
        items: what to map; read as the results are asked for, a few chunks ahead.
        processes: how many work; 1: this one alone.
        chunk: items that a process gets at once.
    """
    if processes < 1:
        raise ValueError(f"processes: expected at least 1, got {processes}")
    iterator = iter(items)
    if processes == 1:
        yield from map(function, iterator)
        return
    # Workers start afresh: a fork of a process with threads (torch, a progress bar) may hang.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[list[R]]] = deque()
        while True:
            while len(waiting) < 2 * processes and (batch := list(islice(iterator, chunk))):
                waiting.append(pool.submit(_apply, function, batch))
            if not waiting:
                return
            yield from waiting.popleft().result()


def _apply(function: Callable[[T], R], batch: list[T]) -> list[R]:
    return [function(item) for item in batch]
