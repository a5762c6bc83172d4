from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.contract import infer_contract
from pipelines.core.problem import Problem
from pipelines.steps.recall_rows import recall_rows

START = datetime(2024, 1, 3, tzinfo=UTC)


def _problem(**data: Any) -> Problem:
    return Problem.model_validate(
        {
            "name": "trains",
            "data": {"source": "t.csv", "target": "late", "time": "at", "key": "id", **data},
            "features": {
                "ignored": ["known"],
                "history": [{"name": "late_by_line", "by": "line", "of": "late", "window": "7d"}],
            },
        }
    )


def _frame(rows: int = 200) -> pd.DataFrame:
    source = np.random.default_rng(1)
    at = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows), "h")
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "at": at,
            "line": source.choice(["S1", "S2"], rows).astype(object),
            "rain": source.normal(size=rows),
            "late": source.random(rows) < 0.4,
            "known": at + pd.Timedelta(hours=5),
        }
    )


def test_rows_come_in_the_order_of_their_moments_whatever_the_source_s() -> None:
    problem, frame = _problem(label_known_at="known"), _frame()
    contract = infer_contract(problem, frame)
    straight = recall_rows(problem, contract, frame, START)
    mixed = recall_rows(problem, contract, frame.sample(frac=1, random_state=0).reset_index(drop=True), START)
    assert (np.diff(straight.moments) > np.timedelta64(0)).all()
    assert straight.frame.equals(mixed.frame)
    assert straight.ids.tolist() == mixed.ids.tolist()
    assert straight.moments[0] < np.datetime64("2024-01-03")  # asked before, but its label was to come yet
    assert (straight.known > np.datetime64("2024-01-03")).all()


def test_history_is_what_was_known_when_each_row_was_asked() -> None:
    problem, frame = _problem(label_known_at="known"), _frame()
    contract = infer_contract(problem, frame)
    found = recall_rows(problem, contract, frame, START)
    place = 120
    row = frame[frame["at"] == found.moments[place]].iloc[0]
    known = frame[(frame["line"] == row["line"]) & (frame["known"] < row["at"])]
    assert found.frame["late_by_line"].iloc[place] == pytest.approx(known["late"].mean())


def test_later_rows_change_nothing_of_earlier_ones() -> None:
    problem, frame = _problem(label_known_at="known"), _frame()
    contract = infer_contract(problem, frame)
    changed = frame.copy()
    changed.loc[150:, "late"] = ~changed.loc[150:, "late"]
    changed.loc[150:, "line"] = "S9"
    changed.loc[199, "id"] = 3  # the key of an earlier row, once more
    both = [recall_rows(problem, contract, one, START) for one in (frame, changed)]
    sides = [one.frame[one.moments < np.datetime64(frame["at"][150])] for one in both]
    assert sides[0].equals(sides[1])


@pytest.mark.parametrize(
    ("data", "hours"),
    [({}, 0), ({"label_delay": "3h"}, 3), ({"label_known_at": "known"}, 5)],
    ids=["at once", "delay", "column"],
)
def test_labels_are_known_when_the_problem_says(data: dict[str, str], hours: int) -> None:
    problem, frame = _problem(**data), _frame()
    found = recall_rows(problem, infer_contract(problem, frame), frame, START)
    assert (found.known - found.moments == np.timedelta64(hours, "h")).all()


def test_what_a_service_would_refuse_is_not_served_and_counted() -> None:
    problem, frame = _problem(), _frame()
    contract = infer_contract(problem, frame)
    bad = frame.astype({"rain": object})
    bad.loc[100, "rain"] = "wet"
    bad.loc[101, "at"] = pd.NaT
    found = recall_rows(problem, contract, bad, START)
    assert found.refused == 2
    assert len(found) == len(recall_rows(problem, contract, frame, START)) - 2


def test_a_class_that_came_later_has_no_label() -> None:
    frame = _frame().assign(late=np.where(np.arange(200) < 150, "no", "yes"))
    frame.loc[:30, "late"] = "yes"
    problem = Problem.model_validate(
        {"name": "t", "data": {"source": "t.csv", "target": "late", "time": "at"}, "features": {"ignored": ["known"]}}
    )
    contract = infer_contract(problem, frame)
    frame.loc[180:, "late"] = "perhaps"
    found = recall_rows(problem, contract, frame, START)
    assert np.isnan(found.labels[-20:]).all()
    assert np.isnat(found.known[-20:]).all()
    assert np.isfinite(found.labels[:-20]).all()
