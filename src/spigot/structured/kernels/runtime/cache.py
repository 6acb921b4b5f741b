"""Where numba keeps compiled kernels, decided before the first of them is defined."""

from __future__ import annotations

import atexit
import shutil
import tempfile

from numba import config
from numba.core.caching import FunctionCache

from spigot.errors import UserError


def ensure_cache() -> None:
    """Give numba a folder of this process's own if it has none that can be written: kernels then work uncached.

    numba takes the first that it can write of: the folder NUMBA_CACHE_DIR; `__pycache__` beside a kernel; the user's
    cache folder. Without any, the first kernel would raise.

    Raises:
        UserError: numba is told not to compile, or there is no temporary folder either; the message says what to set.
    """
    if config.DISABLE_JIT:
        raise UserError("NUMBA_DISABLE_JIT: expected it unset or 0, since Python alone cannot run the kernels, got 1")
    try:
        FunctionCache(ensure_cache)
    except RuntimeError:
        try:
            folder = tempfile.mkdtemp(prefix="spigot-kernels-")
        except OSError:
            message = "NUMBA_CACHE_DIR: expected a folder that can be written, for compiled kernels, got none"
            raise UserError(message) from None
        config.CACHE_DIR = folder
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
