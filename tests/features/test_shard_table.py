"""Which rows shards hold: the same as a dictionary says, and no key that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinema.features.shard import ShardIndex
from kinema.features.shard_table import Row, RowTable, ShardRows

# Few halves, so that keys share their first, or their last, eight bytes.
HALVES = st.sampled_from(["0" * 16, "f" * 16, "0123456789abcdef", "8" * 16, "0" * 15 + "1"])
KEYS = st.tuples(HALVES, HALVES).map("".join)


@given(st.lists(st.lists(KEYS, max_size=8, unique=True), max_size=4), KEYS)
def test_as_a_dictionary(shards: list[list[str]], other: str) -> None:
    rows, known = {}, dict[str, Row]()
    for number, keys in enumerate(shards):
        name, steps = f"{number}.arrow", [7 * n + number for n in range(len(keys))]
        rows[name] = ShardRows.of(ShardIndex(keys, steps, 4 + number))
        for n, key in enumerate(keys):
            known.setdefault(key, Row(name, n, key, steps[n], 4 + number))
    table = RowTable(rows)
    for key in [*known, other]:
        assert table.find(key) == known.get(key)


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="non-hexadecimal"):
        ShardRows.of(ShardIndex(["x" * 32], [1], 4))
