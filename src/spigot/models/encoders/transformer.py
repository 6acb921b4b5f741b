"""A pre-trained transformer (Vaswani et al. 2017; Devlin et al. 2019), any encoder of the library `transformers`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from spigot.data.vocabulary import Tokens, Vocabulary
from spigot.models.encoders.base import Encoder
from spigot.models.encoders.word_pieces import WordPieces, pool

HUB = "hf://"
RESOURCE = "transformer"


class Transformer(Encoder):
    """The states of words are means of those of their pieces; ROOT has that of the piece before the first word.

    A sentence of more pieces than the model reads is cut into windows that overlap, see `WordPieces`. Needs
    `pip install 'torch-spigot[trf]'`.

    Args:
        vocabulary: of the training data. It keeps the configuration and the tokenizer, so that a checkpoint needs
            neither the folder nor the hub.
        model: where the pre-trained model is, when a parser is made: a folder, or "hf://OWNER/NAME".
        mix: whether a state is a learnt mixture of all layers (Peters et al. 2018) instead of the last one's.
        frozen: whether the pre-trained weights stay as they are.
        rate: factor on the learning rate for the pre-trained weights.
        word_dropout: see `Encoder`; a dropped word is read as unknown pieces.
        dropout: elementwise, of the states.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        model: str,
        mix: bool = True,
        frozen: bool = False,
        rate: Annotated[float, Field(gt=0)] = 0.05,
        word_dropout: Annotated[float, Field(ge=0)] = 0.0,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.33,
    ) -> None:
        super().__init__()
        known = vocabulary.resources.get(RESOURCE)
        if known is None:
            self.transformer, known = _pretrained(model)
            vocabulary.resources[RESOURCE] = known
        else:
            self.transformer = _from_config(known["config"])
        self.pieces = WordPieces(known["tokenizer"], known["window"])
        self.unknown = int(known["unknown"])
        self.frozen, self.rate = frozen, rate
        self.word_dropout, self.dropout = word_dropout, dropout
        self.output_dim = int(self.transformer.config.hidden_size)
        self.mixture: nn.Parameter | None = None
        if mix:
            self.mixture = nn.Parameter(torch.zeros(1 + int(self.transformer.config.num_hidden_layers)))
            self.scale = nn.Parameter(torch.ones(()))
        if frozen:
            self.transformer.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Transformer:
        """Set the mode; a frozen transformer has no dropout."""
        super().train(mode)
        if self.frozen:
            self.transformer.eval()
        return self

    def slow_parameters(self) -> dict[float, list[nn.Parameter]]:
        """Return the pre-trained weights under the factor on their learning rate."""
        return {} if self.frozen else {self.rate: list(self.transformer.parameters())}

    def forward(self, tokens: Tokens, dropped: Tensor | None = None) -> Tensor:
        """Return the states `[batch, n, output_dim]` of ROOT and the tokens (0 past the lengths)."""
        batch, n = len(tokens.forms), tokens.words.shape[1] - 1
        device = self.transformer.device
        pieces = self.pieces(tokens.forms, n)
        ids = pieces.ids
        if dropped is not None:
            chosen = dropped[:, :n].cpu().flatten()[pieces.nodes]
            ids = ids.flatten().scatter(0, pieces.taken[chosen], self.unknown).view_as(ids)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            output = self.transformer(
                input_ids=ids.to(device),
                attention_mask=pieces.mask.to(device),
                output_hidden_states=self.mixture is not None,
            )
        if self.mixture is None:
            states = output.last_hidden_state
        else:
            weights = self.mixture.softmax(0)
            layers = zip(weights, output.hidden_states, strict=True)
            states = self.scale * sum((weight * layer for weight, layer in layers), torch.zeros((), device=device))
        return F.dropout(pool(states, pieces, batch, n), self.dropout, self.training)


def _pretrained(model: str) -> tuple[Any, dict[str, Any]]:
    """Return a pre-trained model, and what is needed to make it again without its weights."""
    transformers = _library()
    hub = model.startswith(HUB)
    if not hub and not (Path(model) / "config.json").is_file():
        raise ValueError(f"model: expected a folder with a transformer, or {HUB}OWNER/NAME, got {model}")
    source = model.removeprefix(HUB)
    try:
        config = transformers.AutoConfig.from_pretrained(source, local_files_only=not hub)
        # Tokenizers of the kind of GPT-2's take a word without a blank before it for another one.
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, local_files_only=not hub, add_prefix_space=True)
        if config.is_encoder_decoder:
            raise ValueError("expected a model that is an encoder alone")
        if not tokenizer.is_fast:
            raise ValueError("expected a tokenizer of the library tokenizers")
        network = transformers.AutoModel.from_pretrained(source, local_files_only=not hub, dtype=torch.float32)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"model: expected a transformer that can be read in {model}: {reason}") from error
    # Where positions are relative, there is no number of them, or it is -1.
    positions = max(0, int(getattr(config, "max_position_embeddings", 0) or 0)) or 512
    # RoBERTa counts positions from behind that of padding.
    first = (config.pad_token_id or 0) + 1 if "roberta" in config.model_type else 0
    unknown = tokenizer.mask_token_id if tokenizer.mask_token_id is not None else tokenizer.unk_token_id
    description = json.loads(config.to_json_string(use_diff=False))
    description.pop("_name_or_path", None)  # a folder of this computer
    return _without_pooler(network), {
        "config": description,
        "tokenizer": tokenizer.backend_tokenizer.to_str(),
        "window": min(positions - first, tokenizer.model_max_length, 512),
        "unknown": unknown or 0,
    }


def _from_config(content: dict[str, Any]) -> Any:
    """Return a model with random weights."""
    transformers = _library()
    config = transformers.AutoConfig.for_model(**content)
    return _without_pooler(transformers.AutoModel.from_config(config))


def _without_pooler(network: Any) -> Any:
    if getattr(network, "pooler", None) is not None:
        network.pooler = None
    return network


def _library() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise ValueError("name: Transformer needs pip install 'torch-spigot[trf]'") from error
    return transformers
