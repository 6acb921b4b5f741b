"""Parsing with Ray Data: each actor holds a model, and parses a part of a corpus or a batch of a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spigot.data.errors import DataError
from spigot.data.lengths import MAX_LENGTH, short_enough
from spigot.data.sentence import Sentence
from spigot.errors import UserError
from spigot.precision import MixedPrecision
from spigot.scaling.output import path_of, whole
from spigot.scaling.parts import Part


@dataclass(frozen=True)
class Work:
    """What is done with every part of a corpus."""

    model: str
    folder: Path
    out: Path
    source: str
    """"conllu", "raw" (blank lines between paragraphs), "lines" (a paragraph a line) or "tokenized"."""
    to: str = "conllu"
    confidence: bool = False
    max_length: int = MAX_LENGTH
    mixed_precision: MixedPrecision = "no"


class PartParser:
    """Parses parts; Ray makes one for each worker."""

    def __init__(self, work: Work) -> None:
        import torch

        from spigot.systems.parser import load

        torch.set_num_threads(1)  # Ray gives an actor one processor
        self.work = work
        self.parser = load(work.model, mixed_precision=work.mixed_precision)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Parse one part into its file; return its name, the number of its sentences and what is wrong with it."""
        part = Part(**row)
        left_out: list[str] = []
        try:
            with whole(path_of(self.work.out, part, self.work.to)) as path:
                count = self._write(part, path, left_out)
        except (UserError, OSError) as error:
            return {"part": part.name, "sentences": 0, "error": _placed(error, part), "left_out": ""}
        return {"part": part.name, "sentences": count, "error": "", "left_out": " ".join(left_out)}

    def _write(self, part: Part, path: Path, left_out: list[str]) -> int:
        from spigot.data.conllu import write_parses
        from spigot.data.json_lines import write_json_lines
        from spigot.systems.streaming import parse_stream

        count = 0

        def given() -> Iterator[Sentence]:
            nonlocal count
            sentences = self._sentences(part)
            for sentence in short_enough(sentences, self.work.max_length, lambda long: left_out.append(long.id)):
                count += 1
                yield sentence

        parsed = parse_stream(lambda batch: self.parser.parse_batch(batch, self.work.confidence), given())
        with path.open("w", encoding="utf-8", newline="") as file:
            if self.work.to == "json":
                write_json_lines(parsed, file)
            else:
                write_parses(parsed, file, self.parser.tree, comments=self.parser.comments)
        return count

    def _sentences(self, part: Part) -> Iterator[Sentence]:
        """Yield the sentences of a part; running numbers get its name before them, so that they stay unique."""
        from spigot.data.plain import read_plain
        from spigot.data.raw import read_raw
        from spigot.data.readers import read_sentences
        from spigot.data.spacy_docs import BLANK

        lines = _Lines(str(self.work.folder / part.file), part.lines(self.work.folder))
        if self.work.source == "conllu":
            sentences = read_sentences(lines, "conllu")
        elif self.work.source == "tokenized":
            sentences = read_plain(lines)
        else:
            by_line = self.work.source == "lines"
            sentences = read_raw(lines, BLANK + self.parser.language, by_line=by_line, start=part.start)
        for number, sentence in enumerate(sentences, 1):
            own = self.work.source == "conllu" and sentence.id != str(number)
            yield sentence if own else replace(sentence, id=f"{part.name}-{sentence.id}")


class _Lines:
    """Lines with the name of their file."""

    def __init__(self, name: str, lines: Iterator[bytes]) -> None:
        self.name, self.lines = name, lines

    def __iter__(self) -> Iterator[bytes]:
        return self.lines


def _placed(error: UserError | OSError, part: Part) -> str:
    """Return an error's line with the number of its line in the whole file."""
    if isinstance(error, DataError) and error.line is not None:
        return str(DataError(error.path, error.line + part.line - 1, error.message))
    return str(error)


class ColumnParser:
    """Parses a column of a dataset; Ray makes one for each worker."""

    def __init__(
        self,
        model: str,
        column: str,
        output: str,
        confidence: bool,
        mixed_precision: MixedPrecision = "no",
        max_length: int = MAX_LENGTH,
    ) -> None:
        import torch

        from spigot.systems.parser import load

        torch.set_num_threads(1)
        self.parser = load(model, mixed_precision=mixed_precision)
        self.column, self.output, self.confidence, self.max_length = column, output, confidence, max_length

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Add the parses of a batch of rows, as JSON: a list of one object for each sentence."""
        import json

        import numpy as np

        items = [_item(value) for value in batch[self.column]]
        found = []
        for parses in self.parser.stream(items, self.confidence, max_length=self.max_length):
            several: Sequence[Any] = parses if isinstance(parses, list) else [parses]
            found.append(json.dumps([json.loads(parse.to_json()) for parse in several], ensure_ascii=False))
        return batch | {self.output: np.array(found, dtype=object)}


def _item(value: Any) -> str | list[str]:
    """Return a text or its tokens; what is missing, None or NaN, and an empty list are an empty text."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, float) or len(value) == 0:
        return ""
    return [str(token) for token in value]
