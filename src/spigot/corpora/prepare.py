"""From a source on disk to a folder that training can read: converted files, attribution, and `data.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from spigot.corpora.catalog import CORPORA, Corpus
from spigot.corpora.files import replaced
from spigot.corpora.summary import Progress, Summary, no_progress
from spigot.corpora.table import update_table
from spigot.errors import UserError


class Prepared(NamedTuple):
    """What was done."""

    summaries: dict[str, Summary]
    """What the converters report, by corpus."""
    gone: list[str]
    """The keys of `data.toml` whose old values went."""
    missing: list[str]
    """Files for training that the source does not suffice for."""


def prepare(
    corpus: Corpus, source: Path, out: Path, *, processes: int = 1, progress: Progress = no_progress
) -> Prepared:
    """Convert a corpus, and those beside it, into folders of their names in `out`.

    Each folder gets its attribution, and the list of records that could not be read if there are any; `data.toml`
    names the files that were made.

    Raises:
        UserError: `out` is in `source`, where its files would count as sources the next time; a file of the source is
            missing, or what the converter needs is not installed.
    """
    if out.resolve().is_relative_to(source.resolve()):
        raise UserError(f"--out: expected a folder outside {source}, got {out}")
    summaries = {}
    for name in (*corpus.beside, corpus.name):
        # Imported when needed: a converter may need packages that others do not.
        converter = import_module(f"spigot.corpora.{name}")
        folder = out / name
        summaries[name] = converter.convert(source, folder, processes=processes, progress=progress)
        write_account(folder, summaries[name], attribution(CORPORA[name]), CORPORA[name].notices)
    made = {
        task: {part: path for part, path in parts.items() if (out / path).is_file()}
        for task, parts in corpus.tables.items()
    }
    missing = [path for parts in corpus.tables.values() for path in parts.values() if not (out / path).is_file()]
    return Prepared(summaries, update_table(out, made), missing)


def attribution(corpus: Corpus) -> str:
    """Return what has to be said where the corpus is passed on."""
    return "\n".join([corpus.title, f"Licence: {corpus.licence}", "", *corpus.attribution]) + "\n"


def write_account(
    folder: Path, summary: Summary, attribution: str, notices: tuple[str, ...] = (), prefix: str = ""
) -> None:
    """Write attribution, licence texts and the names of broken records beside the data.

    The names of the files begin with `prefix`, for folders that hold several things.
    """
    licences = files("spigot.corpora").joinpath("licences")
    texts: Mapping[str, str] = {
        "ATTRIBUTION.txt": attribution,
        **{f"LICENSE.{name}": licences.joinpath(name).read_text("utf-8") for name in notices},
        "broken.txt": "".join(f"{line}\n" for line in summary.broken),
    }
    for name, text in texts.items():
        path = folder / f"{prefix}{name}"
        if text:
            with replaced(path) as unfinished:
                unfinished.write_text(text, "utf-8")
        else:
            path.unlink(missing_ok=True)
