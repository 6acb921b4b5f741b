import copy
import io
import pickle

import pytest

from spigot.data.conllu import read_conllu, write_conllu
from spigot.data.readers import read_sentences
from spigot.data.sdp import read_sdp, write_sdp
from spigot.data.sentence import TOP, Arc, Graph, Sentence, Tree
from tests.oracles.trees import all_trees, is_projective

TREE, OTHER_TREE = Tree((2, 0), ("subj", "root")), Tree((0, 1), ("root", "obj"))
GRAPH = Graph((Arc(0, 2, TOP), Arc(2, 1, "ARG1")), frozenset({2}), ("_", "_"))
BARE = Sentence("s1", ("Rain", "fell"), ("rain", "fall"), ("NN", "VBD"))


def written(write, sentences, **names):
    file = io.StringIO()
    write(sentences, file, **names)
    return file.getvalue()


def test_several_formalisms_live_on_one_sentence():
    sentence = BARE.with_tree("ud", TREE).with_tree("dt", OTHER_TREE).with_graph("dm", GRAPH).with_graph("pb", GRAPH)
    assert sentence.trees == {"ud": TREE, "dt": OTHER_TREE}
    assert list(sentence.graphs) == ["dm", "pb"]
    assert BARE.trees == BARE.graphs == {}
    assert sentence.with_tree("ud", OTHER_TREE).trees["ud"] == OTHER_TREE


def test_annotations_cannot_be_changed():
    given = {"ud": TREE}
    sentence = Sentence("s1", BARE.forms, BARE.lemmas, BARE.tags, trees=given)
    given["dt"] = OTHER_TREE
    assert sentence.trees == {"ud": TREE}
    with pytest.raises(TypeError):
        sentence.trees["dt"] = OTHER_TREE


def test_equality_hash_and_copies():
    one, two = (BARE.with_tree("ud", TREE).with_graph("dm", GRAPH) for _ in range(2))
    assert one == two
    assert len({one, two, BARE}) == 2
    assert one != BARE.with_tree("ud", TREE)
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one


def test_trees_are_read_and_written_under_a_name():
    sentence = BARE.with_tree("ud", TREE).with_tree("dt", OTHER_TREE)
    texts = {name: written(write_conllu, [sentence], tree=name) for name in ("ud", "dt", "none")}
    assert len(set(texts.values())) == 3
    for name in ("ud", "dt"):
        (again,) = read_conllu(io.StringIO(texts[name]), name)
        assert again.trees == {name: sentence.trees[name]}
        # Another annotation beside it changes nothing in the file.
        assert written(write_conllu, [again.with_graph("dm", GRAPH)], tree=name) == texts[name]
        # A tree of another name takes the place of the one that was read.
        assert written(write_conllu, [again.with_tree("new", OTHER_TREE)], tree="new") == texts["dt"]
    (empty,) = read_sentences(io.StringIO(texts["none"]), tree="ud")
    assert empty.trees == {}


def test_graphs_are_read_and_written_under_a_name():
    text = written(write_sdp, [BARE.with_graph("dm", GRAPH)], graph="dm")
    (again,) = read_sdp(io.StringIO(text), graph="pb")
    assert again.graphs == {"pb": GRAPH}
    assert written(write_sdp, [again.with_tree("ud", TREE)], graph="pb") == text
    with pytest.raises(ValueError, match="sentence s1: expected a graph, got none"):
        written(write_sdp, [again], graph="dm")
    (companion,) = read_sdp(
        io.StringIO(written(write_sdp, [again.with_tree("ud", TREE)], companion=True, graph="pb", tree="ud")),
        graph="dm",
        tree="dt",
    )
    assert (companion.trees, companion.graphs) == ({"dt": TREE}, {"dm": GRAPH})


@pytest.mark.parametrize("length", range(6))
def test_projective_trees(length):
    trees = all_trees(length, projective=False, single_root=False)
    found = [Tree(tuple(heads), ("_",) * length).is_projective for heads in trees]
    assert found == [is_projective(tuple(heads)) for heads in trees]
    assert length < 4 or not all(found)
