"""The size of a system, checked while it is built: sizes that no memory holds are refused at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from spigot.training.config import RecipeError

BYTES = 16
"""Bytes for each number that is trained: itself, its gradient and the two averages of Adam, in single precision."""
MOST_TENSORS = 10_000
"""No system has as many tensors: more layers than that take minutes to make, however small they are."""


class _TooLargeError(Exception):
    """Carries its message past those who catch a ValueError of a constructor."""


def memory() -> int:
    """Return the bytes of this computer's memory; 64 GiB where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**36


@contextmanager
def within_memory() -> Iterator[None]:
    """Refuse, as soon as parameters are registered, a system that this computer has no memory to train.

    A tensor is registered before its numbers are drawn, and takes no memory until then.

    Raises:
        RecipeError: the parameters are too many.
    """
    most, numbers, tensors = memory(), 0, 0

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal numbers, tensors
        if parameter is None:
            return
        numbers, tensors = numbers + parameter.numel(), tensors + 1
        if numbers * BYTES > most:
            needed = f"{numbers * BYTES / 2**30:.0f} or more"
            raise _TooLargeError(f"system: expected sizes that {most / 2**30:.0f} GiB can train, got {needed}")
        if tensors > MOST_TENSORS:
            raise _TooLargeError(f"system: expected at most {MOST_TENSORS} tables and matrices, got more (see layers)")

    handle: Any = register_module_parameter_registration_hook(count)
    try:
        yield
    except _TooLargeError as error:
        raise RecipeError(str(error)) from None
    except (RuntimeError, MemoryError) as error:
        if "alloc" not in str(error) and not isinstance(error, MemoryError):
            raise
        raise RecipeError(f"system: expected sizes that fit into memory, got: {str(error).splitlines()[0]}") from None
    finally:
        handle.remove()
