"""The base of all errors that are the user's to mend."""

from __future__ import annotations


class UserError(ValueError):
    """What was asked for cannot be done; the message is one line that says why, without a traceback's help."""
