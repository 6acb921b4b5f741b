import torch

from spigot.data.sentence import TOP
from spigot.data.vocabulary import Roles, Vocabulary
from spigot.models.tag_pairs import TagPairs
from tests.models.tiny import sentence, top

SEEN = sentence("dogs bark", tags="NNS VBP", arcs=[top(2), (2, 1, "ARG1")])
ALSO = sentence("dogs dogs", tags="NNS NNS", arcs=[top(2), (2, 1, "compound")])
VOCABULARY = Vocabulary.build([SEEN, ALSO])
ROLES = Roles.build([SEEN, ALSO])


def roles(pairs, head, modifier, tags="NNS VBP XX"):
    """The roles that may link two nodes of a sentence with these tags."""
    tokens = VOCABULARY.encode([sentence("a b c", tags=tags)])[0]
    allowed = pairs(tokens.tags[:, :4])
    assert allowed.shape == (1, 4, 4, len(ROLES))
    return {ROLES.names.strings[k] for k in torch.nonzero(allowed[0, head, modifier])[:, 0].tolist()}


def test_before_training_only_tops_are_special():
    pairs = TagPairs(VOCABULARY, ROLES)
    assert roles(pairs, 0, 1) == {TOP}
    assert roles(pairs, 1, 2) == set(ROLES.names.strings) - {TOP}


def test_known_tags_have_the_roles_of_training_and_others_all():
    pairs = TagPairs(VOCABULARY, ROLES)
    pairs.observe([SEEN, ALSO])
    assert roles(pairs, 2, 1) == {"ARG1"}
    assert roles(pairs, 1, 2) == set()
    assert roles(pairs, 1, 2, "NNS NNS NNS") == {"compound"}
    for head, modifier in ((1, 3), (3, 1), (3, 3)):  # a tag that training never saw
        assert roles(pairs, head, modifier) == set(ROLES.names.strings) - {TOP}
    assert roles(pairs, 0, 1) == roles(pairs, 0, 2) == roles(pairs, 0, 3) == {TOP}


def test_what_was_learnt_is_saved_with_the_model():
    pairs = TagPairs(VOCABULARY, ROLES)
    pairs.observe([SEEN, ALSO])
    again = TagPairs(VOCABULARY, ROLES)
    again.load_state_dict(pairs.state_dict())
    assert roles(again, 2, 1) == {"ARG1"}
    assert not list(pairs.parameters())
