"""Downloads: by pinned address, checked by SHA-256, resumed where they were cut off. Needs pooch (extra `corpora`)."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spigot.corpora.summary import Progress, no_progress
from spigot.errors import UserError

TIMEOUT = (10, 60)
"""Seconds to wait for a connection, and for the next bytes."""
PIECE = 1 << 16


@dataclass(frozen=True)
class Source:
    """One file to download."""

    url: str
    name: str
    """Its path in the folder of downloads."""
    sha256: str | None = None
    """None: not known in advance. Such a file is taken only by those who say so."""
    known_content: bool = False
    """Whether what is in the file is checked after the download, in place of its bytes."""


def fetch(
    sources: Sequence[Source],
    folder: Path,
    *,
    verify: Callable[[Path], None] | None = None,
    unverified: bool = False,
    progress: Progress = no_progress,
) -> None:
    """Bring files into a folder; those that are there already and match their checksums stay.

    Args:
        sources: what to download.
        folder: where to; made if need be.
        verify: the check of the content of files with `known_content`; raises a UserError if it is another.
        unverified: whether to take files whose checksums are not known.
        progress: told about the bytes of each file.

    Raises:
        UserError: pooch is not installed, a checksum is not known, or a file does not match its checksum.
        OSError: the download failed; what came so far stays, and the next call goes on from there.
    """
    unknown = [source for source in sources if source.sha256 is None and not source.known_content]
    if unknown and not unverified:
        others = f" and {len(unknown) - 1} other files" if len(unknown) > 1 else ""
        raise UserError(
            f"{unknown[0].url}{others}: expected a known SHA-256, got none; "
            "--unverified takes what the server sends, --from a copy that you have checked"
        )
    pooch = _pooch()
    from requests.exceptions import RequestException

    for source in sources:
        registry: dict[str, Any] = {source.name: source.sha256}
        store = pooch.create(folder, base_url="", registry=registry, urls={source.name: source.url})
        try:
            store.fetch(source.name, downloader=_Resuming(source, folder, progress))
        except RequestException as error:
            message = f"download failed ({_reason(error)}); the same command goes on from here"
            raise OSError(errno.EIO, message, source.url) from error
        except ValueError as error:
            raise UserError(f"{source.url}: expected SHA-256 {source.sha256}, got another file ({error})") from None
    if verify is not None:
        try:
            verify(folder)
        except UserError:
            for source in sources:
                if source.known_content:
                    (folder / source.name).unlink()
            raise


def cache_folder(name: str, sources: Sequence[Source], cache: Path | None = None) -> Path:
    """Return the folder for the downloads of one corpus, another one where the addresses differ.

    Args:
        name: the corpus.
        sources: its files.
        cache: where such folders are; None: in the user's cache.
    """
    addresses = hashlib.sha256("\n".join(source.url for source in sources).encode()).hexdigest()
    return (Path(_pooch().os_cache("spigot")) if cache is None else cache) / f"{name}-{addresses[:12]}"


def _pooch() -> Any:
    try:
        import pooch
    except ModuleNotFoundError:
        raise UserError(
            "downloads: expected pooch to be installed (pip install 'torch-spigot[corpora]'), got none; "
            "--from takes what is on disk"
        ) from None
    pooch.get_logger().setLevel("ERROR")
    return pooch


def _reason(error: Exception) -> str:
    """Return the innermost reason of a failed request, without the connection's description before it."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"{response.status_code} {response.reason}"
    inner = getattr(error, "reason", None) or next(iter(error.args), None)
    if isinstance(inner, Exception):
        return _reason(inner)
    return str(inner or error).rpartition(": ")[2]


class _Resuming:
    """A downloader of pooch that keeps what came before a failure, and asks for the rest the next time."""

    def __init__(self, source: Source, folder: Path, progress: Progress) -> None:
        self.source = source
        self.part = folder / f"{source.name}.part"
        self.progress = progress

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        import requests

        # Where nothing is checked, nothing would tell whether both halves are of the same file.
        checked = self.source.sha256 is not None or self.source.known_content
        have = self.part.stat().st_size if checked and self.part.is_file() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == 416:  # nothing is left to send, or the file is another
                self.part.unlink()
                return self(url, output_file, pooch)
            response.raise_for_status()
            if response.status_code != 206:
                have = 0
            length = response.headers.get("Content-Length")
            total = None if length is None else have + int(length)
            with open(self.part, "ab" if have else "wb") as file:
                for piece in response.iter_content(PIECE):
                    file.write(piece)
                    have += len(piece)
                    self.progress(self.source.name, have, total)
        os.replace(self.part, output_file)
        return None
