"""Trees that no parser makes, to compare latent trees with: branching to one side, or at random."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import torch

from spigot.data.sentence import NO_LABEL, Sentence, Tree
from spigot.structured import ProjectiveTree, arcs_to_heads

GivenTree: TypeAlias = Literal["left-branching", "right-branching", "random"]


def given_trees(kind: GivenTree, sentences: Sequence[Sentence]) -> list[Tree]:
    """Return a tree for each sentence.

    The head of a token is the next one ("left-branching"; ROOT that of the last), the one before ("right-branching"),
    or what is best under random scores, as a projective tree with a single root: the same for the same words each time.
    """
    if kind == "random":
        return [_tree(heads) for heads in _random_heads(sentences)]
    if kind == "right-branching":
        return [_tree(range(len(sentence))) for sentence in sentences]
    return [_tree([*range(2, len(sentence) + 1), 0][: len(sentence)]) for sentence in sentences]


def _tree(heads: Sequence[int]) -> Tree:
    return Tree(tuple(heads), (NO_LABEL,) * len(heads))


def _random_heads(sentences: Sequence[Sentence]) -> list[list[int]]:
    lengths = torch.tensor([len(sentence) for sentence in sentences])
    n = 1 + int(lengths.max())
    scores = np.zeros((len(sentences), n, n), np.float32)
    for row, sentence in enumerate(sentences):
        random = np.random.default_rng(zlib.crc32(" ".join(sentence.forms).encode()))
        size = 1 + len(sentence)
        scores[row, :size, :size] = random.random((size, size))
    arcs = ProjectiveTree(single_root=True).argmax(torch.from_numpy(scores), lengths)
    heads = arcs_to_heads(arcs, lengths).tolist()
    return [row[1 : len(sentence) + 1] for row, sentence in zip(heads, sentences, strict=True)]
