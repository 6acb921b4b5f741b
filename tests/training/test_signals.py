import signal
import threading

import pytest

from spigot.training.signals import noting_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_noted_and_the_second_acts(number):
    old = signal.getsignal(number)
    noted, acted = [], []
    signal.signal(number, lambda *_: acted.append(1))
    mine = signal.getsignal(number)
    try:
        with noting_signals(noted.append):
            signal.raise_signal(number)
            assert (noted, acted) == ([number], [])
            signal.raise_signal(number)
            assert (noted, acted) == ([number], [1])
        assert signal.getsignal(number) is mine
    finally:
        signal.signal(number, old)


def test_handlers_are_put_back_after_an_error():
    old = signal.getsignal(signal.SIGTERM)
    with pytest.raises(RuntimeError), noting_signals(lambda number: None):
        raise RuntimeError
    assert signal.getsignal(signal.SIGTERM) is old


def test_other_threads_are_left_alone():
    entered = []

    def work():
        with noting_signals(lambda number: None):
            entered.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert entered == [signal.getsignal(signal.SIGTERM)]
