import math
import statistics
from collections import Counter
from itertools import islice, product

import pytest

from spigot.corpora import listops
from spigot.corpora.listops import ORIGINAL, SETTINGS, SIMPLIFIED, Settings, generate, write_listops
from spigot.data.conllu import read_conllu, token_list
from spigot.data.sentence import SYNTAX
from spigot.errors import UserError

SPLITS = ("train", "dev", "test")
EVALUATE = {
    "[MAX": lambda values: sorted(values)[-1],
    "[MIN": lambda values: sorted(values)[0],
    "[MED": lambda values: math.floor(statistics.median(values)),
    "[SM": lambda values: int(str(sum(values))[-1]),
}


class Lists:
    """What a sequence says, by recursive descent: its value, heads and depth, and the arguments of each operator."""

    def __init__(self, tokens):
        self.tokens, self.place = tokens, 0
        self.heads, self.arguments = [], []
        self.depth = 0
        self.value = self.element(head=0, depth=0)
        assert self.place == len(tokens)

    def take(self, head):
        self.heads.append(head)
        self.place += 1
        return self.tokens[self.place - 1]

    def element(self, head, depth):
        token = self.take(head)
        if token in "0123456789":
            return int(token)
        here, values, kinds = self.place, [], []
        self.depth = max(self.depth, depth + 1)
        while self.tokens[self.place] != "]":
            kinds.append(self.tokens[self.place] in EVALUATE)
            values.append(self.element(here, depth + 1))
        self.take(here)
        self.arguments.append((depth, kinds))
        return EVALUATE[token](values)


def sequences(settings, split="train", count=1000, seed=1):
    return [sentence.forms for sentence in islice(generate(settings, split, seed=seed), count)]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_values_and_trees(settings, tmp_path):
    write_listops(tmp_path, settings, 500)
    seen = Counter()
    for split in SPLITS:
        for sentence in read_conllu(tmp_path / f"{split}.conllu"):
            lists = Lists(sentence.forms)
            assert token_list(sentence).metadata["category"] == str(lists.value)
            assert sentence.trees[SYNTAX].heads == tuple(lists.heads)
            assert set(sentence.trees[SYNTAX].labels) == {"_"}
            seen[sentence.id] += 1
            seen[sentence.forms] += 1
    assert set(seen.values()) == {1}
    assert len(seen) == 2 * 600


def test_an_example(tmp_path):
    settings = Settings(("[MED",), max_depth=1, equal_depths=True, max_arguments=2)
    write_listops(tmp_path, settings, 50)
    text = (tmp_path / "train.conllu").read_text("utf-8")
    tokens = next(generate(settings, "train")).forms
    expected = f"# sent_id = listops-train-1\n# text = {' '.join(tokens)}\n# category = {Lists(tokens).value}\n"
    assert text.startswith(expected + "1\t[MED\t_\t_\t_\t_\t0\t_\t_\t_\n2\t")
    assert "\n4\t]\t_\t_\t_\t_\t1\t_\t_\t_\n\n# sent_id = listops-train-2\n" in text
    # A median between two digits occurs, so the cut is tested.
    assert any((int(left) + int(right)) % 2 for _, left, right, _ in sequences(settings, count=50))


def test_the_simplified_setting():
    for split in SPLITS:
        drawn = sequences(SIMPLIFIED, split, 250)
        assert [Lists(tokens).depth for tokens in drawn] == [1, 2, 3, 4, 5] * 50
        lengths = [len(tokens) for tokens in drawn]
        assert {length for number, length in enumerate(lengths) if number % 5 == 0} <= {4, 5, 6, 7}
        assert all(10 <= length < 50 for number, length in enumerate(lengths) if number % 5)
        assert {token for tokens in drawn for token in tokens} == {*"0123456789]", "[MAX", "[MIN", "[MED"}


def test_the_original_setting():
    lists = [Lists(tokens) for tokens in sequences(ORIGINAL, count=3000)]
    assert max(each.depth for each in lists) <= 19
    assert any(each.depth == 0 for each in lists)
    assert {token for each in lists for token in each.tokens} == {*"0123456789]", *EVALUATE}
    # The outermost lists are left out: among them the short ones are rarer than drawn, since none comes twice.
    inner = [kinds for each in lists for depth, kinds in each.arguments if depth > 0]
    counts = Counter(map(len, inner))
    assert set(counts) == {2, 3, 4, 5}
    assert all(abs(count / len(inner) - 0.25) < 0.02 for count in counts.values())
    assert abs(statistics.fmean(kind for kinds in inner for kind in kinds) - 0.25) < 0.01


def test_the_depth_is_bounded():
    settings = Settings(("[MAX",), max_depth=2, probability=0.5)
    depths = {Lists(tokens).depth for tokens in sequences(settings)}
    assert depths == {0, 1, 2}


def test_a_seed_gives_the_same_sequences(tmp_path):
    assert sequences(SIMPLIFIED) == sequences(SIMPLIFIED)
    assert sequences(SIMPLIFIED, seed=2) != sequences(SIMPLIFIED)
    write_listops(tmp_path / "one", SIMPLIFIED, 100, seed=3)
    write_listops(tmp_path / "two", SIMPLIFIED, 200, seed=3)
    for split in SPLITS:
        small = [sentence.forms for sentence in read_conllu(tmp_path / "one" / f"{split}.conllu")]
        large = [sentence.forms for sentence in read_conllu(tmp_path / "two" / f"{split}.conllu")]
        assert small == large[: len(small)] == sequences(SIMPLIFIED, split, len(small), seed=3)
        assert len(large) == 2 * len(small)


def test_all_sequences_are_in_one_split_each(monkeypatch):
    monkeypatch.setattr(listops, "_MOST_DRAWS", 10_000)
    settings = Settings(("[SM",), max_depth=1, max_arguments=2)
    found = []
    for split in SPLITS:
        for seed in (1, 2):
            drawn = []
            with pytest.raises(
                UserError, match=rf"expected fewer, since after \d+ for {split} no new one came in 10000"
            ):
                drawn.extend(sentence.forms for sentence in generate(settings, split, seed=seed))
            found.append(set(drawn))
            assert len(found[-1]) == len(drawn)
    assert found[0::2] == found[1::2]
    train, dev, test = found[0::2]
    assert len(train) > len(dev) + len(test)
    pairs = [("[SM", *pair, "]") for pair in product("0123456789", repeat=2)]
    assert sorted([*train, *dev, *test]) == sorted([*pairs, *((digit,) for digit in "0123456789")])


def test_nothing_is_written_where_sequences_run_out(tmp_path, monkeypatch):
    monkeypatch.setattr(listops, "_MOST_DRAWS", 10_000)
    write_listops(tmp_path, SIMPLIFIED, 10)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    settings = Settings(("[MIN",), max_depth=1, equal_depths=True, max_arguments=2)
    with pytest.raises(UserError, match=r"for (train|dev|test) no new one of depth 1 came"):
        write_listops(tmp_path, settings, 90)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    with pytest.raises(UserError, match="sentences: expected at least 10, got 9"):
        write_listops(tmp_path, SIMPLIFIED, 9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"operators": ("[MAX", "[SUM")}, r"operators: expected some of \[MAX, \[MIN, \[MED, \[SM, got \[SUM"),
        ({"operators": ()}, "operators: expected .* got none"),
        ({"max_depth": 0}, "max_depth: expected at least 1, got 0"),
        ({"probability": 1.0}, "probability: expected a number between 0 and 1, got 1.0"),
        ({"max_arguments": 1}, "max_arguments: expected at least 2, got 1"),
        ({"min_length": 9, "max_length": 8}, "max_length: expected at least 9, got 8"),
    ],
)
def test_settings_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        Settings(**{"operators": ("[MAX",), "max_depth": 3, **arguments})
