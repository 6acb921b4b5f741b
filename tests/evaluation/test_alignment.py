import io
from functools import cache

import pytest

from spigot.data.conllu import read_conllu
from spigot.data.errors import DataError
from spigot.data.sdp import read_sdp
from spigot.data.sentence import Sentence, Surface
from spigot.data.surface import surface_tokens
from spigot.evaluation.alignment import align
from spigot.evaluation.counts import Counts
from tests.evaluation.aligned_files import random_pair, sentences_of

GOLD = """\
1 Dogs 2 nsubj
2 bark 0 root
3 . 2 punct

1 Stop 0 root
2 it 1 obj
"""


def test_split_and_merged_tokens():
    split = sentences_of(GOLD.replace("2 bark 0 root\n3 . 2 punct", "2 ba 0 root\n3 rk 2 dep\n4 . 2 punct"))
    gold = sentences_of(GOLD)
    found = align(gold, split)
    assert found.gold == [(0, 1, 2, 3), (0, 4, 5)]
    (root, dogs, first, second, stop), rest = found.system
    assert (root, dogs, stop, rest) == (0, 1, 3, (0, 4, 5))
    assert max(first, second) < 0
    assert first != second
    assert (found.sentences, found.words, found.tokens) == (Counts(2, 2, 2), Counts(5, 6, 4), Counts(5, 6, 4))
    merged = align(split, gold)
    assert merged.words == merged.tokens == Counts(6, 5, 4)
    assert merged.system == [(0, 1, -4, 4), (0, 5, 6)]


def test_moved_sentence_boundary():
    moved = sentences_of("1 Dogs 2 nsubj\n2 bark 0 root\n\n1 . 2 punct\n2 Stop 0 root\n3 it 2 obj")
    found = align(sentences_of(GOLD), moved)
    assert found.sentences == Counts(2, 2, 0)
    assert found.words == Counts(5, 5, 5)
    assert found.system == [(0, 1, 2), (0, 3, 4, 5)]


def test_multiword_token_against_its_words_text():
    gold = sentences_of("1 Va 0 root\n2-3 au 1 x\n2 à 4 case\n3 le 4 det\n4 lac 1 obl")
    assert align(gold, gold).words == Counts(4, 4, 4)
    assert align(gold, gold).tokens == Counts(3, 3, 3)
    # The system did not split "au", whose form is that of none of its words.
    whole = sentences_of("1 Va 0 root\n2 au 3 case\n3 lac 1 obl")
    found = align(gold, whole)
    assert (found.words, found.tokens) == (Counts(4, 3, 2), Counts(3, 3, 3))
    assert found.system == [(0, 1, -2, 4)]
    # It split "aul" into words of which one is in both, whatever its case, and what overlaps is aligned at once.
    other = sentences_of("1 Va 0 root\n2-3 aul 1 x\n2 De 1 case\n3 LE 1 det\n4 ac 1 obl")
    found = align(gold, other)
    assert (found.words, found.tokens) == (Counts(4, 4, 2), Counts(3, 3, 1))
    assert found.system == [(0, 1, -3, 3, -1)]


def test_multiword_token_that_its_words_spell():
    gold = sentences_of("1-2 don't 0 x\n1 do 0 root\n2 n't 1 advmod")
    plain = sentences_of("1 do 0 root\n2 n't 1 advmod")
    found = align(gold, plain)
    assert (found.words, found.tokens) == (Counts(2, 2, 2), Counts(1, 2, 0))


def test_words_before_a_multiword_span_have_no_part_in_it():
    gold = sentences_of("1 abab 0 root\n2-3 xy 0 x\n2 ab 1 dep\n3 q 1 dep")
    system = sentences_of("1 ab 0 root\n2 ab 1 dep\n3 xy 1 dep")
    assert align(gold, system).words == Counts(3, 3, 0)


def test_words_that_end_behind_a_multiword_span_have_no_part_in_it():
    gold = sentences_of("1-2 abc 0 x\n1 ab 0 root\n2 cd 1 dep\n3 d 1 dep")
    system = sentences_of("1 ab 0 root\n2 cd 1 dep")
    assert align(gold, system).words == Counts(3, 2, 1)


def test_white_space_is_left_out():
    def one(*forms):
        return [Sentence("1", forms, ("_",) * len(forms), ("_",) * len(forms))]

    found = align(one("1 000\N{NO-BREAK SPACE}000", "$"), one("1", "000000", "$"))
    assert (found.words, found.tokens) == (Counts(2, 3, 1), None)


def test_words_with_a_span_in_common_are_a_multiword_token():
    surface = Surface("Va au lac", ((0, 2), (3, 5), (3, 5), (6, 9)))
    forms = ("Va", "à", "le", "lac")
    json = [Sentence("1", forms, ("_",) * 4, ("_",) * 4, surface=surface)]
    assert [token.form for token in surface_tokens(json[0])] == ["Va", "au", "lac"]
    gold = sentences_of("1 Va 0 root\n2-3 au 1 x\n2 à 4 case\n3 le 4 det\n4 lac 1 obl")
    assert align(gold, json).words == Counts(4, 4, 4)


def test_sdp_has_words_alone():
    text = "#SDP 2015\n#h1\n1\tIt\tit\tPRP\t-\t-\t_\tARG1\n2\trains\train\tVBZ\t+\t+\tv\t_\n\n"
    sdp = list(read_sdp(io.StringIO(text)))
    found = align(sdp, sentences_of("1 It 2 nsubj\n2 rai 0 root\n3 ns 2 dep"))
    assert (found.words, found.tokens, found.sentences) == (Counts(2, 3, 1), None, Counts(1, 1, 1))


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (
            GOLD.replace("Stop", "Step"),
            "s: sentence '2', token 1: expected 'Stopit', as in g (sentence '2', token 1), got 'Stepit'",
        ),
        (
            "1 Dogs 0 root\n2 barks 1 dep",
            "s: sentence '1', token 2: expected '.Stopit', as in g (sentence '1', token 3), got 's'",
        ),
        (
            GOLD.rpartition("\n2")[0],
            "s: at the end: expected 'it', as in g (sentence '2', token 2), got the end of the file",
        ),
        (
            f"{GOLD}\n1 Now 0 root",
            "s: sentence '3', token 1: expected the end of the file, as in g (at the end), got 'Now'",
        ),
    ],
)
def test_other_characters(system, message):
    with pytest.raises(DataError) as error:
        align(sentences_of(GOLD), sentences_of(system), "g", "s")
    assert str(error.value) == message


def test_the_same_letters_in_other_code_points():
    with pytest.raises(DataError, match=r"they differ from character 4, U\+00E9 against U\+0065 U\+0301$"):
        align(sentences_of("1 Café 0 root"), sentences_of("1 Cafe\u0301 0 root"))


def test_form_of_white_space():
    text = "1\tIt\t_\t_\t_\t_\t0\troot\t_\t_\n2\t\N{NO-BREAK SPACE}\t_\t_\t_\t_\t1\tdep\t_\t_\n\n"
    sentences = list(read_conllu(io.StringIO(text)))
    message = "g: sentence '1': expected token 2 to be more than white space, got '\\xa0'"
    with pytest.raises(DataError) as error:
        align(sentences, sentences, "g", "s")
    assert str(error.value) == message


def reference(gold, system):
    """Count sentences, tokens and words that agree, by comparing everything with everything."""
    files = []
    for sentences in (gold, system):
        position, bounds, tokens = 0, [], []
        for sentence in sentences:
            start = position
            for token in surface_tokens(sentence):
                tokens.append((position, position + len(token.form), token))
                position += len(token.form)
            bounds.append((start, position))
        files.append((bounds, tokens))
    common = [sum(a[:2] == b[:2] for a in files[0][k] for b in files[1][k]) for k in (0, 1)]
    spans = {(start, end) for _, tokens in files for start, end, token in tokens if token.multiword}
    while pairs := [(a, b) for a in spans for b in spans if a < b and b[0] < a[1]]:
        a, b = pairs[0]
        spans = (spans - {a, b}) | {(a[0], max(a[1], b[1]))}
    words = 0
    for span in spans:
        inside = [
            [word for start, end, token in tokens if span[0] <= start and end <= span[1] for word in token.words]
            for _, tokens in files
        ]
        words += longest(*map(tuple, inside))
    for start, end, _ in files[0][1]:
        if not any(a <= start and end <= b for a, b in spans):
            words += sum((start, end) == other[:2] for other in files[1][1])
    return *common, words


@cache
def longest(one, other):
    if not one or not other:
        return 0
    if one[-1] == other[-1]:
        return longest(one[:-1], other[:-1]) + 1
    return max(longest(one[:-1], other), longest(one, other[:-1]))


@pytest.mark.parametrize("seed", range(200))
def test_against_the_definition(seed):
    gold, system = random_pair(seed)
    found, swapped = align(gold, system), align(system, gold)
    assert found.tokens is not None
    counts = found.sentences, found.tokens, found.words
    assert tuple(c.correct for c in counts) == reference(gold, system)
    assert found.sentences.gold == len(gold)
    assert found.words.system == sum(map(len, system))
    back = (swapped.sentences, swapped.tokens, swapped.words)
    assert [(c.precision, c.recall) for c in counts] == [(c.recall, c.precision) for c in back]
    names = [name for sentence in found.system for name in sentence[1:]]
    assert len(set(names)) == len(names)
    assert sum(name > 0 for name in names) == found.words.correct
    assert (aligned := [name for name in names if name > 0]) == sorted(aligned)
    same = align(gold, gold)
    assert same.gold == same.system
    assert same.sentences.f1 == same.words.f1 == 1
