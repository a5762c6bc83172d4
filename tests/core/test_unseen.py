from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.core.schema import Column, Contract
from pipelines.core.unseen import unseen_values

CONTRACT = Contract(
    problem="p",
    task="regression",
    target="y",
    columns=(
        Column(name="size", kind="numeric", low=0, high=10),
        Column(name="colour", kind="categorical", seen=["blue", "red"]),
        Column(name="at", kind="datetime", low=0, high=1),
        Column(name="free", kind="categorical", seen=None),
    ),
)


def frame(**columns: list[object]) -> pd.DataFrame:
    kept: dict[str, list[object]] = {"size": [1.0, 2.0], "colour": ["red", None], "free": ["a", "b"], **columns}
    return pd.DataFrame({**kept, "at": pd.to_datetime(["2026-01-01", "2026-01-02"])})


def test_what_was_seen_is_no_news_and_dates_are_always_newer() -> None:
    assert unseen_values(CONTRACT, frame()) == []
    assert unseen_values(CONTRACT, frame(size=[np.nan, 10.0])) == []


def test_new_categories_are_counted_the_most_frequent_first() -> None:
    (one,) = unseen_values(CONTRACT, frame(colour=["green", "pink"]))
    assert (one.column, one.rows, one.told) == ("colour", 2, "2 new values: green, pink")
    many = frame().loc[[0] * 9].assign(colour=list("abcdefggg"))
    assert unseen_values(CONTRACT, many)[0].told == "7 new values: g, a, b, c, d and 2 more"


def test_numbers_beyond_what_was_seen_on_either_side() -> None:
    (one,) = unseen_values(CONTRACT, frame(size=[-3.0, 12.5]))
    assert (one.rows, one.told) == (2, "smallest -3, largest 12.5, seen were 0 to 10")
