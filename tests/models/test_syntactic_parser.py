import pytest
import torch

from spigot.models.config import SyntaxConfig
from spigot.structured import NonProjectiveTree, ProjectiveTree
from tests.models.tiny import SENTENCES, sentence, syntax_model, tiny_vocabularies


def output_of(part, sentences):
    tokens = part.vocabulary.encode(sentences)[0]
    return part(tokens), tokens.lengths


@pytest.mark.parametrize("scorer", [{"hidden": 6}, {"name": "Biaffine", "arc_dim": 5, "label_dim": 4}])
def test_each_arc_of_the_best_tree_gets_the_best_label(scorer):
    part = syntax_model(scorer=scorer).syntax
    torch.manual_seed(0)
    for module in (part.arc, part.label):  # a biaffine form starts at 0
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter)
    output, lengths = output_of(part, SENTENCES[:6])
    best, every = part.structure.argmax(output.scores, lengths), part.label(output.states)
    for row, tree in enumerate(part.trees(output, lengths)):
        assert len(tree.heads) == len(tree.labels) == len(SENTENCES[row])
        for modifier, (head, label) in enumerate(zip(tree.heads, tree.labels, strict=True), 1):
            assert best[row, head, modifier] == 1
            assert label == part.labels.names[every[row, head, modifier].argmax()]


def test_the_labels_of_a_sentence_do_not_depend_on_its_neighbours():
    part = syntax_model().syntax
    together = part.trees(*output_of(part, SENTENCES[:6]))
    assert together == [part.trees(*output_of(part, [s]))[0] for s in SENTENCES[:6]]


def test_without_labels():
    from spigot.models.syntactic_parser import SyntacticParser

    part = SyntacticParser(SyntaxConfig(), tiny_vocabularies().syntax).eval()
    output, lengths = output_of(part, SENTENCES[:3])
    assert {label for tree in part.trees(output, lengths) for label in tree.labels} == {"_"}
    assert not any(name.startswith("label") for name in part.state_dict())
    with pytest.raises(ValueError, match="labels: expected a parser that was made with labels"):
        part.label_scores(output.states, torch.zeros(3, output.states.shape[1], dtype=torch.int64))


def test_the_structure_is_named():
    assert SyntaxConfig().structure.build() == ProjectiveTree(single_root=True)
    assert SyntaxConfig(structure={"single_root": False}).structure.build() == ProjectiveTree(single_root=False)
    part = syntax_model(structure={"name": "NonProjectiveTree"}).syntax
    assert part.structure == NonProjectiveTree(single_root=True)
    # 1 and 2 hang from 3 and 4, which cross.
    scores = torch.zeros(1, 5, 5)
    for modifier, head in enumerate((3, 4, 0, 3), 1):
        scores[0, head, modifier] = 5.0
    output, lengths = output_of(part, [sentence("w x y z")])
    (tree,) = part.trees(output._replace(scores=scores), lengths)
    assert tree.heads == (3, 4, 0, 3)
    with pytest.raises(ValueError, match=r"name: expected ProjectiveTree, NonProjectiveTree, or .*, got 'KSubset'"):
        SyntaxConfig(structure={"name": "KSubset"})


def test_what_is_done_with_scores_does_not_matter_to_weights():
    one, other = SyntaxConfig(), SyntaxConfig(structure={"name": "NonProjectiveTree"})
    assert one != other
    assert one.trained() == other.trained()
    assert one.trained() == SyntaxConfig(scorer={"hidden": 100}).trained()
    assert one.trained() != SyntaxConfig(scorer={"name": "Biaffine"}).trained()
