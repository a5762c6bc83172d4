from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.logbook.prediction_log import LoggedPrediction, new_id, open_log

Ratchet = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def ids(settings: Settings) -> list[str]:
    """Answers of ten days, the newest of yesterday."""
    moments = [datetime.now(UTC) - timedelta(days=200 + 10 * one) for one in range(9)] + [datetime.now(UTC)]
    rows = [LoggedPrediction(new_id(), "p", 1, "r", at, at, {"x": 1}, 1.5) for at in moments]
    with closing(open_log(settings)) as log:
        log.append(rows)
    return [one.id for one in rows]


def test_old_answers_are_sealed_and_listed(settings: Settings, ratchet: Ratchet, ids: list[str]) -> None:
    code, out, told = ratchet("log", "seal", "--json")
    assert (code, out["rows"]) == (0, 9)
    assert "p: 9 rows sealed" in told
    code, out, _ = ratchet("log", "segments", "--verify", "--json")
    assert (code, sum(one["rows"] for one in out["segments"]), out["wrong"]) == (0, 9, [])
    assert out["archive"] == str(settings.home / "archive")
    code, shown, told = ratchet("log", "segments", "--verify")
    assert code == 0
    assert "files are what was sealed" in told
    code, out, _ = ratchet("ledger", "--kind", "seal", "--json")
    assert len(out["entries"]) == len(shown.splitlines()) - 5
    with closing(open_log(settings)) as log:
        assert log.get(ids[0]).prediction == 1.5
    next((settings.home / "archive").rglob("*.parquet")).unlink()
    code, out, _ = ratchet("log", "segments", "--verify", "--json")
    assert (code, len(out["wrong"])) == (1, 1)


def test_the_age_is_told(settings: Settings, ratchet: Ratchet, ids: list[str]) -> None:
    assert ratchet("log", "seal", "--older-than", "2000d", "--json")[1]["rows"] == 0
    assert ratchet("log", "seal", "--before", "2001-01-01", "--json")[1]["rows"] == 0
    assert ratchet("log", "seal", "--older-than", "1d", "--before", "2001-01-01")[0] == 2
    assert ratchet("log", "seal", "--older-than", "often")[0] == 2
    assert ratchet("log", "seal", "--older-than", "0d", "--json")[1]["rows"] == 9  # this month is not over
