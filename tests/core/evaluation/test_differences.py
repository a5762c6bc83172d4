from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.evaluation.differences import changes, compare_answers, predictions_digest, text_changes


def reference(rows: int = 5) -> pd.DataFrame:
    chance = np.linspace(0, 1, rows)
    ids = [f"r{row}" for row in range(rows)]
    return pd.DataFrame({"__row": ids, "probability_no": 1 - chance, "probability_yes": chance, "load": 1.0})


def test_a_change_has_both_sides() -> None:
    found = changes({"a": {"b": 1, "gone": 2}, "nan": float("nan")}, {"a": {"b": 1}, "nan": float("nan"), "new": [1]})
    assert [(one.name, one.before, one.after) for one in found] == [("a.gone", 2, "absent"), ("new", "absent", [1])]


@given(st.dictionaries(st.text(max_size=3), st.integers() | st.dictionaries(st.text(max_size=3), st.integers())))
def test_nothing_differs_from_itself(facts: dict[str, object]) -> None:
    assert changes(facts, dict(facts)) == []


def test_equal_texts_have_no_diff() -> None:
    assert text_changes("a\nb\n", "a\nb\n") == []


@given(st.permutations(range(5)))
def test_the_digest_of_answers_knows_no_order(order: list[int]) -> None:
    frame = reference()
    assert predictions_digest(frame.iloc[order]) == predictions_digest(frame)
    assert compare_answers(frame, frame.iloc[order]).same


def test_the_digest_follows_every_bit_of_an_answer() -> None:
    frame = reference()
    nudged = frame.assign(probability_yes=np.nextafter(frame["probability_yes"], 2))
    renamed = frame.assign(__row=["x", *frame["__row"][1:]])
    other = frame.rename(columns={"probability_yes": "probability_ja"})
    digests = {predictions_digest(one) for one in (frame, nudged, renamed, other, frame.head(4))}
    assert len(digests) == 5
    assert predictions_digest(frame.assign(load=2.0)) == predictions_digest(frame)  # inputs are no answers


def test_answers_are_compared_row_by_row() -> None:
    frame = reference()
    apart = compare_answers(frame, frame.assign(probability_yes=frame["probability_yes"] + [0, 0, 0, 0.25, 0]))
    assert (apart.rows, apart.differing, apart.largest, apart.same, apart.near(0.3)) == (5, 1, 0.25, False, True)
    fewer = compare_answers(frame, frame.head(3))
    assert (fewer.rows, fewer.missing, fewer.largest, fewer.same, fewer.near(1)) == (3, 2, 0.0, False, False)
    other = compare_answers(frame, frame.rename(columns={"probability_yes": "probability_ja"}))
    assert (other.unscored, other.differing, other.same, other.near(1)) == (5, 5, False, False)
    none = compare_answers(frame, frame.assign(__row=["a", "b", "c", "d", "e"]))
    assert (none.rows, none.missing, none.largest) == (0, 10, None)
