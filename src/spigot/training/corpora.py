"""The sentences that a recipe trains and selects on."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from spigot.data.errors import DataError
from spigot.data.gold import read_gold
from spigot.data.sentence import Sentence
from spigot.data.synthetic import splits
from spigot.training.recipe import BuiltinConfig, DataConfig, RecipeError

log = logging.getLogger(__name__)


class Corpora(NamedTuple):
    """Training and development sentences of the two tasks."""

    syntax_train: list[Sentence]
    semantics_train: list[Sentence]
    syntax_dev: list[Sentence]
    semantics_dev: list[Sentence]


def load_corpora(config: DataConfig, needs_syntax: bool) -> Corpora:
    """Read what the recipe names; without syntax (`needs_syntax` false) its files are not touched."""
    if config.builtin is not None:
        corpora = _builtin(config.builtin)
    else:
        wanted = None if config.train_ids is None else _ids(config.root / config.train_ids)
        corpora = Corpora(
            _train(config, "syntax_train", wanted) if needs_syntax else [],
            _train(config, "semantics_train", wanted),
            list(_read(config, "syntax_dev", "tree")) if needs_syntax else [],
            list(_read(config, "semantics_dev", "graph")),
        )
    return corpora if needs_syntax else corpora._replace(syntax_train=[], syntax_dev=[])


def _builtin(sizes: BuiltinConfig) -> Corpora:
    drawn = splits(train=sizes.semantics_train + sizes.syntax_train, dev=sizes.dev, test=sizes.test, seed=sizes.seed)
    train, dev = drawn["train"], drawn["dev"]
    return Corpora(train[sizes.semantics_train :], train[: sizes.semantics_train], dev, dev)


def _read(config: DataConfig, key: str, annotation: Literal["tree", "graph"]) -> Iterable[Sentence]:
    path: Path | None = getattr(config, key)
    if path is None:
        raise RecipeError(f"data.{key}: expected a file (or [data.builtin]), found none")
    return read_gold(config.root / path, annotation)


def _train(config: DataConfig, key: str, wanted: set[str] | None) -> list[Sentence]:
    sentences = [
        s for s in _read(config, key, "tree" if "syntax" in key else "graph") if wanted is None or s.id in wanted
    ]
    kept = [s for s in sentences if config.max_length is None or len(s) <= config.max_length]
    if len(kept) < len(sentences):
        log.warning(
            "data.%s: %d sentences of more than %d tokens are left out",
            key,
            len(sentences) - len(kept),
            config.max_length,
        )
    if not kept:
        raise RecipeError(f"data.{key}: expected training sentences, found none that train_ids and max_length allow")
    return kept


def _ids(path: Path) -> set[str]:
    try:
        return set(path.read_text("utf-8").split())
    except OSError as error:
        raise DataError(path, None, error.strerror or str(error)) from None
