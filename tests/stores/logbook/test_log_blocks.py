"""What goes into a block comes out of it, whether its columns are lists or arrays, few rows or many."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from pipelines.stores.logbook.log_blocks import REACHES, KeptBlock, LogBlock, write_content
from pipelines.stores.logbook.prediction_ids import make_ids

AT = datetime(2024, 1, 5, 12)
NAT = np.datetime64("NaT", "us")


def kept(count: int, arrays: bool, classes: Any = (["no", "yes"], [False, True]), time: str | None = "t") -> KeptBlock:
    numbers = [float(row) if row % 3 else float("nan") for row in range(count)]
    moments = np.array([NAT if row % 2 else AT + timedelta(hours=row) for row in range(count)], dtype="M8[us]")
    inputs = {"n": np.array(numbers) if arrays else numbers, "c": ["a" if row % 2 else None for row in range(count)]}
    history = {"h": np.arange(count) / 2}
    if classes is None:
        scores = np.arange(count) + 0.5
    else:
        scores = np.stack([np.arange(count), np.full(count, 1.5)], axis=1)[:, ::-1]  # not in the order of memory
    asked = [(AT.isoformat(), 1), ((AT + timedelta(seconds=1)).isoformat(), count - 1)]
    content = write_content(asked, time, {**inputs, "t": moments}, history, scores, classes)
    return KeptBlock("p", 3, "r", "api", make_ids(count), content)


@pytest.mark.parametrize("count", [1, 2, 64, 65, 500])
@pytest.mark.parametrize("arrays", [False, True])
def test_every_row_comes_back(count: int, arrays: bool) -> None:
    block = kept(count, arrays)
    for row in range(count):
        one = block.row(row)
        assert (one.id, one.problem, one.version, one.run_id, one.source) == (block.ids.texts[row], "p", 3, "r", "api")
        assert block.place(one.id) == row
        stated = None if row % 2 else AT + timedelta(hours=row)
        assert (one.time, one.at) == (stated, AT + timedelta(seconds=row > 0))
        assert one.inputs == {
            "n": float(row) if row % 3 else None,
            "c": "a" if row % 2 else None,
            "t": None if stated is None else stated.isoformat(timespec="microseconds"),
        }
        assert one.history == {"h": row / 2}
        assert one.prediction is (row > 1)
        assert one.probabilities == {"no": 1.5, "yes": float(row)}
        assert block.moment[row].item() == (stated or one.at)
    assert block.place("absent") is None


@pytest.mark.parametrize("count", [2, 100])
def test_values_have_no_probabilities(count: int) -> None:
    one = kept(count, True, classes=None, time=None).row(1)
    assert (one.prediction, one.probabilities, one.time) == (1.5, None, None)


def test_no_inputs_and_no_history_are_kept_as_such() -> None:
    content = write_content([(AT.isoformat(), 2)], None, {}, None, np.array([1.0, 2.0]), None)
    one = KeptBlock("p", 1, "r", "api", make_ids(2), content).row(1)
    assert (one.inputs, one.history, one.prediction) == ({}, None, 2.0)


@pytest.mark.parametrize("days", [0, 1, 29, 400, 300_000])
def test_the_reach_covers_what_lies_between_the_moments(days: int) -> None:
    block = LogBlock("p", 1, "r", "api", make_ids(4), datetime(1, 1, 1), datetime(1, 1, 1) + timedelta(days=days), b"")
    made, *_, rows, first, last, reach, ids, content = block.values()
    assert (made, rows, ids, content) == (block.ids.made, 4, block.ids.raw, b"")
    assert (first, len(last)) == ("0001-01-01 00:00:00.000000", 26)
    assert reach in REACHES
    assert reach >= 86_400 * days
