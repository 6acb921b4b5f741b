"""Several tasks on the states of one encoder: FREDA3 of Peng et al. (2017), and trees in the middle of graphs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import SPECIAL, Labels, Roles, Tokens, Vocabulary
from spigot.models.config import NamedTreeFeature
from spigot.models.encoders.base import Encoder
from spigot.models.graph_scorer import GraphScorer
from spigot.models.tagger import Tagger
from spigot.models.tree_scorer import ScoredArcs, TreeScorer
from spigot.systems.base import System, Vectors, check_vectors, to_dicts
from spigot.systems.batch import Batch, Reader
from spigot.systems.gradient import scale_gradient
from spigot.systems.multitask_config import MultitaskConfig, Part, SemanticsPart, SyntaxPart
from spigot.systems.parse_layer import ParseLayer
from spigot.systems.syntax_words import count_crossing
from spigot.tasks.base import Task

Names = Labels | Roles | None


class Known(NamedTuple):
    """What is known of the training data: the words of each encoder, and the labels, roles or tags of each task."""

    words: Mapping[str, Vocabulary]
    names: Mapping[str, Names]


class Multitask(System):
    """Sentence -> states -> tags, trees and graphs, from a part for each task.

    With `config.tree`, the graphs read a hard tree: arc scores -> `structured_argmax` -> tree feature -> graph scores.
    All graphs send their gradient through it into the arc scores, and so into the encoder, which the tasks share
    unless `config.encoder_per_task` is set. With `config.tagger`, the encoders of all other tasks read the tags that
    this task predicts, in training too, in place of those of the input; no gradient passes.
    """

    kind = "multitask"
    config_class = MultitaskConfig
    config: MultitaskConfig

    def __init__(
        self,
        config: MultitaskConfig,
        known: Known,
        vectors: Mapping[str, Vectors] | None = None,
        tasks: Mapping[str, Task] | None = None,
    ) -> None:
        super().__init__(config, tasks)
        self.known = known
        vectors = vectors or {}
        self.encoders = nn.ModuleDict()
        for name, of in config.encoders.items():
            found = _vectors_of(of, vectors)
            key = config.encoder_key(name)
            encoder: Encoder = getattr(config, key).build(vocabulary=known.words[name], vectors=found)
            if config.tagger is not None and ("tags" in encoder.needs) == (name == config.tagger):
                some = "no tags" if name == config.tagger else "tags (tag_dim above 0)"
                raise ValueError(f"{key}: expected one that reads {some} beside a tagger, got another")
            self.encoders[name] = encoder
        self.scorers = nn.ModuleDict()
        feature = None if config.tree is None else config.tree_feature
        for task in config.task_kinds:
            width = self._encoder(task).output_dim
            self.scorers[task] = _scorer(config.parts[task], width, known.names[task], feature)
        if config.tree is not None:
            self.parse_layer = ParseLayer(self.parts[config.tree].structure, config.surrogate.build())

    @classmethod
    def from_sentences(
        cls,
        config: MultitaskConfig,
        tasks: Mapping[str, Task],
        train: Mapping[str, Sequence[Sentence]],
        vectors: Mapping[str, Vectors],
        start: nn.Module | None = None,
    ) -> Self:
        """Make an untrained system: see `System.from_sentences`."""
        names = {name: _names(config, task, train[name]) for name, task in tasks.items()}
        words = {}
        for name, of in config.encoders.items():
            found, key = _vectors_of(of, vectors), config.encoder_key(name)
            described = getattr(config, key)
            check_vectors(found, f"{key}.word_dim", described.settings.get("word_dim"))
            words[name] = Vocabulary.build(_distinct(train, of), found or (), min_count=config.min_word_count)
            words[name] = words[name].without({"lemmas", "tags"} - described.build(vocabulary=words[name]).needs)
            tags = None if config.tagger in (None, name) else names[str(config.tagger)]
            if isinstance(tags, Labels):
                words[name] = words[name].with_tags(tags.names)
        return cls(config, Known(words, names), vectors, tasks)

    def to_vocabulary(self) -> dict[str, Any]:
        """Return the words of each encoder and the labels of each task in JSON types."""
        return {field: to_dicts(found) for field, found in self.known._asdict().items()}

    @classmethod
    def from_vocabulary(cls, config: MultitaskConfig, tasks: Mapping[str, Task], vocabulary: dict[str, Any]) -> Self:
        """Make the system, with random weights, from the result of `to_vocabulary`."""
        names: dict[str, Names] = {}
        for task, kind in config.task_kinds.items():
            content = vocabulary["names"][task]
            names[task] = None if content is None else (Roles if kind == "semantics" else Labels).from_dict(content)
        words = {name: Vocabulary.from_dict(content) for name, content in vocabulary["words"].items()}
        return cls(config, Known(words, names), tasks=tasks)

    @property
    def parts(self) -> dict[str, Any]:
        """What scores the states, for each task."""
        return dict(self.scorers.items())

    def reader(self, task: str) -> Reader:
        """Return what the task's encoder reads."""
        encoder = self._encoder(task)
        needs = encoder.needs if self.config.tagger is None else encoder.needs - {"tags"}
        return Reader(self.known.words[self.config.encoder_of(task)], encoder.word_dropout, needs)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters of each part and, if it is shared, of the encoder."""
        found = {name: list(part.parameters()) for name, part in self.parts.items()}
        for name, encoder in self.encoders.items():
            group = name if self.config.has_own_encoder(name) else "encoder"
            found.setdefault(group, []).extend(encoder.parameters())
        return found

    def reached(self, task: str, weight: float) -> list[str]:
        """Return the task, the tree that it reads, and the encoder."""
        found = [task]
        if self._reads_tree(task) and weight != 0:
            found.append(str(self.config.tree))
        return found if self.config.has_own_encoder(task) else ["encoder", *found]

    @property
    def end_tasks(self) -> list[str]:
        """The graphs, which read the tree."""
        return [name for name in self.tasks if self._reads_tree(name)]

    def _reads_tree(self, task: str) -> bool:
        return self.config.tree is not None and self.config.task_kinds[task] == "semantics"

    def _encoder(self, task: str) -> Any:
        return self.encoders[self.config.encoder_of(task)]

    # -- training ------------------------------------------------------------------------------------------

    def output(self, batch: Batch, tokens: Tokens, dropped: Tensor, weight: float) -> Any:
        """Return the scores of one task; a parser with an encoder of its own feeds the graphs without word dropout."""
        task, tree, tagger = batch.task, self.config.tree, self.config.tagger
        tags = None
        if tagger is not None and task != tagger:
            with torch.no_grad():
                tags = self._tags(self._encoder(tagger)(batch.encode(self.reader(tagger))[0]))
        states = self._encoder(task)(tagged(tokens, tags), dropped)
        if tree is None or not self._reads_tree(task):
            return self.parts[task].score(states)
        of_tree = states
        if self.config.encoder_per_task:
            of_tree = self._encoder(tree)(tagged(batch.encode(self.reader(tree))[0], tags))
        arcs = self._arcs(self.parts[tree].score(of_tree), tokens.lengths, weight)
        return self.parts[task].score(states, arcs)

    def _tags(self, states: Tensor) -> Tensor:
        """Return the numbers `[batch, n]` of the tags that the tagger predicts."""
        numbers: Tensor = self.parts[str(self.config.tagger)].score(states).argmax(-1)
        return numbers

    def _arcs(self, scored: ScoredArcs, lengths: Tensor, weight: float = 1.0) -> Tensor:
        """Return the tree that the graphs read; `weight` scales the gradient that they send through it."""
        assert self.parse_layer is not None
        arcs: Tensor = self.parse_layer(scale_gradient(scored.scores, weight), lengths)
        return arcs

    # -- parsing -------------------------------------------------------------------------------------------

    def predict(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return the sentences with the predictions of all tasks."""
        return self._predict(sentences, self.tasks)

    def predict_task(self, task: str, sentences: Sequence[Sentence], annotated: bool = False) -> list[Sentence]:
        """Return the sentences with the predictions of one task."""
        return self._predict(sentences, [task])

    def _predict(self, sentences: Sequence[Sentence], names: Iterable[str]) -> list[Sentence]:
        """Encode once with each encoder, then run the tasks on its states."""
        names, tree = list(names), self.config.tree
        reading = [name for name in names if self._reads_tree(name)]
        needed = dict.fromkeys([*names, *([tree] if tree is not None and reading else [])])
        lengths, states = self._states(sentences, needed)
        scored = {n: self.parts[n].score(states[n]) for n in needed if isinstance(self.parts[n], TreeScorer)}
        arcs = self._arcs(scored[tree], lengths) if tree is not None and reading else None
        parsed = list(sentences)
        for name in names:
            part = self.parts[name]
            predictions: Iterable[Any]
            if isinstance(part, TreeScorer):
                predictions = part.trees(scored[name], lengths)
            elif isinstance(part, GraphScorer):
                threshold = getattr(self.config.parts[name], "threshold", None)
                predictions = part.graphs(part.parse(states[name], lengths, arcs, threshold), sentences)
            else:
                predictions = part.tags(part.score(states[name]), lengths)
            parsed = self.tasks[name].annotate(parsed, predictions)
        return parsed

    def _states(self, sentences: Sequence[Sentence], tasks: Iterable[str]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the lengths, and the states that each task reads."""
        lengths, tags = Tensor(), None
        of_encoder, found = dict[str, Tensor](), dict[str, Tensor]()
        tagger = self.config.tagger
        for task in tasks if tagger is None else dict.fromkeys([tagger, *tasks]):
            name = self.config.encoder_of(task)
            if name not in of_encoder:
                tokens = tagged(self.known.words[name].encode(sentences)[0].to(self.device), tags)
                of_encoder[name], lengths = self.encoders[name](tokens), tokens.lengths
            found[task] = of_encoder[name]
            if task == tagger:
                tags = self._tags(found[task])
        return lengths, found


def tagged(tokens: Tokens, tags: Tensor | None) -> Tokens:
    """Return the tokens with these tags, numbered `[batch, n]` as in `Labels`, in place of their own; None: as is.

    In the vocabulary of the encoder that reads them they follow the special symbols, which ROOT and the end keep.
    """
    if tags is None:
        return tokens
    position = torch.arange(tokens.tags.shape[1], device=tags.device)
    words = (position > 0) & (position <= tokens.lengths[:, None])
    return tokens._replace(tags=torch.where(words, F.pad(tags + len(SPECIAL), (0, 1)), tokens.tags))


def _scorer(part: Part, width: int, names: Any, feature: NamedTreeFeature | None) -> nn.Module:
    """Return what a part's description describes."""
    if isinstance(part, SyntaxPart):
        return TreeScorer(part.scorer, part.structure, width, names)
    if isinstance(part, SemanticsPart):
        return GraphScorer(part.scorer, names, width, feature)
    return Tagger(width, names)


def _names(config: MultitaskConfig, task: Any, train: Sequence[Sentence]) -> Names:
    """Return the labels, roles or tags of the training sentences of a task."""
    part = config.parts[task.name]
    if isinstance(part, SyntaxPart):
        count_crossing(part.structure, task, train)
        return task.label_names(train)
    return task.roles(train) if isinstance(part, SemanticsPart) else task.tag_names(train)


def _distinct(train: Mapping[str, Sequence[Sentence]], tasks: Iterable[str]) -> Iterable[Sentence]:
    """Yield the sentences of some tasks, those that several have once: tasks may have the same corpus."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for task in tasks:
        for sentence in train[task]:
            key = sentence.id, sentence.forms
            if key not in seen:
                seen.add(key)
                yield sentence


def _vectors_of(tasks: Iterable[str], vectors: Mapping[str, Vectors]) -> Vectors | None:
    """Return the word vectors of the tasks of one encoder. Raises ValueError if they are not the same."""
    found = [vectors[task] for task in tasks if task in vectors]
    if any(other is not found[0] for other in found):
        raise ValueError("encoder: expected the same word vectors for all tasks that share it, got several files")
    return found[0] if found else None
