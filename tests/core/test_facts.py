"""A column in a few words."""

import numpy as np
import pandas as pd
import pytest

from pipelines.core.facts import describe_target, describe_values, one_line, percent


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        ([1.0, 2.5, np.inf, np.nan], "numeric", "1 to 2.5, 25% missing"),
        ([1, 2, 3, 3], "numeric", "1 to 3, 3 different"),
        (["x", "y"], "numeric", "no number, 100% missing"),
        (["2013-01-01", None], "datetime", "2013-01-01 to 2013-01-01, 50% missing"),
        ([None, None], "datetime", "no date, 100% missing"),
        (["a"], "categorical", "only a"),
        (["a", "a", "b"], "categorical", "2 values: a, b"),
        (list("aabcdefg"), "categorical", "7 values, such as a"),
        ([" ", "a, b", "a, b"], "categorical", "2 values: a, b, (blank)"),
        ([None], "categorical", "no value, 100% missing"),
        (["one two three", "one"], "text", "about 2 words each"),
        ([True, False, True], "categorical", "2 values: true, false"),
    ],
)
def test_values_in_words(values: list[object], kind: str, words: str) -> None:
    assert describe_values(pd.Series(values, dtype=object), kind) == words


def test_commonest_value_may_hold_a_comma() -> None:
    assert describe_values(pd.Series(["x, y", "x, y", *"abcdef"]), "categorical") == "7 values, such as x, y"


def test_target_in_words() -> None:
    assert describe_target(pd.Series([0, 1, 1, 1]), "binary", ["0", "1"]) == (
        "the positive class is 1 (75%), the other 0 (25%)"
    )
    many = describe_target(pd.Series(list("aabcdefg")), "multiclass", list("abcdefg"))
    assert many.startswith("7 classes: a (25%), ")
    assert many.endswith(" and 2 more")
    assert describe_target(pd.Series([1.5, 3.0, None, None]), "regression", None) == "1.5 to 3; 50% missing"


def test_one_line_is_one_printable_line() -> None:
    assert one_line("a\nb\r\x00\u2028c\x85\ud800") == "a b   c"
    assert len(one_line("x" * 100)) == 40


def test_small_shares_are_not_none() -> None:
    assert [percent(share) for share in (0.0, 0.004, 0.5, 0.996, 1.0)] == ["0%", "<1%", "50%", ">99%", "100%"]
