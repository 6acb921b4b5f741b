"""UD English EWT: its files as a source of sentences, and its trees as they are.

Silveira et al. (2014), "A Gold Standard Dependency Corpus for English".
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from spigot.corpora.files import find_file, replaced
from spigot.corpora.parallel import ordered_map
from spigot.corpora.summary import Progress, Summary, no_progress
from spigot.data.blocks import Block, read_blocks
from spigot.data.conllu import sentence_of_block
from spigot.data.errors import DataError
from spigot.data.sentence import SYNTAX, Sentence

Record: TypeAlias = tuple[int, Block]
"""The number of a sentence in its file, and its text."""
SPLITS = ("train", "dev", "test")


def file_name(split: str) -> str:
    """Return what the treebank calls the file of a split."""
    return f"en_ewt-ud-{split}.conllu"


def find_splits(source: Path) -> dict[str, Path]:
    """Return the files of the splits that lie in a folder or in the folders within it."""
    return {split: find_file(source, file_name(split)) for split in SPLITS}


def digest(path: Path) -> str:
    """Return a SHA-256 of the sentences of a file, whatever their order: of the sorted SHA-256 of each."""
    sentences = (hashlib.sha256(block.text.strip().encode()).digest() for _, block in read_records(path))
    return hashlib.sha256(b"".join(sorted(sentences))).hexdigest()


def read_records(path: Path) -> Iterator[Record]:
    """Yield the blocks of a file with their numbers, unparsed."""
    return enumerate(read_blocks(path, comments=True, lone_comments=True), 1)


def sentence_of(record: Record) -> Sentence | str:
    """Return the sentence of a block, or one line that says why it cannot be read; it must have a tree."""
    number, block = record
    try:
        sentence = sentence_of_block(block, number)
    except DataError as error:
        return str(error)
    if SYNTAX not in sentence.trees:
        return f"{block.path}:{block.line}: sentence {sentence.id!r}: expected a tree, got none"
    return sentence


def convert(source: Path, out: Path, *, processes: int = 1, progress: Progress = no_progress) -> Summary:
    """Check the trees and copy their files as they are: into `out`, under the treebank's own file names.

    Raises:
        DataError: a file of the treebank is missing.
    """
    summary = Summary()
    for split, path in find_splits(source).items():
        for done, size in enumerate(ordered_map(_size, read_records(path), processes), 1):
            if isinstance(size, str):
                summary.broken.append(size)
            else:
                summary.counts[f"{split}: sentences"] += 1
                summary.counts[f"{split}: tokens"] += size
            progress(split, done, None)
        with replaced(out / path.name) as unfinished:
            shutil.copyfile(path, unfinished)
    return summary


def _size(record: Record) -> int | str:
    sentence = sentence_of(record)
    return sentence if isinstance(sentence, str) else len(sentence)
