"""spaCy's documents (the extra "text"): sentences out of them; trees, graphs and classes into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from spigot.errors import UserError

from .boundaries import sentence_starts
from .sentence import NO_LABEL, NO_TAG, SENTIMENTS, Sentence, Surface
from .surface import spaces_after, surface_of
from .tokens import as_in_treebanks

BLANK = "blank:"
DOC_EXTENSIONS: dict[str, Any] = {"graphs": {}}
SPAN_EXTENSIONS: dict[str, Any] = {"categories": {}, "sentiment": None, "sentiment_probability": None}
"""Attributes under `._.` and what they are where nothing is set."""


class Piece(NamedTuple):
    """A sentence of a document, and which tokens of the document are its tokens."""

    sentence: Sentence
    places: tuple[int, ...]


@lru_cache(maxsize=8)
def pipeline(name: str) -> Any:
    """Return a spaCy pipeline: an installed one, or of "blank:en" the rules for tokens and the ends of sentences alone.

    Raises:
        UserError: spaCy, or the pipeline, is not installed.
    """
    spacy = import_spacy()
    try:
        if not name.startswith(BLANK):
            return spacy.load(name)
        nlp = spacy.blank(name.removeprefix(BLANK))
    except (OSError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"--spacy {name}: expected an installed spaCy pipeline: {reason}") from None
    as_in_treebanks(nlp)
    nlp.max_length = 2**31  # the limit is for parsers
    return nlp


@cache
def vocabulary(language: str) -> Any:
    """Return the one vocabulary of a language, by which documents of it can be joined.

    Raises:
        UserError: spaCy is not installed, or does not know the language.
    """
    spacy = import_spacy()
    try:
        defaults = spacy.util.get_lang_class(language).Defaults
    except ImportError:
        raise UserError(f"language: expected one that spaCy knows, got {language!r}") from None
    return spacy.vocab.create_vocab(language, defaults)


def import_spacy() -> Any:
    """Return the module spacy. Raises UserError."""
    try:
        import spacy
    except ImportError:
        message = "raw text: expected spaCy, which is not installed: pip install 'torch-spigot[text]'"
        raise UserError(f"{message} (or give tokens between blanks: --tokenized)") from None
    return spacy


def pieces(doc: Any, first: int = 1, start: int = 0, paragraph: bool = True) -> Iterator[Piece]:
    """Yield the sentences of a spaCy `Doc`; white space is no token.

    Tags are `tag_` (or `pos_`), universal tags `pos_`, lemmas `lemma_`.

    Sentences are those of the document, or by rules where it has none: see `sentence_starts`.

    Args:
        doc: the document.
        first: the id of its first sentence; the others count on.
        start: where its text begins in a larger one.
        paragraph: whether a paragraph begins with it.
    """
    places = [[token.i for token in group if not token.is_space] for group in _groups(doc)]
    places = [group for group in places if group]
    text = doc.text
    for number, group in enumerate(places):
        tokens = [doc[i] for i in group]
        begin, end = tokens[0].idx, tokens[-1].idx + len(tokens[-1].text)
        following = doc[places[number + 1][0]].idx if number + 1 < len(places) else len(text)
        surface = Surface(
            text[begin:end],
            tuple((token.idx - begin, token.idx - begin + len(token.text)) for token in tokens),
            start + begin,
            text[end:following],
            paragraph and number == 0,
        )
        yield Piece(
            Sentence(
                str(first + number),
                tuple(token.text for token in tokens),
                tuple(token.lemma_ or "_" for token in tokens),
                tuple(token.tag_ or token.pos_ or NO_TAG for token in tokens),
                surface=surface,
                upos=tuple(token.pos_ or NO_TAG for token in tokens) if any(token.pos for token in tokens) else (),
            ),
            tuple(group),
        )


def _groups(doc: Any) -> Iterator[Any]:
    if doc.has_annotation("SENT_START") or not len(doc):
        yield from doc.sents
        return
    starts = sentence_starts(doc)
    begin = 0
    for place in range(1, len(doc) + 1):
        if place == len(doc) or starts[place]:
            yield doc[begin:place]
            begin = place


def annotate(doc: Any, parsed: Sequence[Piece], tree: str | None, names: Iterable[str] = ()) -> None:
    """Set what parsed sentences say of a `Doc`: heads, deps, tags, sentences, `doc._.graphs`, and sentences' classes.

    The label of a root is "ROOT", as spaCy has it, and universal tags that it does not know are left out. White space
    hangs on the token before it. `doc._.graphs` has for each name a list of (head, modifier, label) with places in the
    document; the head of a top is None. A sentence whose tree has several roots becomes several of spaCy's.

    Each of `doc.sents` has `sent._.categories`, its classes by name, `sent._.sentiment` ("negative", "positive" or
    None) and `sent._.sentiment_probability`. `doc.cats` stays as it is: it classifies documents, not sentences.

    Args:
        doc: a document of which `parsed` has all sentences, as from `pieces`.
        parsed: the sentences with trees and graphs.
        tree: the name of the trees to take; None: heads and deps stay as they are.
        names: those of the graphs, for a document without sentences.
    """
    from spacy.attrs import DEP, HEAD, POS, SENT_START, TAG
    from spacy.parts_of_speech import IDS

    n, strings = len(doc), doc.vocab.strings
    heads = np.arange(n)
    deps, tags, starts = ["dep"] * n, [token.tag_ for token in doc], np.full(n, -1)
    upos = [token.pos for token in doc]
    graphs: dict[str, list[tuple[int | None, int, str]]] = {name: [] for name in names}
    for sentence, places in parsed:
        for k, place in enumerate(places):
            tags[place] = tags[place] if sentence.tags[k] == NO_TAG else sentence.tags[k]
            upos[place] = IDS.get(sentence.upos[k], upos[place]) if sentence.upos else upos[place]
            if tree is not None:
                head, label = sentence.trees[tree].heads[k], sentence.trees[tree].labels[k]
                heads[place] = places[head - 1] if head else place
                deps[place] = "ROOT" if not head else "dep" if label == NO_LABEL else label
        starts[places[0]] = 1
        for name, graph in sentence.graphs.items():
            arcs = graphs.setdefault(name, [])
            arcs += [(places[h - 1] if h else None, places[m - 1], label) for h, m, label in graph.arcs]
    words = {place for piece in parsed for place in piece.places}
    before = min(words, default=0)
    for place in range(n):
        before = place if place in words else before
        heads[place] = heads[place] if place in words else before
    columns: dict[Any, Any] = {TAG: [strings.add(tag) if tag else 0 for tag in tags], POS: upos}
    if tree is not None and words:
        columns |= {HEAD: heads - np.arange(n), DEP: [strings.add(dep) for dep in deps]}
    elif not doc.has_annotation("SENT_START"):
        columns[SENT_START] = starts
    values = [np.asarray(column, np.uint64 if key in (TAG, POS, DEP) else np.int64) for key, column in columns.items()]
    if n:
        doc.from_array(list(columns), np.stack([column.astype(np.uint64) for column in values], 1))
    register_extensions()
    doc._.graphs = graphs
    _annotate_sentences(doc, parsed)


def _annotate_sentences(doc: Any, parsed: Sequence[Piece]) -> None:
    """Set the classes and sentiments of the sentences of a document, which lie within those of `parsed`."""
    of = {place: sentence for sentence, places in parsed for place in places}
    for span in doc.sents if of else ():
        sentence = next((of[token.i] for token in span if token.i in of), None)
        if sentence is not None and sentence.categories:
            span._.categories = dict(sentence.categories)
        if sentence is not None and sentence.sentiment is not None:
            span._.sentiment = SENTIMENTS[sentence.sentiment]
            span._.sentiment_probability = sentence.probability


def register_extensions() -> None:
    """Make what `annotate` sets under `._.` known to spaCy."""
    from spacy.tokens import Doc, Span

    for owner, extensions in ((Doc, DOC_EXTENSIONS), (Span, SPAN_EXTENSIONS)):
        for name, default in extensions.items():
            if not owner.has_extension(name):
                owner.set_extension(name, default=default)


def doc_of(sentences: Sequence[Sentence], vocab: Any, tree: str | None) -> Any:
    """Return a new `Doc` of sentences, with `annotate`.

    Its text is theirs, with white space of other kinds than one blank as tokens, as spaCy has it. In a multiword token
    whose words do not spell it (UD), words follow each other without blanks.

    Args:
        sentences: sentences with their annotations.
        vocab: the vocabulary of the pipeline that goes on with the document; None: a new one, of no language.
        tree: the name of the trees to take; None: none.
    """
    spacy = import_spacy()
    words: list[str] = []
    spaces: list[bool] = []
    parsed = []
    for sentence in sentences:
        places = []
        surface = surface_of(sentence)
        for form, space in zip(sentence.forms, spaces_after(surface), strict=True):
            places.append(len(words))
            words.append(form)
            spaces.append(space.startswith(" "))
            if rest := space.removeprefix(" "):
                words.append(rest)
                spaces.append(False)
        parsed.append(Piece(sentence, tuple(places)))
    doc = spacy.tokens.Doc(spacy.Vocab() if vocab is None else vocab, words=words, spaces=spaces)
    for piece in parsed:
        for place, lemma in zip(piece.places, piece.sentence.lemmas, strict=True):
            if lemma != "_":
                doc[place].lemma_ = lemma
    annotate(doc, parsed, tree)
    return doc
