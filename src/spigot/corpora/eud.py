"""The enhanced graphs of UD English EWT as bi-lexical graphs in SDP.

An arc goes from head to modifier. Arcs from ROOT become tops; labels lose the lemmas of prepositions and
conjunctions; empty nodes are taken out (see `spigot.data.enhanced`). Sentences without an arc are left out.
Enhanced dependencies: Schuster and Manning (2016), "Enhanced English Universal Dependencies".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from functools import partial
from pathlib import Path

from spigot.corpora import ewt
from spigot.corpora.files import replaced
from spigot.corpora.parallel import ordered_map
from spigot.corpora.summary import Progress, Summary, no_progress
from spigot.data.conllx import LABEL
from spigot.data.enhanced import arcs_between_words, graph_of_arcs, read_enhanced
from spigot.data.errors import DataError
from spigot.data.sdp import write_sdp
from spigot.data.sentence import SEMANTICS, Sentence

ENHANCED_RELATIONS = frozenset({"ref", "nsubj:xsubj", "csubj:xsubj"})
"""Relations of the enhanced graphs that no basic tree has."""
FILES = {"train": "train.sdp.gz", "dev": "dev.sdp", "test": "test.sdp"}


def convert(source: Path, out: Path, *, processes: int = 1, progress: Progress = no_progress) -> Summary:
    """Convert the treebank in `source` to the files of `FILES` in `out`.

    Raises:
        DataError: a file of the treebank is missing.
    """
    summary = Summary()
    splits = ewt.find_splits(source)
    relations = ENHANCED_RELATIONS | _basic_relations(splits.values())
    for split, path in splits.items():
        with replaced(out / FILES[split]) as unfinished:
            write_sdp(_graphs(split, path, relations, processes, summary, progress), unfinished, companion=False)
    return summary


def shortened(label: str, relations: Set[str]) -> str:
    """Return the longest prefix of a label that is a relation, or its first part: "nmod" of "nmod:of"."""
    parts = label.split(":")
    prefixes = (":".join(parts[:k]) for k in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in relations), parts[0])


def graph_of(record: ewt.Record, relations: Set[str]) -> Sentence | str:
    """Return a sentence's tokens with its enhanced graph, or why that cannot be read."""
    sentence = ewt.sentence_of(record)
    if isinstance(sentence, str):
        return sentence
    try:
        arcs = arcs_between_words(read_enhanced(record[1]), partial(shortened, relations=relations))
    except DataError as error:
        return str(error)
    return Sentence(
        sentence.id, sentence.forms, sentence.lemmas, sentence.tags, graphs={SEMANTICS: graph_of_arcs(arcs)}
    )


def _basic_relations(splits: Iterable[Path]) -> set[str]:
    """Return the labels in the basic trees."""
    rows = (
        line.split("\t")
        for path in splits
        for _, block in ewt.read_records(path)
        for _, line in block.lines()
        if line[0].isdecimal()
    )
    return {columns[LABEL] for columns in rows if columns[0].isdecimal() and len(columns) > LABEL}


def _graphs(
    split: str, path: Path, relations: Set[str], processes: int, summary: Summary, progress: Progress
) -> Iterator[Sentence]:
    results = ordered_map(partial(graph_of, relations=relations), ewt.read_records(path), processes)
    for done, sentence in enumerate(results, 1):
        if isinstance(sentence, str):
            summary.broken.append(sentence)
        elif not (graph := sentence.graphs[SEMANTICS]).predicates:
            summary.counts[f"{split}: without an arc"] += 1
        else:
            summary.counts[f"{split}: sentences"] += 1
            summary.counts[f"{split}: arcs"] += sum(arc.head > 0 for arc in graph.arcs)
            yield sentence
        progress(split, done, None)
