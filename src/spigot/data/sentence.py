"""A sentence and its annotations: syntactic trees, semantic graphs, categories, a sentiment.

Tokens are numbered from 1, as in CoNLL-U and SDP; 0 is ROOT.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

TOP = "__TOP__"
"""The label of the arcs from ROOT to the tops of a semantic graph."""
NO_LABEL = "_"
"""The label of an arc that has none."""
NO_TAG = "_"
"""The tag of a token that has none."""
TokenColumn: TypeAlias = Literal["tags", "upos", "lemmas"]
"""What a `Sentence` has for each token: tags (XPOS), universal tags, lemmas."""
SYNTAX, SEMANTICS = "syntax", "semantics"
"""The default names of a tree and of a graph."""
SENTIMENTS = ("negative", "positive")
"""What the numbers of `Sentence.sentiment` mean."""

T = TypeVar("T")


class Arc(NamedTuple):
    """One labelled arc of a semantic graph; head 0 (with label `TOP`) marks a top node."""

    head: int
    modifier: int
    label: str


@dataclass(frozen=True)
class Tree:
    """A dependency tree: `heads[m - 1]` and `labels[m - 1]` belong to token m; head 0 is ROOT."""

    heads: tuple[int, ...]
    labels: tuple[str, ...]

    @property
    def is_projective(self) -> bool:
        """Whether no two arcs cross when they are drawn above the sentence, with ROOT before the first token."""
        open_until: list[int] = []
        for left, right in sorted(((min(a), max(a)) for a in enumerate(self.heads, 1)), key=lambda a: (a[0], -a[1])):
            while open_until and open_until[-1] <= left:
                open_until.pop()
            if open_until and open_until[-1] < right:
                return False
            open_until.append(right)
        return True


@dataclass(frozen=True)
class Graph:
    """A semantic dependency graph.

    `predicates` are the tokens flagged as such, which contain the heads of all arcs but may have no
    argument. `frames` holds one sense per token ("_" for none) or is empty.
    """

    arcs: tuple[Arc, ...]
    predicates: frozenset[int]
    frames: tuple[str, ...] = ()


class Confidence(NamedTuple):
    """How sure a parser is of one annotation, in numbers from 0 to 1; see `Task.confidences` for what they are.

    `arcs` has one number for each token's arc in a tree, for each arc of a graph in the order of `Graph.arcs`; `labels`
    one for each of their labels, given the arc, or for each token's tag, or one for a category. Either may be empty.
    """

    arcs: tuple[float, ...] = ()
    labels: tuple[float, ...] = ()


class Surface(NamedTuple):
    """The text that a sentence was found in, and where its tokens lie in it.

    `spans` has (start, end) for each token, in characters of `text`: token m is `text[start:end]`. Words of a
    multiword token that do not spell it have its span in common.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    start: int = 0
    """Where `text` begins in its document."""
    after: str = " "
    """The white space between this sentence and the next one."""
    paragraph: bool = False
    """Whether a paragraph begins here."""


class Annotations(Mapping[str, T]):
    """Annotations by name: a mapping that cannot be changed. Equal to a dict of the same content."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, T]) -> None:
        self._items = dict(items)

    def __getitem__(self, name: str) -> T:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


@dataclass(frozen=True)
class Sentence:
    """Tokens with their annotations; `lemmas` and `tags` hold "_" where the source had none.

    `tags` are those of the language or the treebank (XPOS), `upos` the universal ones (UPOS), empty if there are none.

    Several formalisms can live on one sentence: `trees["ud"]`, `graphs["dm"]`, `graphs["pb"]`.
    """

    id: str
    forms: tuple[str, ...]
    lemmas: tuple[str, ...]
    tags: tuple[str, ...]
    trees: Mapping[str, Tree] = Annotations({})
    graphs: Mapping[str, Graph] = Annotations({})
    sentiment: int | None = None
    """0 negative, 1 positive."""
    probability: float | None = None
    """The classifier's probability of `sentiment`."""
    categories: Mapping[str, str] = Annotations({})
    """Classes of the whole sentence, by the name of the task: `categories["topic"]`."""
    source: Any = field(default=None, compare=False, repr=False)
    """What the reader needs to write the sentence back unchanged (comments, multiword tokens, ...)."""
    surface: Surface | None = field(default=None, compare=False, repr=False)
    """The raw text, where the sentence comes from raw text; `spigot.data.surface.surface_of` finds it for any."""
    confidences: Mapping[str, Confidence] = field(default=Annotations({}), compare=False, repr=False)
    """By the names of trees, graphs and categories, and of tasks of kind "tags"; only where they were asked for."""
    upos: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """The universal tag of each token, "_" where it has none; empty if no token has one. Few formats hold them."""

    def __post_init__(self) -> None:
        for name in ("trees", "graphs", "categories", "confidences"):
            value = getattr(self, name)
            if not isinstance(value, Annotations):
                object.__setattr__(self, name, Annotations(value))

    def __len__(self) -> int:
        return len(self.forms)

    def with_tree(self, name: str, tree: Tree) -> Sentence:
        """Return the sentence with another tree under a name."""
        return replace(self, trees={**self.trees, name: tree}, confidences=_without(self.confidences, name))

    def with_graph(self, name: str, graph: Graph) -> Sentence:
        """Return the sentence with another graph under a name."""
        return replace(self, graphs={**self.graphs, name: graph}, confidences=_without(self.confidences, name))

    def with_category(self, name: str, category: str) -> Sentence:
        """Return the sentence with another class under a name."""
        categories = {**self.categories, name: category}
        return replace(self, categories=categories, confidences=_without(self.confidences, name))

    def with_confidence(self, name: str, confidence: Confidence) -> Sentence:
        """Return the sentence with the confidence of the annotation of a name."""
        return replace(self, confidences={**self.confidences, name: confidence})


def column_of(sentence: Sentence, column: TokenColumn) -> tuple[str, ...]:
    """Return what stands in a column, `NO_TAG` for each token that has nothing there."""
    values: tuple[str, ...] = getattr(sentence, column)
    return values or (NO_TAG,) * len(sentence)


def under_name(sentence: Sentence, kind: Literal["trees", "graphs"], name: str) -> Sentence:
    """Return the sentence; if it has just one of these, that gets this name, whatever its own."""
    items: Mapping[str, Any] = getattr(sentence, kind)
    if len(items) != 1 or name in items:
        return sentence
    (item,) = items.values()
    return replace(sentence, **{kind: {name: item}})  # type: ignore[arg-type]


def _without(items: Mapping[str, T], name: str) -> Mapping[str, T]:
    """Return a mapping without one name."""
    return {key: value for key, value in items.items() if key != name} if name in items else items
