"""`spigot parse-corpus`: a folder of text in, a folder of parses out, on Ray."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Literal

import typer

from spigot.cli.device import MixedPrecisionOption
from spigot.data.lengths import MAX_LENGTH
from spigot.errors import UserError


def parse_corpus(
    model: Annotated[str, typer.Argument(help="An installed model, a run's folder, or hf://OWNER/NAME on the hub.")],
    folder: Annotated[Path, typer.Argument(help="A folder of text or CoNLL-U; gzip is unpacked.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the parses: new, or that of a job to go on with.")
    ],
    source: Annotated[
        Literal["conllu", "raw", "lines", "tokenized"],
        typer.Option(
            "--from",
            help="What the files hold: CoNLL-U; raw text with blank lines between paragraphs, or one on each line; "
            "or a sentence on each line with blanks between its tokens.",
        ),
    ] = "raw",
    to: Annotated[Literal["conllu", "json"], typer.Option(help="Output.")] = "conllu",
    confidence: Annotated[bool, typer.Option("--confidence", help="Add how sure the model is.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Workers, each with a model and a processor.")] = 2,
    part_bytes: Annotated[int, typer.Option(min=1, help="About how many bytes a part has.")] = 1_000_000,
    max_length: Annotated[int, typer.Option(min=1, help="Longer sentences are left out and named.")] = MAX_LENGTH,
    mixed_precision: MixedPrecisionOption = "no",
    address: Annotated[
        str | None, typer.Option(help="The Ray cluster; by default that of RAY_ADDRESS, or this computer.")
    ] = None,
) -> None:
    """Parse a folder of files with Ray, in parts; the same command again goes on where it stopped."""
    from rich.console import Console
    from rich.progress import track

    from spigot.scaling.actors import Work
    from spigot.scaling.corpus import connect, parse_corpus

    work = Work(model, folder.absolute(), out.absolute(), source, to, confidence, max_length, mixed_precision)
    rows = parse_corpus(work, workers, part_bytes)
    console = Console(stderr=True)
    parts = sentences = 0
    failed = []
    # Ray prints what it has to say of workers to standard output, which is for data alone.
    with redirect_stdout(sys.stderr), connect(address):
        for row in track(rows, "parts", console=console, disable=not console.is_terminal, total=None):
            if row["error"]:
                failed.append(row["error"])
                console.print(f"spigot: {row['part']}: {row['error']}", markup=False, highlight=False, soft_wrap=True)
                continue
            parts += 1
            sentences += row["sentences"]
            if row["left_out"]:
                console.print(f"spigot: {row['part']}: left out as too long: {row['left_out']}", markup=False)
    done = f"{sentences} sentences in {parts} parts" if parts or failed else "all parts are parsed already"
    console.print(f"{done}, in {out}", markup=False, highlight=False)
    if failed:
        raise UserError(f"{len(failed)} of {parts + len(failed)} parts could not be read; the first: {failed[0]}")
