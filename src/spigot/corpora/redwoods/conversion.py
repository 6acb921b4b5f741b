"""All profiles, split by split: what is dropped, what is written, and the account of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TextIO

from spigot.corpora.files import replaced
from spigot.corpora.parallel import ordered_map
from spigot.corpora.summary import Progress, Summary
from spigot.data.errors import DataError
from spigot.data.files import open_output
from spigot.data.sdp import HEADER

from . import splits
from .drops import Reason
from .grammar import grammar_folder, read_grammar
from .reader import Record, read_profile, read_texts
from .sentences import Converted, LeftOut, convert_record

COMPRESSED = frozenset({"train"})
QUARTER, DROPPED = "train-quarter.ids", "dropped.tsv"


def convert_profiles(source: Path, out: Path, processes: int, progress: Progress) -> Summary:
    """Convert the profiles in `source` to files in `out`; see `spigot.corpora.redwoods.convert`."""
    grammar = grammar_folder(source)
    read_grammar(grammar)  # a damaged table is found here, not in each process
    convert_one = partial(convert_record, grammar=grammar)
    profiles = [folder for split in splits.SPLITS for folder in splits.find_profiles(source, split)]
    if not profiles:
        raise DataError(source, None, "expected profiles such as ws201 in tsdb/gold/ or here, got none")
    summary = Summary()
    excluded = _excluded_texts(source, summary)
    left: list[LeftOut] = []
    results = _sifted(ordered_map(convert_one, _records(profiles, summary), processes), excluded)
    counted = _counted(results, left, summary, progress)
    for split, sentences in groupby(counted, key=lambda sentence: splits.split_of(sentence.profile)):
        _write(split, sentences, out, summary)
    with _output(out / DROPPED) as file:
        file.writelines(f"{one.id}\t{one.reason}\t{one.detail}\n" for one in left)
    return summary


def _excluded_texts(source: Path, summary: Summary) -> frozenset[str]:
    """Return the words of the texts that are kept out."""
    texts: set[str] = set()
    for folder in splits.excluded_profiles(source):
        try:
            texts.update(words for text in read_texts(folder) if splits.is_distinctive(words := splits.words_of(text)))
        except DataError as error:
            summary.broken.append(str(error))
    return frozenset(texts)


def _records(profiles: Iterable[Path], summary: Summary) -> Iterator[Record]:
    """Yield the analyses of all profiles; a profile ends where it is damaged."""
    for folder in profiles:
        try:
            yield from read_profile(folder)
        except DataError as error:
            summary.broken.append(str(error))


def _sifted(results: Iterable[Converted | LeftOut], excluded: frozenset[str]) -> Iterator[Converted | LeftOut]:
    """Leave out sentences with excluded texts, and those whose tokens came before."""
    seen: set[str] = set()
    for result in results:
        if isinstance(result, LeftOut):
            yield result
        elif result.words in excluded:
            yield LeftOut(result.profile, result.id, Reason.WSJ)
        elif (key := "\n".join(result.forms).lower()) in seen:
            yield LeftOut(result.profile, result.id, Reason.DUPLICATE)
        else:
            seen.add(key)
            yield result


def _counted(
    results: Iterable[Converted | LeftOut], left: list[LeftOut], summary: Summary, progress: Progress
) -> Iterator[Converted]:
    """Yield the sentences and collect what is left out, counting both by profile."""
    for profile, group in groupby(results, key=lambda result: result.profile):
        for done, result in enumerate(group, 1):
            progress(profile, done, None)
            if isinstance(result, Converted):
                summary.counts[f"{profile}: sentences"] += 1
                yield result
                continue
            summary.counts[f"{profile}: {result.reason}"] += 1
            left.append(result)
            if result.reason is Reason.UNREADABLE:
                summary.broken.append(f"{result.id}: {result.detail}")


def _write(split: str, sentences: Iterable[Converted], out: Path, summary: Summary) -> None:
    """Write the files of a split, and of the training split the ids of the fixed quarter."""
    suffix = ".gz" if split in COMPRESSED else ""
    quarter = []
    with _output(out / f"{split}.sdp{suffix}") as sdp, _output(out / f"{split}.dt.conllu{suffix}") as conllu:
        sdp.write(HEADER + "\n")
        for sentence in sentences:
            sdp.write(sentence.sdp)
            conllu.write(sentence.conllu)
            size = len(sentence.forms)
            summary.counts.update(
                {f"{split}: sentences": 1, f"{split}: tokens": size, f"{split}: edges": sentence.edges}
            )
            if splits.in_quarter(sentence.id, size):
                quarter.append(sentence.id)
    if split == "train":
        with _output(out / QUARTER) as file:
            file.writelines(f"{id}\n" for id in quarter)


@contextmanager
def _output(path: Path) -> Iterator[TextIO]:
    """Open a text file that takes its place when it is complete, if it differs from what is there."""
    with replaced(path) as unfinished, open_output(unfinished) as file:
        yield file
