"""Rows are asked about at their own moment, logged as they were typed, and never answered unlogged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from pipelines.core.errors import PayloadError
from pipelines.stores.release_info import ReleaseInfo
from services.prediction.data_plane import log_entries, read_rows
from services.prediction.live_model import LiveModel, load_live

NOW = datetime(2024, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def model(trips: Any, shop: Any, tmp_path: Path) -> LiveModel:
    digest = trips.bundle(tmp_path / "bundle")
    info = ReleaseInfo("trips", 1, "run", "", digest, "")
    return load_live(tmp_path / "bundle", info, shop.settings.history("trips"))


def body(*rows: Any) -> bytes:
    return orjson.dumps({"instances": rows})


def test_a_row_without_a_time_is_asked_about_now(model: LiveModel) -> None:
    rows = read_rows(model, body({"line": "a"}, {"line": "a", "at": "2024-01-03T00:00:00+01:00"}), NOW)
    assert rows.times.tolist() == [datetime(2024, 1, 5, 12), datetime(2024, 1, 2, 23)]
    assert rows.stated == [None, datetime(2024, 1, 2, 23)]
    assert np.isnat(rows.columns["at"][0]), "what the model sees is what was sent, as in a table"


@pytest.mark.parametrize("moment", [-1e14, "0001-01-01T00:00:00+14:00", "soon", True, [1]])
def test_a_time_that_is_none_is_refused(model: LiveModel, moment: Any) -> None:
    with pytest.raises(PayloadError) as caught:
        read_rows(model, body({"line": "a"}, {"line": "a", "at": moment}), NOW)
    assert {(issue.row, issue.feature) for issue in caught.value.issues} == {(1, "at")}


def test_the_log_holds_inputs_as_typed_and_history_as_joined(model: LiveModel) -> None:
    rows = read_rows(model, body({"line": "a", "at": "2024-01-03", "distance": "2.5"}, {"line": None}), NOW)
    answered = model.answer(rows.columns, rows.times)
    first, second = log_entries(model, rows, answered, NOW)
    assert first.inputs == {
        "at": "2024-01-03T00:00:00.000000",
        "line": "a",
        "distance": 2.5,
    }
    assert (first.time, second.time, first.version) == (datetime(2024, 1, 3), None, 1)
    assert first.history is not None
    assert first.history["minutes_1d"] > 0
    assert first.prediction == answered.answers[0]["prediction"]
    assert first.id < second.id or first.id != second.id
