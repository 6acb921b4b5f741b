import itertools

import pytest

from spigot.systems.streaming import parse_stream
from tests.models.tiny import SENTENCES, tiny_model


@pytest.mark.parametrize(("budget", "window"), [(2048, 512), (30, 512), (30, 7), (1, 1), (2048, 40)])
def test_order_and_content_do_not_depend_on_budget_and_window(budget, window):
    model = tiny_model()
    parsed = list(parse_stream(model.parse, SENTENCES, budget, window))
    assert [s.id for s in parsed] == [s.id for s in SENTENCES]
    for ours, given in zip(parsed, SENTENCES, strict=True):
        assert [ours] == model.parse([given])


def test_without_sentences():
    assert list(parse_stream(tiny_model().parse, [])) == []


def test_an_endless_stream_is_read_a_window_at_a_time():
    read = 0

    def endless():
        nonlocal read
        for s in itertools.cycle(SENTENCES):
            read += 1
            yield s

    stream = parse_stream(tiny_model().parse, endless(), window=10)
    for count in range(1, 31):
        next(stream)
        assert read == 10 * -(-count // 10)
