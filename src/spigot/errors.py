"""The base class of errors in the user's input."""

from __future__ import annotations


class UserError(ValueError):
    """An error in the user's input; the message is one line that explains it without a traceback."""
