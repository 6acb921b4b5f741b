"""A BiLSTM over words, lemmas, tags and characters: the encoder of both parsers (paper section 4.1.1)."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from spigot.data.vocabulary import Tokens, Vocabulary
from spigot.models.encoders.base import Column, Encoder
from spigot.models.encoders.characters import CharacterCNN
from spigot.models.encoders.word_vectors import WordVectors, init_table

Size = Annotated[int, Field(ge=1, le=8192)]
Rate = Annotated[float, Field(ge=0, lt=1)]


class BiLSTMEncoder(WordVectors, Encoder):
    """Two stacks of LSTMs, one for each direction, joined at the top alone, as in the original program.

    Args:
        vocabulary: of the training data.
        vectors: from a word to its vector `[word_dim]`; None leaves all words as they are drawn.
        word_dim, second_dim, tag_dim: sizes of the tables; `tag_dim` 0 leaves out the tags.
        character_dim: width of what a `CharacterCNN` makes of each word; 0 leaves out the characters, as published.
        second: what the second table is indexed by: the lemma, or the word again (as the original syntactic parser).
        hidden: units of an LSTM, one direction.
        layers: LSTMs in a stack.
        interleaved: whether the stacks are joined after each layer, so that a layer reads both directions of the one
            below (as in Dozat & Manning 2017).
        word_dropout: see `Encoder`.
        drop_all_inputs: whether word dropout takes the second table's input and the tag along with the word; characters
            stay.
        drop_vector: whether it takes the first table's vector; False makes of a dropped word one that the vector file
            has and the training data has not (needs something else that word dropout takes).
        dropout: elementwise, of the inputs, between the layers and of the states; not in the original parsers.
        input_dropout: that of the inputs, if it differs.
        embedding_std: standard deviation of the numbers in tables that start at random; None means 1 / √dim, as in
            the original programs.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        vectors: dict[str, Tensor] | None = None,
        *,
        word_dim: Size = 100,
        second: Literal["lemma", "word", "none"] = "lemma",
        second_dim: Size = 50,
        tag_dim: Annotated[int, Field(ge=0, le=8192)] = 50,
        character_dim: Annotated[int, Field(ge=0, le=8192)] = 0,
        hidden: Size = 200,
        layers: Annotated[int, Field(ge=1, le=32)] = 2,
        interleaved: bool = False,
        word_dropout: Annotated[float, Field(ge=0)] = 0.25,
        drop_all_inputs: bool = False,
        drop_vector: bool = True,
        dropout: Rate = 0.0,
        input_dropout: Rate | None = None,
        embedding_std: Annotated[float, Field(gt=0)] | None = None,
    ) -> None:
        if not (drop_vector or drop_all_inputs or second == "word"):
            raise ValueError("drop_vector: expected true beside drop_all_inputs = false and no second table of words")
        super().__init__(word_dim, vocabulary, embedding_std)
        self.output_dim = 2 * hidden
        self.word_dropout = word_dropout
        columns: dict[Column, bool] = {"words": True, "lemmas": second == "lemma", "tags": tag_dim > 0}
        self.needs = frozenset(column for column, needed in columns.items() if needed)
        self.drop_all_inputs = drop_all_inputs
        self.drop_vector = drop_vector
        self.dropout = dropout
        self.input_dropout = dropout if input_dropout is None else input_dropout
        width = word_dim
        self.second: nn.Embedding | None = None
        if second != "none":
            rows = vocabulary.trained_words if second == "word" else len(vocabulary.lemmas)
            self.second = nn.Embedding(rows, second_dim)
            width += second_dim
        self.tag: nn.Embedding | None = None
        if tag_dim:
            self.tag = nn.Embedding(len(vocabulary.tags), tag_dim)
            width += tag_dim
        self.characters: CharacterCNN | None = None
        if character_dim:
            self.characters = CharacterCNN(vocabulary, character_dim)
            width += character_dim
        # The two directions are joined after each item of these lists.
        self.forward_lstms, self.backward_lstms = nn.ModuleList(), nn.ModuleList()
        for depth in [1] * layers if interleaved else [layers]:
            for lstms in (self.forward_lstms, self.backward_lstms):
                # Dropout between the layers of a single one would be a warning.
                between = dropout if depth > 1 else 0.0
                lstms.append(nn.LSTM(width, hidden, depth, batch_first=True, dropout=between))
            width = 2 * hidden
        self.reset_parameters(embedding_std)
        if vectors is not None:
            self.load_vectors(vocabulary, vectors)

    def reset_parameters(self, embedding_std: float | None) -> None:
        """Glorot initialisation as DyNet has it, with the forget gates open at the start."""
        for table in (self.second, self.tag):
            if table is not None:
                init_table(table, embedding_std)
        for lstm in (*self.forward_lstms, *self.backward_lstms):
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
        words, lemmas, tags, lengths = tokens.words, tokens.lemmas, tokens.tags, tokens.lengths
        second = words
        if dropped is not None:
            second = words.masked_fill(dropped, 0)
            if self.drop_vector:
                words = second
            if self.drop_all_inputs:
                lemmas, tags = lemmas.masked_fill(dropped, 0), tags.masked_fill(dropped, 0)
        inputs = [self.embed_words(words)]
        if self.second is not None:
            trained_words = torch.where(second < self.word.num_embeddings, second, 0)
            inputs.append(self.second(lemmas if "lemmas" in self.needs else trained_words))
        if self.tag is not None:
            inputs.append(self.tag(tags))
        if self.characters is not None:
            inputs.append(self.characters(tokens.forms, words.shape[1]))
        states = F.dropout(torch.cat(inputs, -1), self.input_dropout, self.training)

        # Reading a row backwards starts at its own end marker: padding stays behind in both directions.
        nodes = lengths[:, None] + 2
        position = torch.arange(words.shape[1], device=words.device)
        mirror = torch.where(position < nodes, nodes - 1 - position, position)[..., None]
        for forward, backward in zip(self.forward_lstms, self.backward_lstms, strict=True):
            left = _run(forward, states)
            right = _run(backward, states.gather(1, mirror.expand_as(states)))
            right = right.gather(1, mirror.expand_as(right))
            states = F.dropout(torch.cat([left, right], -1), self.dropout, self.training)
        return states[:, :-1] * (position[:-1] <= lengths[:, None])[..., None]


def _run(lstm: nn.Module, inputs: Tensor) -> Tensor:
    if inputs.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return lstm(inputs)[0]
    dtype = torch.get_autocast_dtype("cpu")
    with torch.autocast("cpu", dtype, enabled=_has_lstm(dtype)):
        return lstm(inputs)[0]


@cache
def _has_lstm(dtype: torch.dtype) -> bool:
    """Return whether this processor has an LSTM in half precision: many have none, and fail under autocast."""
    try:
        with torch.inference_mode(), torch.autocast("cpu", dtype):
            nn.LSTM(1, 1, batch_first=True)(torch.zeros(1, 1, 1))
    except RuntimeError:
        return False
    return True
