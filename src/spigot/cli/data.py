"""`spigot data`: open corpora, from what their projects publish, or from a generator, to what `spigot train` reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

import typer

from spigot.cli.console import emit

if TYPE_CHECKING:
    from spigot.corpora.summary import Progress, Summary

SHOWN = 20
"""Broken records that are named on the screen; the file broken.txt beside the data names all."""


def data(
    name: Annotated[str, typer.Argument(help="list, ewt, eud, propbank, redwoods, sst, vectors or listops.")],
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
    processes: Annotated[
        int | None, typer.Option(min=1, help="How many processes convert (default: one a core, at most 8).")
    ] = None,
    url: Annotated[str | None, typer.Option(help="vectors: where to download from (default: GloVe 6B).")] = None,
    sha256: Annotated[str | None, typer.Option(help="vectors: the checksum of what --url gives.")] = None,
    member: Annotated[str | None, typer.Option(help="vectors: which file of a .zip archive.")] = None,
    sentences: Annotated[
        int | None,
        typer.Option(min=10, help="listops: how many to train on; dev and test get a tenth each (default: 100000)."),
    ] = None,
    settings: Annotated[
        Literal["original", "simplified"] | None, typer.Option(help="listops: which ones (default: simplified).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="listops: the seed of the sequences (default: 1).")] = None,
) -> None:
    """List open corpora, or make one ready for training: convert it, with its licence and a data.toml.

    Several corpora may share a folder: `spigot data redwoods --out DATA`, `spigot data vectors --out DATA`,
    then `spigot train modern/spigot --data DATA --out RUN`. Prints the path of data.toml.
    """
    from spigot.corpora.catalog import CORPORA

    names = (*CORPORA, "vectors", "listops")
    if name == "list":
        width = max(map(len, names))
        for corpus in CORPORA.values():
            emit(f"{corpus.name:{width}}  {corpus.title}; {corpus.licence}")
        emit(f"{'vectors':{width}}  Word vectors in GloVe's text format, by default GloVe 6B of 100 dimensions; PDDL")
        emit(
            f"{'listops':{width}}  ListOps: nested operations on digits, values and trees; generated, no licence needed"
        )
        return
    if name not in names:
        expected = ", ".join(("list", *names))
        raise typer.BadParameter(f"expected one of {expected}, got {name!r}", param_hint="NAME")
    if out is None:
        raise typer.BadParameter("expected a folder, got none", param_hint="--out")
    if name != "vectors":
        _refuse("with vectors only", name, {"--url": url, "--sha256": sha256, "--member": member})
    if name != "listops":
        _refuse("with listops only", name, {"--sentences": sentences, "--settings": settings, "--seed": seed})
    if name == "listops":
        sources = {"--from": source, "--cache": cache, "--unverified": unverified or None, "--processes": processes}
        _refuse("with other corpora only", name, sources)
        _listops(
            out, 100_000 if sentences is None else sentences, settings or "simplified", 1 if seed is None else seed
        )
    elif name == "vectors":
        _vectors(out, source, cache, unverified, url, sha256, member)
    else:
        _corpus(name, out, source, cache, unverified, processes or min(8, os.cpu_count() or 1))
    emit(str(out / "data.toml"))


def _refuse(where: str, name: str, options: Mapping[str, object]) -> None:
    """Raise an error for the first option that was given."""
    for option, value in options.items():
        if value is not None:
            raise typer.BadParameter(f"expected it {where}, got it with {name}", param_hint=option)


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


def _listops(out: Path, sentences: int, settings: str, seed: int) -> None:
    from spigot.corpora.listops import SETTINGS, attribution, write_listops
    from spigot.corpora.prepare import write_account
    from spigot.corpora.table import update_table

    with _progress("") as progress:
        summary = write_listops(out / "listops", SETTINGS[settings], sentences=sentences, seed=seed, progress=progress)
    write_account(out / "listops", summary, attribution(settings, sentences, seed))
    _report(out / "listops", summary)
    files = {"train": "listops/train.conllu", "dev": "listops/dev.conllu"}
    _tell_gone(out, update_table(out, {"category": files, "syntax": files}), "listops")


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
