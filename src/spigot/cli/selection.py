"""The sentences that `spigot parse` takes: those of its files, --shard, and what --max-length says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from spigot.data.sentence import Sentence


def parse_shard(text: str) -> tuple[int, int]:
    """Return the number of a shard, from 1, and how many there are: "2/8"."""
    number, slash, count = text.partition("/")
    if slash and number.isdecimal() and count.isdecimal() and len(text) < 20 and 1 <= int(number) <= int(count):
        return int(number), int(count)
    raise typer.BadParameter(f"expected I/N with 1 <= I <= N (such as 2/8), got {text!r}", param_hint="--shard")


def one_after_another(files: Iterable[Iterator[Sentence]]) -> Iterator[Sentence]:
    """Yield the sentences of files; where ids are the numbers of the sentences, they go on from file to file."""
    before = 0
    for file in files:
        number = 0
        for number, sentence in enumerate(file, 1):
            counts = before > 0 and sentence.id == str(number)
            yield replace(sentence, id=str(before + number)) if counts else sentence
        before += number


def in_shard(sentences: Iterable[Sentence], shard: str | None) -> Iterator[Sentence]:
    """Return every n-th sentence, from the i-th on; ids were given before, so they are unique over all shards."""
    number, count = (1, 1) if shard is None else parse_shard(shard)
    return islice(sentences, number - 1, None, count)


def name_left_out(sentence: Sentence, longest: int) -> None:
    """Name a sentence of more than `longest` tokens on stderr."""
    what = f"sentence {sentence.id!r} of {len(sentence)} tokens"
    typer.echo(f"spigot: left out: {what}; --max-length is {longest}", err=True)
