"""Word vectors in GloVe's text format, checked and packed; Pennington, Socher and Manning (2014)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from spigot.corpora.files import replaced
from spigot.corpora.summary import Progress, Summary, no_progress
from spigot.data.errors import DataError
from spigot.data.files import Readable, display_name, open_output
from spigot.data.vectors import VectorLines, check_numbers


def convert(source: Path, out: Path, *, member: str | None = None, progress: Progress = no_progress) -> Summary:
    """Write the vectors of a file to `out` (".gz" is packed), broken lines and repeated words left out.

    Args:
        source: a text file, plain or gzip, or a .zip archive of text files.
        out: the file to write.
        member: which file of an archive; None: its only one.
        progress: told about the lines.

    Raises:
        DataError: there is no such file or member, or not one good line.
    """
    if source.is_dir():
        raise DataError(source, None, "expected a file of word vectors, got a folder")
    summary = Summary()
    with replaced(out) as unfinished, _opened(source, member) as lines, open_output(unfinished) as file:
        seen: set[str] = set()
        for number, word, numbers in VectorLines(lines, broken=lambda error: summary.broken.append(str(error))):
            if number % 1000 == 0:
                progress("vectors", number, None)
            if word in seen:
                summary.counts["repeated words, left out"] += 1
            elif wrong := check_numbers(numbers):
                summary.broken.append(str(DataError(display_name(lines), number, wrong)))
            else:
                seen.add(word)
                file.write(f"{word} {' '.join(numbers)}\n")
                summary.counts["words"] += 1
                summary.counts["dimensions"] = len(numbers)
        if not seen:
            raise DataError(source, None, "expected lines of a word and its numbers, got none")
    return summary


def packed_name(source: str) -> str:
    """Return the name of the file to write for a source or a member of an archive: NAME.txt.gz."""
    name = PurePosixPath(source).name
    for ending in (".gz", ".txt", ".vec"):
        name = name.removesuffix(ending)
    return f"{name}.txt.gz"


def member_of(source: Path, member: str | None) -> str | None:
    """Return which file of an archive to read; None for a source that is no archive.

    Raises:
        DataError: a damaged archive, no such member, or none named where there are several.
    """
    if source.suffix != ".zip":
        if member is not None:
            raise DataError(source, None, f"expected a .zip archive to take {member} from, got another file")
        return None
    try:
        with zipfile.ZipFile(source) as archive:
            members = [info.filename for info in archive.infolist() if not info.is_dir()]
    except zipfile.BadZipFile as error:
        raise DataError(source, None, f"expected an intact .zip archive, got: {error}") from None
    chosen = [name for name in members if member is None or member in (name, PurePosixPath(name).name)]
    if len(chosen) != 1:
        expected = f"the member {member}" if member else "one member (or --member to choose one)"
        raise DataError(source, None, f"expected {expected}, got {', '.join(members) or 'none'}")
    return chosen[0]


@contextmanager
def _opened(source: Path, member: str | None) -> Iterator[Readable]:
    member = member_of(source, member)
    if member is None:
        yield source
        return
    with zipfile.ZipFile(source) as archive, archive.open(member) as file:
        yield file
