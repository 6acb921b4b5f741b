"""From a recipe and its sentences to an untrained model."""

from __future__ import annotations

import torch
from torch import Tensor

from spigot.data.vectors import read_vectors
from spigot.data.vocabulary import Roles, Vocabulary
from spigot.models.system import SyntaxThenSemantics, Vocabularies
from spigot.training.corpora import Corpora
from spigot.training.recipe import Recipe, RecipeError


def build_model(recipe: Recipe, corpora: Corpora) -> SyntaxThenSemantics:
    """Make the model of a recipe: vocabularies from the training data, vectors, `init`."""
    data, how = recipe.data, recipe.intermediate
    vectors: dict[str, Tensor] | None = None
    if data.vectors is not None:
        words, rows = read_vectors(data.root / data.vectors)
        vectors = dict(zip(words, torch.from_numpy(rows), strict=True))
        for name in ("semantics", "syntax"):
            parser = getattr(recipe.system, name)
            if parser is not None and parser.encoder.word_dim != rows.shape[1]:
                raise RecipeError(
                    f"system.{name}.encoder.word_dim: expected {rows.shape[1]}, the size of {data.vectors}, "
                    f"found {parser.encoder.word_dim}"
                )
    known = () if vectors is None else tuple(vectors)
    start = None if how.init is None else SyntaxThenSemantics.from_pretrained(how.init)
    syntax = None
    if recipe.system.syntax is not None:
        if start is None:
            syntax = Vocabulary.build(corpora.syntax_train, known)
        elif start.syntax is None or start.config.syntax != recipe.system.syntax:
            raise RecipeError(f"intermediate.init: expected a run with the same [system.syntax], found {how.init}")
        else:
            syntax = start.syntax.vocabulary
    vocabularies = Vocabularies(
        Vocabulary.build(corpora.semantics_train, known),
        Roles.build(corpora.semantics_train, recipe.training.min_role_count),
        syntax,
    )
    model = SyntaxThenSemantics(recipe.system, vocabularies, vectors)
    if recipe.system.prune_by_tags:
        model.semantics.tag_pairs.observe(corpora.semantics_train)
    if start is not None and start.syntax is not None and model.syntax is not None:
        model.syntax.load_state_dict(start.syntax.state_dict())
    return model
