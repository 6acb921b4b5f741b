from __future__ import annotations

import pytest

from spigot.builtin import generate
from spigot.data.sentence import Sentence


@pytest.fixture(scope="session")
def corpus() -> list[Sentence]:
    return generate(500, seed=11)


@pytest.fixture(scope="session")
def large() -> list[Sentence]:
    return generate(2000, seed=5)
