from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.challenge.trial_routing import place, taken

COLUMNS: dict[str, Any] = {
    "amount": [1.0, 2.5, float("nan"), 1.0],
    "city": ["Köln", None, "", "Köln"],
    "at": [np.datetime64("2024-01-01T00:00:00", "us"), np.datetime64("NaT", "us"), *[np.datetime64(5, "us")] * 2],
}
ARRAYS = {
    "amount": np.array(COLUMNS["amount"]),
    "city": np.array(COLUMNS["city"], dtype=object),
    "at": np.array(COLUMNS["at"], dtype="datetime64[us]"),
}


@given(st.text(max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_raising_the_share_only_adds(key: str, one: float, other: float) -> None:
    less, more = sorted((one, other))
    for routing in (key, None):
        few = taken("p", less, {"a": [key]}, 1, "a", routing)
        many = taken("p", more, {"a": [key]}, 1, "a", routing)
        assert not (few & ~many).any()


def test_the_share_of_keys_is_kept() -> None:
    places = np.array([place("p", str(number)) for number in range(20_000)])
    assert abs((places < 0.1).mean() - 0.1) < 0.01
    counts = np.histogram(places, bins=20, range=(0, 1))[0]
    assert ((counts - 1_000) ** 2 / 1_000).sum() < 50  # chi-square with 19 degrees of freedom


def test_rows_of_one_key_stay_together() -> None:
    rows = {"city": [str(number % 7) for number in range(70)], "n": [float(number) for number in range(70)]}
    mask = taken("p", 0.5, rows, 70, "city", None).reshape(10, 7)
    assert (mask == mask[0]).all()
    assert taken("p", 0.5, rows, 70, None, None).mean() not in (0, 1)
    assert taken("p", 0.5, rows, 70, "city", "a caller").tolist() in ([True] * 70, [False] * 70)


def test_lists_and_arrays_go_the_same_way() -> None:
    for key in (None, "amount", "city", "at"):
        for share in (0.2, 0.5, 0.8):
            assert (taken("p", share, COLUMNS, 4, key, None) == taken("p", share, ARRAYS, 4, key, None)).all()


def test_rows_without_a_key_are_spread() -> None:
    rows = {"key": [None] * 500, "n": [float(number) for number in range(500)]}
    assert 0.4 < taken("p", 0.5, rows, 500, "key", None).mean() < 0.6
    assert not taken("p", 0.0, {}, 3, None, None).any()
