"""`spigot data`: open corpora, from what their projects publish to a folder that `spigot train` reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from spigot.cli.console import emit

if TYPE_CHECKING:
    from spigot.corpora.summary import Progress, Summary

SHOWN = 20
"""Broken records that are named on the screen; the file broken.txt beside the data names all."""


def data(
    name: Annotated[str, typer.Argument(help="list, ewt, eud, propbank, redwoods, sst or vectors.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the data; may hold other corpora.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="What is on disk already, instead of a download.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for downloads (default: the user's cache).")] = None,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Take downloads whose checksums are not known.")
    ] = False,
    processes: Annotated[int, typer.Option(min=1, help="How many processes convert.")] = min(8, os.cpu_count() or 1),
    url: Annotated[str | None, typer.Option(help="vectors: where to download from (default: GloVe 6B).")] = None,
    sha256: Annotated[str | None, typer.Option(help="vectors: the checksum of what --url gives.")] = None,
    member: Annotated[str | None, typer.Option(help="vectors: which file of a .zip archive.")] = None,
) -> None:
    """List open corpora, or make one ready for training: convert it, with its licence and a data.toml.

    Several corpora may share a folder: `spigot data redwoods --out DATA`, `spigot data vectors --out DATA`,
    then `spigot train modern/spigot --data DATA --out RUN`. Prints the path of data.toml.
    """
    from spigot.corpora.catalog import CORPORA

    if name == "list":
        width = max(map(len, (*CORPORA, "vectors")))
        for corpus in CORPORA.values():
            emit(f"{corpus.name:{width}}  {corpus.title}; {corpus.licence}")
        emit(f"{'vectors':{width}}  Word vectors in GloVe's text format, by default GloVe 6B of 100 dimensions; PDDL")
        return
    if name not in (*CORPORA, "vectors"):
        expected = ", ".join(("list", *CORPORA, "vectors"))
        raise typer.BadParameter(f"expected one of {expected}, got {name!r}", param_hint="NAME")
    if out is None:
        raise typer.BadParameter("expected a folder, got none", param_hint="--out")
    if name != "vectors":
        for option, value in (("--url", url), ("--sha256", sha256), ("--member", member)):
            if value is not None:
                raise typer.BadParameter(f"expected it with vectors only, got it with {name}", param_hint=option)
        _corpus(name, out, source, cache, unverified, processes)
    else:
        _vectors(out, source, cache, unverified, url, sha256, member)
    emit(str(out / "data.toml"))


def _corpus(name: str, out: Path, source: Path | None, cache: Path | None, unverified: bool, processes: int) -> None:
    from spigot.corpora.catalog import CORPORA
    from spigot.corpora.fetch import cache_folder, fetch
    from spigot.corpora.prepare import attribution, prepare

    corpus = CORPORA[name]
    for line in attribution(corpus).splitlines():
        _say(line)
    with _progress("B") as progress:
        if source is None:
            source = cache_folder(name, corpus.sources, cache)
            fetch(corpus.sources, source, verify=corpus.verify, unverified=unverified, progress=progress)
    with _progress("") as progress:
        done = prepare(corpus, source, out, processes=processes, progress=progress)
    for folder, summary in done.summaries.items():
        _report(out / folder, summary)
    for path in done.missing:
        _say(f"{out / path}: not made, since {source} lacks its sources; data.toml does not name it")
    _tell_gone(out, done.gone, name)


def _vectors(
    out: Path,
    source: Path | None,
    cache: Path | None,
    unverified: bool,
    url: str | None,
    sha256: str | None,
    member: str | None,
) -> None:
    from spigot.corpora import vectors
    from spigot.corpora.catalog import GLOVE, GLOVE_LICENCE, GLOVE_MEMBER
    from spigot.corpora.fetch import Source, cache_folder, fetch
    from spigot.corpora.prepare import write_account
    from spigot.corpora.table import update_table

    origin = f"Licence: as stated by the publisher of {source.name if source else url}"
    if source is None:
        if url is None:
            download, member, origin = GLOVE, member or GLOVE_MEMBER, GLOVE_LICENCE
        else:
            download = Source(url, PurePosixPath(urlsplit(url).path).name.lstrip(".") or "vectors.txt", sha256)
        _say(origin)
        folder = cache_folder("vectors", [download], cache)
        with _progress("B") as progress:
            fetch([download], folder, unverified=unverified, progress=progress)
        source = folder / download.name
    else:
        for option, value in (("--url", url), ("--sha256", sha256)):
            if value is not None:
                raise typer.BadParameter("expected it or --from, got both", param_hint=option)
        _say(origin)
    packed = vectors.packed_name(vectors.member_of(source, member) or source.name)
    with _progress("") as progress:
        summary = vectors.convert(source, out / "vectors" / packed, member=member, progress=progress)
    prefix = packed.removesuffix("txt.gz")
    write_account(out / "vectors", summary, f"{origin}\nChanges made: checked and packed.\n", prefix=prefix)
    _report(out / "vectors", summary, prefix)
    _tell_gone(out, update_table(out, {"vectors": f"vectors/{packed}"}), "vectors")


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _report(folder: Path, summary: Summary, prefix: str = "") -> None:
    """Tell what a converter read and wrote, and name what it could not read."""
    for what, count in sorted(summary.counts.items()):
        _say(f"{folder}: {what}: {count}")
    for line in summary.broken[:SHOWN]:
        _say(f"left out: {line}")
    if len(summary.broken) > SHOWN:
        _say(f"left out: {len(summary.broken) - SHOWN} more; {folder / f'{prefix}broken.txt'} names all")


def _tell_gone(out: Path, gone: list[str], name: str) -> None:
    for key in gone:
        _say(f"{out / 'data.toml'}: data.{key} was set to other files; now to those of {name}")


@contextmanager
def _progress(unit: str) -> Iterator[Progress]:
    """Give a function that shows progress on a terminal's stderr, one bar for each thing that it is told of."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, ProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    amount: ProgressColumn = DownloadColumn() if unit == "B" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), amount)
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield _updater(bar.add_task, bar.update)


def _updater(add: Callable, update: Callable) -> Progress:
    tasks: dict[str, int] = {}

    def progress(what: str, done: int, total: int | None) -> None:
        if what not in tasks:
            tasks[what] = add(what, total=total)
        update(tasks[what], completed=done, total=total)

    return progress
