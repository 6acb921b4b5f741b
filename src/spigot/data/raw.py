"""Raw text, cut into sentences and tokens by spaCy (the extra "text")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spigot.data.errors import DataError
from spigot.data.files import BOM, Readable, display_name, numbered_lines
from spigot.data.sentence import Sentence
from spigot.errors import UserError

BLANK = "blank:"


def read_raw(source: Readable, pipeline: str) -> Iterator[Sentence]:
    """Yield the sentences of raw text, where every line is a paragraph; a few paragraphs are held at a time.

    Lemmas and tags are the pipeline's (`lemma_` and `tag_`), "_" where it has none. Ids are running numbers.

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.
        pipeline: an installed spaCy pipeline ("en_core_web_sm"), or "blank:" and a language ("blank:en") for
            spaCy's tokeniser and rules for the ends of sentences alone.

    Raises:
        UserError: spaCy, or the pipeline, is not installed.
        DataError: the text is not UTF-8, or a line is longer than spaCy takes.
    """
    nlp = _load(pipeline)
    number = 0
    for document in nlp.pipe(_paragraphs(source, nlp.max_length), batch_size=16):
        for span in document.sents:
            tokens = [token for token in span if not token.is_space]
            if tokens:
                number += 1
                yield Sentence(
                    str(number),
                    tuple(token.text for token in tokens),
                    tuple(token.lemma_ or "_" for token in tokens),
                    tuple(token.tag_ or "_" for token in tokens),
                )


def _paragraphs(source: Readable, longest: int) -> Iterator[str]:
    for number, line in numbered_lines(source):
        text = (line.removeprefix(BOM) if number == 1 else line).strip()
        if len(text) > longest:
            limit = f"expected a paragraph of at most {longest} characters, spaCy's limit"
            raise DataError(display_name(source), number, f"{limit}, got {len(text)} (end lines between paragraphs)")
        if text:
            yield text


def _load(pipeline: str) -> Any:
    try:
        import spacy
    except ImportError:
        raise UserError("raw text: expected spaCy, which is not installed: pip install 'torch-spigot[text]'") from None
    try:
        if not pipeline.startswith(BLANK):
            return spacy.load(pipeline)
        nlp = spacy.blank(pipeline.removeprefix(BLANK))
    except (OSError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"--spacy {pipeline}: expected an installed spaCy pipeline: {reason}") from None
    nlp.add_pipe("sentencizer")
    return nlp
