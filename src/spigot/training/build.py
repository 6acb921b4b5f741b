"""From a recipe and its sentences to an untrained model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spigot.data.vectors import read_vectors
from spigot.data.vocabulary import Roles, Vocabulary
from spigot.models.config import (
    BagClassifierConfig,
    BiLSTMClassifierConfig,
    ParserConfig,
    SentimentSystemConfig,
    SystemConfig,
)
from spigot.models.semantic_parser import SemanticParser
from spigot.systems.base import JointSystem
from spigot.systems.loading import load_system
from spigot.systems.semantics_then_sentiment import SemanticsThenSentiment, SentimentVocabularies
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics, Vocabularies
from spigot.training.corpora import Corpora
from spigot.training.recipe import Recipe, RecipeError

Vectors = dict[str, Tensor] | None


def build_model(recipe: Recipe, corpora: Corpora) -> JointSystem:
    """Make the model of a recipe: vocabularies from the training data, vectors, `init`."""
    if isinstance(recipe.system, SentimentSystemConfig):
        return _sentiment_system(recipe, recipe.system, corpora)
    return _semantic_system(recipe, recipe.system, corpora)


def _semantic_system(recipe: Recipe, system: SystemConfig, corpora: Corpora) -> SyntaxThenSemantics:
    sizes = _word_dim("semantics", system.semantics) | _word_dim("syntax", system.syntax)
    vectors = _vectors(recipe, recipe.data.vectors, sizes)
    start = _start(recipe, system.syntax)
    syntax = None
    if system.syntax is not None:
        syntax = Vocabulary.build(corpora.syntax_train, vectors or ()) if start is None else start.vocabulary
    vocabularies = Vocabularies(
        Vocabulary.build(corpora.semantics_train, vectors or ()),
        Roles.build(corpora.semantics_train, recipe.training.min_role_count),
        syntax,
    )
    model = SyntaxThenSemantics(system, vocabularies, vectors)
    if system.prune_by_tags:
        model.semantics.tag_pairs.observe(corpora.semantics_train)
    if start is not None and model.syntax is not None:
        model.syntax.load_state_dict(start.state_dict())
    return model


def _sentiment_system(recipe: Recipe, system: SentimentSystemConfig, corpora: Corpora) -> SemanticsThenSentiment:
    data, classifier, parser = recipe.data, system.classifier, system.semantics
    own = data.sentiment_vectors or data.vectors
    if isinstance(classifier, BagClassifierConfig):
        sizes = {"classifier.word_dim": classifier.word_dim}
    else:
        sizes = _word_dim("classifier", classifier)
    vectors = _vectors(recipe, own, sizes)
    start: SemanticParser | None = _start(recipe, parser)
    parser_vectors, words, roles = None, None, None
    if start is not None:
        words, roles = start.vocabulary, start.roles
    elif parser is not None:
        parser_vectors = _vectors(recipe, data.vectors, _word_dim("semantics", parser))
        words = Vocabulary.build(corpora.semantics_train, parser_vectors or ())
        roles = Roles.build(corpora.semantics_train, recipe.training.min_role_count)
    known = Vocabulary.build(corpora.sentiment_train, vectors or (), classifier.freeze_vectors)
    model = SemanticsThenSentiment(system, SentimentVocabularies(known, words, roles), vectors, parser_vectors)
    if start is not None and model.semantics is not None:
        model.semantics.load_state_dict(start.state_dict())
    elif model.semantics is not None and system.prune_by_tags:
        model.semantics.tag_pairs.observe(corpora.semantics_train)
    return model


def _vectors(recipe: Recipe, path: Path | None, sizes: dict[str, int]) -> Vectors:
    """Read a vector file for tables of the given sizes, which are those of keys of [system]."""
    if path is None:
        return None
    words, rows = read_vectors(recipe.data.root / path)
    for key, size in sizes.items():
        if size != rows.shape[1]:
            raise RecipeError(f"system.{key}: expected {rows.shape[1]}, the size of {path}, got {size}")
    return dict(zip(words, torch.from_numpy(rows), strict=True))


def _word_dim(part: str, config: ParserConfig | BiLSTMClassifierConfig | None) -> dict[str, int]:
    """Return the size that an encoder's word vectors have, by its key, if its signature tells."""
    size = None if config is None else config.encoder.settings.get("word_dim")
    return {} if size is None else {f"{part}.encoder.word_dim": size}


def _after_start(config: ParserConfig) -> tuple[Any, ...]:
    """Return what two parsers' descriptions have in common if one can go on from the other's weights."""
    settings = {key: value for key, value in config.encoder.settings.items() if key != "embedding_std"}
    return config.model_dump(exclude={"encoder"}), config.encoder.name, settings


def _start(recipe: Recipe, wanted: ParserConfig | None) -> Any:
    """Return the middle parser of the run that `init` names, None without one."""
    path, task = recipe.intermediate.init, recipe.middle
    if path is None or task is None:
        return None
    system = load_system(path)
    found = getattr(system.config, task, None)
    if found is None or wanted is None or _after_start(found) != _after_start(wanted):
        raise RecipeError(f"intermediate.init: expected a run with the same [system.{task}], got {path}")
    if task == "semantics" and getattr(system, "syntax", None) is not None:
        raise RecipeError(f"intermediate.init: expected a semantic parser that reads no syntax, got {path}")
    return system.parts[task]
