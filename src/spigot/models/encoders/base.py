"""What an encoder is: words in, one state for each token out; and a part that reads sentences through one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal, get_args

from torch import Tensor, nn

from spigot.data.vocabulary import Tokens

Column = Literal["words", "lemmas", "tags"]
"""What an encoder may read of a sentence; the words are those of `Tokens.words` or of `Tokens.forms`."""


class Encoder(nn.Module, ABC):
    """Turns a batch of sentences into states.

    A subclass takes `vocabulary` and, if it uses word vectors, `vectors` (from a word to its vector, or None); its
    other parameters are the arguments that a recipe gives. Its constructor sets `output_dim`.
    """

    output_dim: int
    """The width of a state."""
    word_dropout: float = 0.0
    """A word seen c times becomes unknown with probability word_dropout / (word_dropout + max(c, 1)), in training."""
    needs: frozenset[Column] = frozenset({"words"})
    """What it reads of a sentence."""

    def slow_parameters(self) -> dict[float, list[nn.Parameter]]:
        """Return parameters with a learning rate of their own, by the factor on that of the part; by default none."""
        return {}

    def __call__(self, tokens: Tokens, dropped: Tensor | None = None) -> Tensor:
        """Return what `forward` does, checked.

        Raises:
            TypeError: no tensor.
            ValueError: another shape; a parser would count other tokens than there are.
        """
        states: Any = super().__call__(tokens, dropped)
        name = f"{type(self).__name__}.forward"
        if not isinstance(states, Tensor):
            raise TypeError(f"{name}: expected a tensor, got {type(states).__name__}")
        batch, width = tokens.words.shape
        expected = [batch, width - 1, self.output_dim]
        if [*states.shape] != expected:
            raise ValueError(f"{name}: expected shape {expected}, got {[*states.shape]}")
        return states

    @abstractmethod
    def forward(self, tokens: Tokens, dropped: Tensor | None = None) -> Tensor:
        """Return the states `[batch, n, output_dim]` of ROOT and the tokens, n being the longest length + 1.

        States past the lengths are 0. `dropped[batch, n + 1]` (bool, laid out as `tokens.words`) marks the tokens that
        word dropout makes unknown; None for none.
        """


class WithEncoder:
    """A module with an encoder of its own, which says what is read of a sentence."""

    encoder: Encoder

    @property
    def word_dropout(self) -> float:
        """See `Encoder`."""
        return self.encoder.word_dropout

    @property
    def needs(self) -> frozenset[Column]:
        """See `Encoder`."""
        for column in self.encoder.needs:
            if column not in get_args(Column):
                name, known = f"{type(self.encoder).__name__}.needs", ", ".join(get_args(Column))
                raise ValueError(f"{name}: expected of {known}, got {column!r}")
        return self.encoder.needs
