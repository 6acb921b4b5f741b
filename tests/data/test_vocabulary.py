import json

import numpy as np
import pytest
import torch

from spigot.data.sentence import TOP, Tree
from spigot.data.vocabulary import SPECIAL, UNKNOWN_ROLE, Index, Labels, Roles, Vocabulary
from tests.models.tiny import SENTENCES, sentence, top

DOG = sentence("The dog saw the dog", lemmas="the dog see the dog", tags="DT NN VBD DT NN")


def test_numbers_of_a_batch():
    vocabulary = Vocabulary.build([DOG])
    tokens, dropped = vocabulary.encode([DOG, sentence("DOG barks", lemmas="dog bark", tags="NN VBZ")])
    assert vocabulary.words.strings == ["_unk_", "_root_", "_end_", "the", "dog", "saw"]
    assert tokens.words.tolist() == [[1, 3, 4, 5, 3, 4, 2], [1, 4, 0, 2, 0, 0, 0]]
    assert tokens.lemmas[1].tolist() == [1, vocabulary.lemmas["dog"], 0, 2, 0, 0, 0]
    assert tokens.tags[1].tolist() == [1, vocabulary.tags["NN"], 0, 2, 0, 0, 0]
    assert tokens.lengths.tolist() == [5, 2]
    assert vocabulary.counts.tolist() == [0, 0, 0, 2, 2, 1]
    assert not dropped.any()


def test_a_batch_carries_the_words_themselves():
    bark = sentence("Dogs BARK", lemmas="dog bark", tags="NNS VBP")
    tokens, _ = Vocabulary.build([DOG]).encode([DOG, bark, DOG])
    assert tokens.forms == (DOG.forms, ("Dogs", "BARK"), DOG.forms)
    assert tokens.forms[0] is DOG.forms  # not a copy


def test_some_rows_of_a_batch():
    bark = sentence("Dogs bark", lemmas="dog bark", tags="NNS VBP")
    tokens, _ = Vocabulary.build([DOG]).encode([bark, DOG, bark])
    some = tokens.rows(slice(0, None, 2)).to("cpu")
    assert some.forms == (bark.forms, bark.forms)
    for column in ("words", "lemmas", "tags", "lengths"):
        assert torch.equal(getattr(some, column), getattr(tokens, column)[[0, 2]])
    assert some.words.shape == (2, len(DOG) + 2)
    none = tokens.rows(slice(3, None))
    assert none.forms == ()
    assert none.words.shape == (0, len(DOG) + 2)


def test_no_sentences():
    tokens, dropped = Vocabulary.build([DOG]).encode([])
    assert tokens.words.shape == dropped.shape == (0, 2)
    assert tokens.lengths.shape == (0,)
    assert tokens.forms == ()


def test_words_spelled_like_special_symbols():
    vocabulary = Vocabulary.build([sentence("_root_ _UNK_ x", lemmas="_end_ y z")], ["_end_", "w"])
    assert vocabulary.words.strings == ["_unk_", "_root_", "_end_", "x", "w"]
    assert vocabulary.lemmas.strings == ["_unk_", "_root_", "_end_", "y", "z"]
    assert vocabulary.counts.tolist() == [0, 0, 0, 1, 0]


def test_words_of_the_vector_file_follow():
    vocabulary = Vocabulary.build([DOG], ["dog", "wolf", "wolf", "fox"])
    assert vocabulary.words.strings[vocabulary.trained_words :] == ["wolf", "fox"]
    assert vocabulary.counts[vocabulary.words["wolf"]] == 0
    assert "wolf" in vocabulary.words


@pytest.mark.parametrize(("count", "chance"), [(0, 0.2), (1, 0.2), (2, 0.111111), (10, 0.024390)])
def test_word_dropout_by_frequency(count, chance):
    vocabulary = Vocabulary(["_unk_", "_root_", "_end_", "word"], [0, 0, 0, count], ["_unk_"], ["_unk_"])
    sentences = [sentence("word " * 500)] * 40
    _, dropped = vocabulary.encode(sentences, 0.25, np.random.default_rng(count))
    assert not dropped[:, 0].any()
    assert not dropped[:, -1].any()
    share = dropped[:, 1:-1].double().mean().item()
    assert share == pytest.approx(chance, abs=4 * (chance * (1 - chance) / 20_000) ** 0.5)


def test_word_dropout_depends_on_its_generator_alone():
    vocabulary = Vocabulary.build(SENTENCES)

    def draw(seed):
        return vocabulary.encode(SENTENCES, 0.25, np.random.default_rng(seed))

    (tokens, dropped), (_, again), (_, other) = draw(1), draw(1), draw(2)
    assert torch.equal(dropped, again)
    assert not torch.equal(dropped, other)
    inside = torch.arange(dropped.shape[1]) - 1
    assert not dropped[(inside < 0) | (inside >= tokens.lengths[:, None])].any()
    assert not vocabulary.encode(SENTENCES, 0.25)[1].any()  # no generator, no dropout
    assert torch.equal(vocabulary.encode(SENTENCES)[0].words, tokens.words)


def test_a_vocabulary_survives_json():
    vocabulary = Vocabulary.build(SENTENCES, ["wolf"])
    again = Vocabulary.from_dict(json.loads(json.dumps(vocabulary.to_dict())))
    assert again.to_dict() == vocabulary.to_dict()
    assert again.trained_words == vocabulary.trained_words
    assert np.array_equal(again.counts, vocabulary.counts)
    for ours, theirs in zip(again.encode(SENTENCES)[0], vocabulary.encode(SENTENCES)[0], strict=True):
        assert ours == theirs if isinstance(ours, tuple) else torch.equal(ours, theirs)


def test_the_same_sentences_give_the_same_numbers():
    assert Vocabulary.build(SENTENCES).to_dict() == Vocabulary.build(list(SENTENCES)).to_dict()


def test_a_vocabulary_that_does_not_fit():
    with pytest.raises(ValueError, match="counts: expected one for each of 1 words, got 2"):
        Vocabulary(["a"], [1, 2], ["a"], ["a"])
    with pytest.raises(ValueError, match="expected every string once, got duplicates"):
        Index(["a", "a"])


def roles_of(*graphs, min_count=1):
    return Roles.build([sentence("a b c d", arcs=arcs) for arcs in graphs], min_count)


def test_roles():
    roles = roles_of(
        [top(1), (1, 2, "ARG1"), (1, 3, "conj"), (1, 4, "conj")],
        [top(2), (1, 2, "ARG1"), (3, 2, "ARG1"), (2, 3, "ARG2")],
    )
    assert roles.names.strings[:3] == [UNKNOWN_ROLE, TOP, "ARG1"]
    assert set(roles.names.strings[3:]) == {"conj", "ARG2"}
    flags = dict(zip(roles.names.strings, roles.deterministic, strict=True))
    # Two predicates may each have an ARG1; one with two conj makes the role a free one.
    assert flags == {UNKNOWN_ROLE: False, TOP: True, "ARG1": True, "conj": False, "ARG2": True}


def test_two_tops_make_top_a_free_role():
    assert roles_of([top(1), top(2)]).deterministic == (False, False)
    assert roles_of([top(1)], [top(2)]).deterministic == (False, True)


def test_rare_roles_become_unknown():
    roles = roles_of([(1, 2, "often"), (3, 2, "often"), (1, 3, "once")], min_count=2)
    assert roles.names.strings == [UNKNOWN_ROLE, TOP, "often"]
    assert roles.names["once"] == 0


def test_sentences_without_graphs_count_for_nothing():
    assert len(Roles.build([DOG])) == 2


def test_roles_survive_json():
    roles = Roles.build(SENTENCES)
    again = Roles.from_dict(json.loads(json.dumps(roles.to_dict())))
    assert again.to_dict() == roles.to_dict()
    assert again.deterministic == roles.deterministic
    with pytest.raises(ValueError, match="deterministic: expected one flag for each of 2 roles, got 1"):
        Roles(["a", "b"], [True])


def test_frozen_vectors():
    sentences = [sentence("the dog saw the zzz")]
    vocabulary = Vocabulary.build(sentences, ["the", "cat", "dog"], freeze_vectors=True)
    assert vocabulary.words.strings == [*SPECIAL, "saw", "zzz", "the", "cat", "dog"]
    assert vocabulary.trained_words == len(SPECIAL) + 2
    assert vocabulary.counts.tolist() == [0, 0, 0, 1, 1, 2, 0, 1]
    again = Vocabulary.from_dict(vocabulary.to_dict())
    assert again.to_dict() == vocabulary.to_dict()
    assert (again.counts == vocabulary.counts).all()
    assert again.trained_words == vocabulary.trained_words


def test_labels():
    trees = [Tree((0, 1, 1), ("root", "obj", "_")), Tree((0, 1), ("root", "nsubj"))]
    sentences = [sentence(f).with_tree("ud", tree) for f, tree in zip(("a b c", "a b"), trees, strict=True)]
    labels = Labels.build([*sentences, sentence("a")], "ud")
    assert labels.names == ["root", "obj", "nsubj"]
    assert [labels[name] for name in ("root", "nsubj", "_", "amod")] == [0, 2, -1, -1]
    assert Labels.from_dict(labels.to_dict()).names == labels.names
    assert len(Labels.build(sentences)) == 0
