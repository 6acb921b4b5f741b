"""Why a gold analysis does not become a sentence."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why an analysis is left out, in the order in which they are looked for."""

    UNREADABLE = "unreadable"
    """Initial tokens, derivation or MRS cannot be decoded, or do not fit each other."""
    ILL_FORMED = "ill-formed"
    """An example of bad English, by the profile's i-wf."""
    OVERLAP = "overlapping tokens"
    MARKUP = "markup in a token"
    """A markup character or white space in a form, or an empty form."""
    NO_EDGES = "no edges"
    CYCLIC = "cyclic"
    WSJ = "matches WSJ"
    """The text of a sentence of the Wall Street Journal."""
    DUPLICATE = "duplicate"
    """The tokens, in lower case, of a sentence before."""


class Dropped(Exception):
    """An analysis that is left out."""

    def __init__(self, reason: Reason, detail: str = ""):
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason, self.detail = reason, detail
