"""Words in, contextual states out: the BiLSTM encoder of both parsers (paper section 4.1.1)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from spigot.data.vocabulary import Tokens, Vocabulary


class EncoderConfig(BaseModel):
    """Sizes and inputs of a `BiLSTMEncoder`; the defaults are the published ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    word_dim: int = Field(100, ge=1)
    second: Literal["lemma", "word", "none"] = "lemma"
    """What the second table is indexed by: the lemma, or the word again (as the original syntactic parser)."""
    second_dim: int = Field(50, ge=1)
    tag_dim: int = Field(50, ge=0)
    hidden: int = Field(200, ge=1)
    """Units of an LSTM, one direction."""
    layers: int = Field(2, ge=1)
    word_dropout: float = Field(0.25, ge=0)
    """A word seen c times becomes unknown with probability word_dropout / (word_dropout + c)."""
    drop_all_inputs: bool = False
    """Whether word dropout takes the second table's input and the tag along with the word."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Elementwise dropout of the inputs, between the layers and of the states; not in the original parsers."""
    input_dropout: float | None = Field(None, ge=0, lt=1)
    """That of the inputs, if it differs."""
    embedding_std: float | None = Field(None, gt=0)
    """Standard deviation of the numbers in tables that start at random; None: 1 / √dim, as in the original programs."""

    @property
    def output_dim(self) -> int:
        """The width of a state: both directions."""
        return 2 * self.hidden


class WordVectors(nn.Module):
    """Base of what reads words: a trained table, and a fixed one for words whose vectors get no gradient."""

    vector_word: Tensor

    def __init__(self, dim: int, vocabulary: Vocabulary, std: float | None = None) -> None:
        super().__init__()
        trained = vocabulary.trained_words
        self.word = nn.Embedding(trained, dim)
        self.register_buffer("vector_word", torch.zeros(len(vocabulary.words) - trained, dim))
        init_table(self.word, std)

    @torch.no_grad()
    def load_vectors(self, vocabulary: Vocabulary, vectors: dict[str, Tensor]) -> None:
        """Put vectors into the tables' rows."""
        trained = vocabulary.trained_words
        for k, word in enumerate(vocabulary.words.strings):
            vector = vectors.get(word)
            if vector is not None:
                table, row = (self.word.weight, k) if k < trained else (self.vector_word, k - trained)
                table[row] = vector

    def embed_words(self, words: Tensor) -> Tensor:
        """Return the vectors of `words[batch, n]`, `[batch, n, dim]`."""
        trained = self.word.num_embeddings
        known = words < trained
        vectors = self.word(torch.where(known, words, 0))
        if self.vector_word.shape[0]:
            fixed = F.embedding(torch.where(known, 0, words - trained), self.vector_word)
            vectors = torch.where(known[..., None], vectors, fixed)
        return vectors


class BiLSTMEncoder(WordVectors):
    """Two stacks of LSTMs, one for each direction, joined at the top alone, as in the original program."""

    def __init__(self, config: EncoderConfig, vocabulary: Vocabulary, vectors: dict[str, Tensor] | None = None) -> None:
        super().__init__(config.word_dim, vocabulary, config.embedding_std)
        self.config = config
        width = config.word_dim
        self.second: nn.Embedding | None = None
        if config.second != "none":
            rows = vocabulary.trained_words if config.second == "word" else len(vocabulary.lemmas)
            self.second = nn.Embedding(rows, config.second_dim)
            width += config.second_dim
        self.tag: nn.Embedding | None = None
        if config.tag_dim:
            self.tag = nn.Embedding(len(vocabulary.tags), config.tag_dim)
            width += config.tag_dim
        self.forward_lstm, self.backward_lstm = (
            # Dropout between the layers of a single one would be a warning.
            nn.LSTM(
                width,
                config.hidden,
                config.layers,
                batch_first=True,
                dropout=config.dropout if config.layers > 1 else 0.0,
            )
            for _ in range(2)
        )
        self.reset_parameters()
        if vectors is not None:
            self.load_vectors(vocabulary, vectors)

    def reset_parameters(self) -> None:
        """Glorot initialisation as DyNet has it, with the forget gates open at the start."""
        for table in (self.second, self.tag):
            if table is not None:
                init_table(table, self.config.embedding_std)
        for lstm in (self.forward_lstm, self.backward_lstm):
            for name, parameter in lstm.named_parameters():
                if name.startswith("weight"):
                    for gate in parameter.chunk(4):
                        nn.init.xavier_uniform_(gate)
                else:
                    nn.init.zeros_(parameter)
                    if name.startswith("bias_ih"):
                        nn.init.ones_(parameter.chunk(4)[1])

    def forward(self, tokens: Tokens, dropped: Tensor | None = None) -> Tensor:
        """Return the states `[batch, n, 2 * hidden]` of ROOT and the tokens (0 past the lengths).

        `dropped[batch, n + 1]` (bool) marks tokens that word dropout makes unknown.
        """
        config = self.config
        words, lemmas, tags, lengths = tokens
        if dropped is not None:
            words = words.masked_fill(dropped, 0)
            if config.drop_all_inputs:
                lemmas, tags = lemmas.masked_fill(dropped, 0), tags.masked_fill(dropped, 0)
        inputs = [self.embed_words(words)]
        if self.second is not None:
            trained_words = torch.where(words < self.word.num_embeddings, words, 0)
            inputs.append(self.second(trained_words if config.second == "word" else lemmas))
        if self.tag is not None:
            inputs.append(self.tag(tags))
        rate = config.dropout if config.input_dropout is None else config.input_dropout
        embedded = F.dropout(torch.cat(inputs, -1), rate, self.training)

        # Reading a row backwards starts at its own end marker: padding stays behind in both directions.
        nodes = lengths[:, None] + 2
        position = torch.arange(words.shape[1], device=words.device)
        mirror = torch.where(position < nodes, nodes - 1 - position, position)[..., None]
        left = _run(self.forward_lstm, embedded)
        right = _run(self.backward_lstm, embedded.gather(1, mirror.expand_as(embedded)))
        right = right.gather(1, mirror.expand_as(right))
        states = torch.cat([left, right], -1)[:, :-1]
        states = states * (position[:-1] <= lengths[:, None])[..., None]
        return F.dropout(states, config.dropout, self.training)


def init_table(table: nn.Embedding, std: float | None = None) -> None:
    """Draw numbers of a given standard deviation; by default 1 / √d, which is Glorot initialisation of a row."""
    bound = 3.0**0.5 * (table.embedding_dim**-0.5 if std is None else std)
    nn.init.uniform_(table.weight, -bound, bound)


def _run(lstm: nn.LSTM, inputs: Tensor) -> Tensor:
    if inputs.device.type != "cpu":
        return lstm(inputs)[0]
    # Most processors have no LSTM in half precision: under autocast it would fail.
    with torch.autocast("cpu", enabled=False):
        return lstm(inputs)[0]
