from __future__ import annotations

import pytest

from spigot.builtin.choice import Weighted


def test_tables_give_each_item_its_share():
    table = Weighted(("a", "b"), (3, 1))
    assert [table.at(point) for point in (0.0, 0.74, 0.75, 0.999999)] == ["a", "a", "b", "b"]
    with pytest.raises(ValueError, match="as many positive weights as items"):
        Weighted(("a",), ())
