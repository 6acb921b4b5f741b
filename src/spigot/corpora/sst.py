"""The Stanford Sentiment Treebank as published with the original SPIGOT program: whole sentences, two classes.

Socher et al. (2013), "Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank"; neutral
sentences are left out, lemmas and tags are automatic. The format is that of `spigot.data.sst`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spigot.corpora.files import find_file, replaced
from spigot.corpora.summary import Progress, Summary, no_progress
from spigot.data.blocks import read_blocks
from spigot.data.errors import DataError
from spigot.data.sentence import Sentence
from spigot.data.sst import sentence_of_block, write_sst

SPLITS = ("train", "dev", "test")


def convert(source: Path, out: Path, *, processes: int = 1, progress: Progress = no_progress) -> Summary:
    """Check the files `train`, `dev` and `test` (also with .tsv) in `source`, and write them to `out` as .tsv.

    One process does it: there is little to do.

    Raises:
        DataError: a file is missing.
    """
    summary = Summary()
    for split, path in {split: find_file(source, split, f"{split}.tsv") for split in SPLITS}.items():
        with replaced(out / f"{split}.tsv") as unfinished:
            write_sst(_sentences(split, path, summary, progress), unfinished)
    return summary


def _sentences(split: str, path: Path, summary: Summary, progress: Progress) -> Iterator[Sentence]:
    for number, block in enumerate(read_blocks(path, comments=True, lone_comments=True), 1):
        try:
            sentence = sentence_of_block(block, number)
        except DataError as error:
            summary.broken.append(str(error))
            continue
        summary.counts[f"{split}: sentences"] += 1
        summary.counts[f"{split}: tokens"] += len(sentence)
        yield sentence
        progress(split, number, None)
