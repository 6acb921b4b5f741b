"""The encoder of docs/add-an-encoder.md."""

import pytest
import torch

from spigot.models.config import NamedEncoder
from tests.docs.pages import running
from tests.models.tiny import SENTENCES, tiny_vocabularies


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with running("add-an-encoder.md", tmp_path_factory.mktemp("page")) as names:
        yield names


def test_the_encoder_is_what_it_says(page):
    config = page["config"]
    assert config.syntax.encoder.arguments == {"size": 40, "reach": 2}
    vocabulary = tiny_vocabularies().semantics
    encoder = config.syntax.encoder.build(vocabulary=vocabulary, vectors=None)
    together = encoder(vocabulary.encode(SENTENCES[:5])[0])
    for row, sentence in enumerate(SENTENCES[:5]):
        alone = encoder(vocabulary.encode([sentence])[0])
        assert alone.shape == (1, len(sentence) + 1, encoder.output_dim)
        torch.testing.assert_close(together[row, : len(sentence) + 1], alone[0], rtol=0, atol=1e-6)
        assert not together[row, len(sentence) + 1 :].any()
    with pytest.raises(ValueError, match=r"^reach: expected an integer from 0 on, got -1"):
        NamedEncoder("window.Window", reach=-1).build(vocabulary=vocabulary)
