"""Which roles may link which tags: the static pruning of NeurboParser (Peng et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from spigot.data.sentence import SEMANTICS, TOP, Sentence
from spigot.data.vocabulary import ROOT, Roles, Vocabulary


class TagPairs(nn.Module):
    """Bars a role from an arc if training never saw it between these two tags.

    A tag that training never saw is open to all roles. Tops, and nothing else, hang from ROOT.
    """

    allowed: Tensor
    """bool `[tag of the head, tag of the modifier, role]`"""

    def __init__(self, vocabulary: Vocabulary, roles: Roles) -> None:
        super().__init__()
        self._tags, self._roles, self._top = vocabulary.tags, roles.names, roles.names[TOP]
        self.register_buffer("allowed", self._all_but_tops())

    def _all_but_tops(self) -> Tensor:
        tags, root = len(self._tags), self._tags[ROOT]
        allowed = torch.ones(tags, tags, len(self._roles), dtype=torch.bool)
        allowed[:, :, self._top] = False
        allowed[root] = False
        allowed[root, :, self._top] = True
        return allowed

    @property
    def restricts(self) -> bool:
        """Whether the tags of two tokens rule out any role."""
        return not torch.equal(self.allowed.cpu(), self._all_but_tops())

    def observe(self, sentences: Sequence[Sentence], graph: str = SEMANTICS) -> None:
        """From now on allow, between known tags, what occurs in the graphs of this name."""
        restricted = torch.ones_like(self.allowed)
        restricted[0] = restricted[:, 0] = False
        restricted[..., self._top] = False
        self.allowed &= self._seen(sentences, graph) | ~restricted

    def admit(self, sentences: Sequence[Sentence], graph: str = SEMANTICS) -> None:
        """From now on allow also what occurs in the graphs of this name."""
        self.allowed |= self._seen(sentences, graph)

    def _seen(self, sentences: Sequence[Sentence], graph: str) -> Tensor:
        seen = torch.zeros_like(self.allowed)
        for sentence in sentences:
            tags = [self._tags[ROOT], *(self._tags[tag] for tag in sentence.tags)]
            for head, modifier, label in sentence.graphs[graph].arcs if graph in sentence.graphs else ():
                seen[tags[head], tags[modifier], self._roles[label]] = True
        return seen

    def forward(self, tags: Tensor) -> Tensor:
        """Return what `tags[batch, n]` allow, bool `[batch, head, modifier, role]`."""
        return self.allowed[tags[:, :, None], tags[:, None, :]]
