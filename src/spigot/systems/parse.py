"""One parsed sentence, as Python, the shell, spaCy and drawings have it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any, NamedTuple

from spigot.data.cells import passive
from spigot.data.conllu import only_name, write_parses
from spigot.data.draw import draw_graph, draw_tree
from spigot.data.errors import WriteError
from spigot.data.files import Writable
from spigot.data.json_lines import object_of_sentence, sentence_of_json
from spigot.data.mrp import write_mrp
from spigot.data.sdp import write_sdp
from spigot.data.sentence import Confidence, Graph, Sentence, Surface, Tree
from spigot.data.surface import spaces_after, surface_of
from spigot.drawing.parses import draw
from spigot.drawing.svg import WIDTH


class Token(NamedTuple):
    """A token of a parse; `start` and `end` count characters of the parse's `text`."""

    text: str
    start: int
    end: int
    space_after: bool
    """Whether white space follows."""


@dataclass(frozen=True)
class Parse:
    """A sentence with its trees, graphs, categories and tags, and the text that it was found in.

    Tokens of trees and graphs count from 1, and 0 is ROOT: `parse.tokens[m - 1]` is token m.
    """

    sentence: Sentence
    language: str = field(default="xx", compare=False)
    """The parser's language, as spaCy names it; "xx" is any."""

    @cached_property
    def surface(self) -> Surface:
        """The text, the place of each token in it, and its own place in the document."""
        return surface_of(self.sentence)

    @property
    def id(self) -> str:
        """The id of the sentence."""
        return self.sentence.id

    @property
    def text(self) -> str:
        """The text of the sentence as it was found."""
        return self.surface.text

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens with their offsets."""
        triples = zip(self.sentence.forms, self.surface.spans, spaces_after(self.surface), strict=True)
        return tuple(Token(form, *span, bool(space)) for form, span, space in triples)

    @property
    def tags(self) -> tuple[str, ...] | None:
        """The tag of each token, "_" where it has none; None if no token has one."""
        return _filled(self.sentence.tags)

    @property
    def upos(self) -> tuple[str, ...] | None:
        """The universal tag of each token, "_" where it has none; None if no token has one."""
        return _filled(self.sentence.upos)

    @property
    def lemmas(self) -> tuple[str, ...] | None:
        """The lemma of each token, "_" where it has none; None if no token has one."""
        return _filled(self.sentence.lemmas)

    @property
    def trees(self) -> Mapping[str, Tree]:
        """The trees by name."""
        return self.sentence.trees

    @property
    def graphs(self) -> Mapping[str, Graph]:
        """The graphs by name."""
        return self.sentence.graphs

    @property
    def categories(self) -> Mapping[str, str]:
        """The classes of the sentence by name."""
        return self.sentence.categories

    @property
    def confidence(self) -> Mapping[str, Confidence]:
        """By the names of trees, graphs, categories and tasks of kind "tags"; empty unless it was asked for."""
        return self.sentence.confidences

    def __len__(self) -> int:
        return len(self.sentence)

    def to_conllu(self, tree: str | None = None, keep_deps: bool = False) -> str:
        """Return CoNLL-U with the tree and all graphs: see `write_parses`."""
        return _text(lambda file: write_parses([self.sentence], file, tree, keep_deps))

    def to_sdp(self, graph: str | None = None) -> str:
        """Return SDP with the graph of this name, or the only one. Raises a ValueError without one."""
        name = self._graph(graph)
        return _text(lambda file: write_sdp([self.sentence], file, graph=name, companion=False, frames=True))

    def to_mrp(self, graph: str | None = None) -> str:
        """Return MRP, a line for each graph, or the graph of this name alone. Raises a ValueError without one."""
        names = [self._graph(graph)] if graph is not None or not self.graphs else list(self.graphs)
        return "".join(_text(lambda file, name=name: write_mrp([self.sentence], file, name)) for name in names)  # type: ignore[misc]

    def to_json(self) -> str:
        """Return one line of JSON with all that there is, see `spigot.data.json_lines`; `from_json` reads it."""
        return json.dumps(object_of_sentence(self.sentence), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, language: str = "xx") -> Parse:
        """Return the parse of `to_json`, which does not say its language. Raises UserError."""
        return cls(sentence_of_json(text), language)

    def to_spacy(self, vocab: Any = None, tree: str | None = None) -> Any:
        """Return a spaCy `Doc` of one sentence: see `spigot.data.spacy_docs.doc_of`.

        Args:
            vocab: the vocabulary of the pipeline that goes on with it; None: that which all parses of a language share.
            tree: the name of the tree; needed if there are several.
        """
        from spigot.data.spacy_docs import doc_of, vocabulary

        vocab = vocabulary(self.language) if vocab is None else vocab
        return doc_of([self.sentence], vocab, only_name("tree", self.sentence, self.trees, tree))

    def __str__(self) -> str:
        drawings = [draw_tree(self.sentence, name) for name in self.trees]
        drawings += [draw_graph(self.sentence, name) for name in self.graphs]
        names = [*self.trees, *self.graphs]
        if len(names) > 1:
            drawings = [f"{name}:\n{drawing}" for name, drawing in zip(names, drawings, strict=True)]
        classes = [f"{name} = {category}" for name, category in self.categories.items()]
        text = "\n".join(map(passive, self.text.expandtabs().split("\n")))
        return "\n".join([*classes, "\n\n".join(drawings) or text])

    def to_svg(self, width: float = WIDTH) -> str:
        """Return a drawing as SVG: see `spigot.drawing`. Raises a ValueError without a tree or a graph."""
        return draw(self.sentence, width=width)

    def _repr_html_(self) -> str:
        classes = "".join(f"<p>{escape(name)} = {escape(category)}</p>" for name, category in self.categories.items())
        return classes + (self.to_svg() if self.trees or self.graphs else f"<p>{escape(self.text)}</p>")

    def _graph(self, name: str | None) -> str:
        found = only_name("graph", self.sentence, self.graphs, name)
        if found is None:
            raise WriteError(f"sentence {self.id}: expected a graph, got none")
        return found


class Parses(list[Parse]):
    """A list of parses, which notebooks draw and `print` writes as text."""

    def __str__(self) -> str:
        return "\n\n".join(map(str, self))

    def _repr_html_(self) -> str:
        return "".join(f"<div>{parse._repr_html_()}</div>" for parse in self)


def _filled(values: tuple[str, ...]) -> tuple[str, ...] | None:
    return values if any(value != "_" for value in values) else None


def _text(write: Callable[[Writable], None]) -> str:
    file = io.StringIO()
    write(file)
    return file.getvalue()


def write_drawings(sentences: Iterable[Sentence], write: Callable[[str], object]) -> None:
    """Write each sentence's text drawing after a line with its id and text, and a blank line after it."""
    for sentence in sentences:
        parse = Parse(sentence)
        write(f"# {parse.id}: {' '.join(parse.text.split())}\n{parse}\n\n")
