"""Names of rows that stay the same in every snapshot."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.core.row_ids import canonical_order, key_hashes, row_ids
from pipelines.core.schema import Column, Contract

COLUMNS = (
    Column(name="a", kind="numeric"),
    Column(name="b", kind="categorical"),
    Column(name="outcome", kind="numeric", feature=False, asked=False),
)
CONTRACT = Contract(problem="x", task="regression", target="y", columns=COLUMNS)
KEYED = CONTRACT.model_copy(update={"key": ["id"]})


def _frame(rows: int = 50) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "a": random.integers(0, 5, rows).astype(float),
            "b": random.choice(["u", "v", None], rows),
            "outcome": random.normal(size=rows),
            "id": range(rows),
            "y": random.normal(size=rows),
        }
    )


def test_every_row_has_an_id_of_its_own() -> None:
    for contract in (CONTRACT, KEYED):
        assert len(set(row_ids(contract, _frame()))) == 50
    assert row_ids(CONTRACT, _frame().head(0)).tolist() == []


def test_a_later_label_or_outcome_changes_no_id() -> None:
    frame = _frame()
    assert (row_ids(CONTRACT, frame.assign(y=0.0, outcome=1.0)) == row_ids(CONTRACT, frame)).all()


def test_a_key_names_the_row_whatever_else_changes() -> None:
    frame = _frame()
    assert (row_ids(KEYED, frame.assign(a=9.0, id=frame["id"].astype(float))) == row_ids(KEYED, frame)).all()
    assert set(row_ids(KEYED, frame.iloc[::-1])) == set(row_ids(KEYED, frame))


def test_keys_beyond_float_stay_apart() -> None:
    ids = pd.DataFrame({"id": [2**60, 2**60 + 1], "text": ["x", "x"]})
    assert len(set(key_hashes(ids, ["id", "text"]))) == 2


def test_the_order_is_that_of_time_and_does_not_depend_on_the_source() -> None:
    time = Column(name="t", kind="datetime")
    contract = CONTRACT.model_copy(update={"time": "t", "columns": (*COLUMNS, time)})
    frame = _frame().assign(t=pd.to_datetime("2013-01-01") + pd.to_timedelta(np.arange(50) % 7, unit="D"))
    shuffled = frame.sample(frac=1, random_state=1)
    ordered, again = (one.iloc[canonical_order(contract, one)] for one in (frame, shuffled))
    assert ordered["t"].is_monotonic_increasing
    pd.testing.assert_frame_equal(ordered, again)
