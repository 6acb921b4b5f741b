"""From the skeletons and UD English EWT to SDP files of role graphs, document by document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from spigot.corpora import ewt
from spigot.corpora.files import replaced
from spigot.corpora.parallel import ordered_map
from spigot.corpora.propbank.alignment import Words, align_sentences, align_tokens, joined
from spigot.corpora.propbank.roles import SpanError, Syntax, role_graph
from spigot.corpora.propbank.skeleton import Predicate, Skeleton, Span, find_documents, read_skeletons
from spigot.corpora.summary import Progress, Summary, no_progress
from spigot.data.blocks import Block
from spigot.data.conllx import COARSE_TAG
from spigot.data.sdp import write_sdp
from spigot.data.sentence import SEMANTICS, SYNTAX, Sentence

FILES = {"train": "train.sdp.gz", "dev": "dev.sdp", "test": "test.sdp"}


class Document(NamedTuple):
    """A document of the treebank: its records, and name and text of its skeletons if PropBank has it."""

    records: list[ewt.Record]
    skeletons: tuple[str, str] | None


@dataclass
class Converted:
    """What became of a document."""

    sentences: list[Sentence] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def convert(source: Path, out: Path, *, processes: int = 1, progress: Progress = no_progress) -> Summary:
    """Convert the treebank and the skeletons in `source` to the files of `FILES` in `out`.

    Ids, forms, lemmas, tags, order and splits are those of UD; sentences without an arc are left out.

    Raises:
        DataError: a file of the treebank is missing, or all skeletons are.
    """
    summary = Summary()
    splits = ewt.find_splits(source)
    skeletons = find_documents(source)
    for split, path in splits.items():
        with replaced(out / FILES[split]) as unfinished:
            documents = _documents(path, skeletons)
            write_sdp(_sentences(split, documents, processes, summary, progress), unfinished, companion=False)
    return summary


def _documents(path: Path, skeletons: dict[str, tuple[str, str]]) -> Iterator[Document]:
    """Yield the documents of a file; a sentence without `newdoc id` before it belongs to the document before."""
    current = ""

    def document_of(record: ewt.Record) -> str:
        nonlocal current
        for _, line in record[1].lines():
            if line.startswith("# newdoc id = "):
                current = line.removeprefix("# newdoc id = ").strip()
        return current

    for name, records in groupby(ewt.read_records(path), document_of):
        yield Document(list(records), skeletons.get(name))


def _sentences(
    split: str, documents: Iterator[Document], processes: int, summary: Summary, progress: Progress
) -> Iterator[Sentence]:
    done = 0
    for converted in ordered_map(convert_document, documents, processes, chunk=20):
        summary.counts.update({f"{split}: {name}": count for name, count in converted.counts.items()})
        summary.broken += converted.broken
        yield from converted.sentences
        done += converted.counts["UD sentences"]
        progress(split, done, None)


def convert_document(document: Document) -> Converted:
    """Return the sentences of a document that have arcs, in the order of UD, with their graphs."""
    result = Converted()
    result.counts["UD sentences"] = len(document.records)
    if document.skeletons is None:
        result.counts["not in PropBank"] = len(document.records)
        return result
    skeletons = list(read_skeletons(*document.skeletons))
    sentences = [ewt.sentence_of(record) for record in document.records]
    words = [
        Words((), (), ()) if isinstance(sentence, str) else _words(sentence, record[1])
        for sentence, record in zip(sentences, document.records, strict=True)
    ]
    tags = [() if isinstance(skeleton, str) else skeleton.tags for skeleton in skeletons]
    for group in align_sentences(tags, words):
        ours = skeletons[group.first_start : group.first_end]
        theirs = range(group.second_start, group.second_end)
        result.broken += [item for item in (*ours, *(sentences[k] for k in theirs)) if isinstance(item, str)]
        read_ours = [item for item in ours if not isinstance(item, str)]
        read_theirs = [item for k in theirs if not isinstance(item := sentences[k], str)]
        if len(read_ours) < len(ours) or len(read_theirs) < len(theirs):
            continue
        if not read_ours or not read_theirs:
            what = "PropBank sentences without a counterpart" if read_ours else "UD sentences without a counterpart"
            result.counts[what] += len(read_ours) + len(read_theirs)
            continue
        _add(result, read_ours, read_theirs, joined([words[k] for k in theirs]), [document.records[k] for k in theirs])
    return result


def _words(sentence: Sentence, block: Block) -> Words:
    """Return what the alignment sees of a sentence; the words of a multiword token are glued."""
    glued: list[bool] = []
    last, last_is_glued = 0, False
    for columns in _rows(block):
        if "-" in columns[0]:
            last, last_is_glued = int(columns[0].partition("-")[2]), "SpaceAfter=No" in columns[9]
        elif columns[0].isdecimal():
            token = int(columns[0])
            inside = token < last or (token == last and last_is_glued)
            glued.append(inside if token <= last else "SpaceAfter=No" in columns[9])
    return Words(sentence.forms, sentence.tags, tuple(glued))


def _rows(block: Block) -> Iterator[list[str]]:
    return (line.split("\t") for _, line in block.lines() if not line.startswith("#"))


def _add(
    result: Converted,
    skeletons: Sequence[Skeleton],
    sentences: Sequence[Sentence],
    words: Words,
    records: Sequence[ewt.Record],
) -> None:
    """Convert skeletons and sentences that belong together, and add what has arcs to the result."""
    where = f"{skeletons[0].where}: sentence {sentences[0].id!r}"
    tags = [tag for skeleton in skeletons for tag in skeleton.tags]
    groups = align_tokens(tags, words)
    if groups is None:
        result.broken.append(f"{where}: expected {len(words.forms)} tokens, some joined or split, got {len(tags)}")
        return
    same = len(groups) == len(tags) == len(words.forms) and len(sentences) == len(skeletons) == 1
    words_of = [tuple(range(g.second_start + 1, g.second_end + 1)) for g in groups for _ in range(*g[:2])]
    predicates = _joined_predicates(skeletons)
    before = 0
    for sentence, (_, block) in zip(sentences, records, strict=True):
        try:
            part = _within(predicates, words_of, before, before + len(sentence))
            graph = role_graph(*part, _syntax(sentence, block))
        except SpanError as error:
            result.counts["dropped: a span ends inside a word"] += 1
            result.broken.append(f"{where}: {error}")
        else:
            result.counts["aligned 1:1" if same else "aligned after repair"] += 1
            result.counts["sentences" if graph.predicates else "without an arc"] += 1
            if graph.predicates:
                result.counts["arcs"] += sum(arc.head > 0 for arc in graph.arcs)
                result.sentences.append(
                    Sentence(sentence.id, sentence.forms, sentence.lemmas, sentence.tags, graphs={SEMANTICS: graph})
                )
        before += len(sentence)


def _joined_predicates(skeletons: Sequence[Skeleton]) -> list[Predicate]:
    """Return the predicates of several skeletons, their tokens counted on from one to the next."""
    predicates, before = [], 0
    for skeleton in skeletons:
        predicates += [_moved(predicate, before) for predicate in skeleton.predicates]
        before += len(skeleton.tags)
    return predicates


def _within(
    predicates: Sequence[Predicate], words_of: Sequence[Sequence[int]], before: int, end: int
) -> tuple[list[Predicate], list[list[int]]]:
    """Return the predicates on words before + 1 to end, and the words of their tokens, both counted from there.

    Raises:
        SpanError: a token or a span reaches over the border.
    """
    inside = [k for k, words in enumerate(words_of, 1) if any(before < word <= end for word in words)]
    if not inside:
        return [], []
    first, last = inside[0], inside[-1]
    if not all(before < word <= end for k in inside for word in words_of[k - 1]):
        raise SpanError("a token of PropBank reaches into the next sentence of UD")
    kept = [predicate for predicate in predicates if first <= predicate.token <= last]
    for predicate in kept:
        for role, start, stop in predicate.spans:
            if start < first or stop > last:
                raise SpanError(f"the span {role} of tokens {start} to {stop} reaches into another sentence of UD")
    words = [[word - before for word in words_of[k - 1]] for k in range(first, last + 1)]
    return [_moved(predicate, 1 - first) for predicate in kept], words


def _moved(predicate: Predicate, by: int) -> Predicate:
    spans = tuple(Span(role, start + by, end + by) for role, start, end in predicate.spans)
    return Predicate(predicate.token + by, predicate.roleset, spans)


def _syntax(sentence: Sentence, block: Block) -> Syntax:
    tree = sentence.trees[SYNTAX]
    punctuation = tuple(columns[COARSE_TAG] == "PUNCT" for columns in _rows(block) if columns[0].isdecimal())
    return Syntax(tree.heads, tree.labels, punctuation)
