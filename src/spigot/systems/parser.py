"""A trained system for people who have text: `spigot.load`."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, get_args

import torch

from spigot.data.blocks import fits_column
from spigot.data.files import BOM, UNWRITABLE
from spigot.data.lengths import MAX_LENGTH, check_lengths
from spigot.data.raw import paragraphs, sentences_of
from spigot.data.sentence import Sentence
from spigot.data.spacy_docs import BLANK, pieces
from spigot.errors import UserError
from spigot.precision import MixedPrecision, check_device, computing
from spigot.systems.base import System
from spigot.systems.loading import load_system
from spigot.systems.parse import Parse, Parses
from spigot.systems.streaming import PARSING_BUDGET, PARSING_WINDOW, parse_all
from spigot.tasks.base import Task


def load(
    source: str | Path, device: torch.device | str = "cpu", mixed_precision: MixedPrecision = "no", **hub: Any
) -> Parser:
    """Load a parser: `load("en")`.

    Args:
        source: the name of an installed model package, a run's folder, or "hf://OWNER/NAME" on the hub.
        device: where it computes.
        mixed_precision: "bf16" takes products and LSTMs in bfloat16, and decodes in float32. It is faster on devices
            that have such numbers, GPUs and some processors (AVX512-BF16), and changes few predictions.
        hub: for `huggingface_hub.snapshot_download` (`revision`, `token`, `local_files_only`, ...).

    Raises:
        CheckpointError: there is no such model, or it cannot be read; the message lists the installed ones.
        UserError: `mixed_precision` is neither, or torch has no such device.
    """
    if mixed_precision not in get_args(MixedPrecision):
        raise UserError(f"mixed_precision: expected 'no' or 'bf16', got {mixed_precision!r}")
    try:
        check_device(device)
    except ValueError as error:
        raise UserError(f"device: {error}") from None
    return Parser(load_system(source, device, **hub), mixed_precision)


class _Item(NamedTuple):
    """One element of a stream as sentences."""

    sentences: list[Sentence]
    alone: bool
    """Whether its result is one parse, not a list."""


class Parser:
    """Parses text, tokens and sentences with a system.

    | what it is called on | what comes back |
    |---|---|
    | a string, which is raw text | a list of parses, one for each of its sentences |
    | a `Sentence` | its parse |
    | a spaCy `Doc` | a list of parses, one for each of its sentences |
    | a list of these | a list of what each of them gives |
    | a list of lists of tokens | a list of parses, one for each of them |
    | an iterator of them | an iterator: `stream` |

    Raw text is cut into sentences and tokens by spaCy's rules for the system's language (the extra "text"). Tags and
    lemmas are those that a sentence or a `Doc` has. Trees and graphs that a sentence has already are left out.
    """

    def __init__(self, system: System, mixed_precision: MixedPrecision = "no") -> None:
        self.system = system
        self.mixed_precision = mixed_precision

    @property
    def language(self) -> str:
        """The language that raw text is cut by, as spaCy names it."""
        return str(self.system.config.language)

    @property
    def tree(self) -> str | None:
        """The name of the trees, if the system predicts some: the first task that does."""
        return next((name for name, task in self.system.tasks.items() if task.outputs == "trees"), None)

    def comments(self, sentence: Sentence, but: Task | None = None) -> list[str]:
        """Return what all tasks but one say of a parsed sentence in comments of CoNLL-U: see `Task.comments`."""
        return [line for task in self.system.tasks.values() if task is not but for line in task.comments(sentence)]

    def __call__(self, items: Any, confidence: bool = False, max_length: int = MAX_LENGTH) -> Any:
        """Parse one thing or several, see the class.

        Args:
            items: see the class.
            confidence: whether each parse gets the confidences of its annotations, which takes about twice the time.
            max_length: tokens of the longest sentence: memory grows with the square of its length (1 GB for 1000 tokens
                and 50 labels).

        Raises:
            UserError: it is none of these things, or lacks what the system needs, or a sentence is too long.
        """
        if isinstance(items, Iterator):
            return self.stream(items, confidence, max_length=max_length)
        if isinstance(items, list | tuple):
            found = list(self.stream(items, confidence, max_length=max_length))
            return Parses(found) if all(isinstance(each, Parse) for each in found) else found
        (result,) = self.stream([items], confidence, max_length=max_length)
        return result

    def stream(
        self,
        items: Iterable[Any],
        confidence: bool = False,
        window: int = PARSING_WINDOW,
        batch_tokens: int = PARSING_BUDGET,
        max_length: int = MAX_LENGTH,
    ) -> Iterator[Any]:
        """Return an iterator of what each item gives, in their order, as they are needed.

        Sentences of about equal length are parsed together, with at most `window` of them read ahead, though an item
        is held as a whole. An error in an item, or of `items` itself, is raised after what the items before it give.

        Args:
            items: what a list may have, see the class; a file of lines of raw text, too.
            confidence: see `__call__`.
            window: sentences to read ahead; 1 answers each item at once.
            batch_tokens: tokens parsed at a time.
            max_length: see `__call__`.

        Raises:
            UserError: see `__call__`.
        """
        for name, value in (("window", window), ("batch_tokens", batch_tokens), ("max_length", max_length)):
            if not isinstance(value, int) or value < 1:
                raise UserError(f"{name}: expected a whole number of at least 1, got {value!r}")
        if isinstance(items, str | bytes):
            raise UserError("items: expected an iterable of texts or sentences, got a single text")
        if not isinstance(items, Iterable):
            raise UserError(f"items: expected an iterable of texts or sentences, got {type(items).__name__}")
        return self._stream(iter(items), confidence, window, batch_tokens, max_length)

    def _stream(
        self, items: Iterator[Any], confidence: bool, window: int, batch_tokens: int, max_length: int
    ) -> Iterator[Any]:
        error: Exception | None = None
        waiting = window
        numbered = 0
        while error is None and waiting >= window:
            held: list[_Item] = []
            waiting = 0
            try:
                for item in items:
                    read = self._item(item, numbered + 1)
                    count = len(check_lengths(read.sentences, max_length))
                    held.append(read)
                    waiting += count
                    numbered += count
                    if waiting >= window:
                        break
            except Exception as caught:  # whatever the iterator raises waits for the items before it
                error = caught
            yield from self._parsed(held, confidence, batch_tokens)
        if error is not None:
            raise error

    def parse_batch(self, sentences: Sequence[Sentence], confidence: bool = False) -> list[Sentence]:
        """Parse sentences, which are one batch; what they are annotated with is left out."""
        with computing(self.mixed_precision, self.system.device):
            return self.system.parse([bare(sentence) for sentence in sentences], confidence)

    def _parsed(self, held: Sequence[_Item], confidence: bool, batch_tokens: int) -> Iterator[Any]:
        given = [sentence for item in held for sentence in item.sentences]
        parsed = iter(parse_all(lambda batch: self.parse_batch(batch, confidence), given, batch_tokens))
        for item in held:
            parses = Parses(Parse(next(parsed), self.language) for _ in item.sentences)
            yield parses[0] if item.alone else parses

    def _item(self, item: Any, first: int) -> _Item:
        """Return the sentences of an item; their ids, if they have none of their own, count from `first`."""
        is_doc = type(item).__module__.startswith("spacy.") and hasattr(item, "has_annotation")
        given = item.text if is_doc else item
        for text in [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else ():
            if isinstance(text, str) and (found := UNWRITABLE.search(text)):
                raise UserError(f"items: expected text, got the character U+{ord(found[0]):04X}: {repr(text)[:60]}")
        if isinstance(item, str):
            text = item.removeprefix(BOM)
            parts = paragraphs(io.StringIO(text, newline="\n"), start=len(item) - len(text))
            return _Item(list(sentences_of(parts, BLANK + self.language, first=first)), alone=False)
        if isinstance(item, Parse):
            return _Item([item.sentence], alone=True)
        if isinstance(item, Sentence):
            return _Item([item], alone=True)
        if is_doc:
            return _Item([piece.sentence for piece in pieces(item, first)], alone=False)
        if isinstance(item, list | tuple) and item and all(isinstance(token, str) and token.strip() for token in item):
            for token in item:
                if not fits_column(token):
                    raise UserError(f"items: expected tokens without tabs and line ends, got {repr(token)[:60]}")
            blank = ("_",) * len(item)
            return _Item([Sentence(str(first), tuple(item), blank, blank)], alone=True)
        kinds = "a text, a Sentence, a spaCy Doc or a list of tokens that are not empty"
        raise UserError(f"items: expected {kinds}, got {type(item).__name__}: {repr(item)[:60]}")


def bare(sentence: Sentence) -> Sentence:
    """Return a sentence without trees, graphs, categories and a sentiment: what a parser is to predict."""
    empty: dict[str, Any] = {key: {} for key in ("trees", "graphs", "categories", "confidences")}
    return replace(sentence, sentiment=None, probability=None, **empty)
