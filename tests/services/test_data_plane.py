"""Rows are asked about at their own moment, logged as they were typed, and never answered unlogged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest

from pipelines.core.errors import NotFound, PayloadError
from pipelines.stores.logbook.group_commit import GroupCommit
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.registry.registry_reader import open_reader
from services.prediction.batching import Scorer
from services.prediction.champions import Champions
from services.prediction.data_plane import DataPlane
from services.prediction.doors import Asked
from services.prediction.live_model import LiveModel
from services.prediction.metrics import Metrics
from services.prediction.payloads import TooManyRows


class Trials:
    """At most one trial, set by the test."""

    def __init__(self) -> None:
        self.trial: Any = None

    def active(self, problem: str) -> Any:
        return self.trial


class Try:
    """A trial that takes the rows told and notes what it is told."""

    def __init__(self, mode: str, model: LiveModel, mask: list[bool] | None = None) -> None:
        self.mode, self.model, self.mask = mode, model, mask or []
        self.seen: list[tuple[str, int, bool]] = []
        self.offered: list[str] = []
        self.routing: str | None = None

    def takes(self, rows: Any, count: int, routing: str | None) -> np.ndarray:
        self.routing = routing
        return np.array(self.mask)

    def observe(self, arm: str, rows: int, seconds: float, failed: bool) -> None:
        self.seen.append((arm, rows, failed))

    def offer(self, champion: Any, columns: Any, times: Any, ids: list[str], count: int) -> None:
        assert count == len(ids) == len(times)
        self.offered += ids


@pytest.fixture
def parts(shop: Any) -> Iterator[SimpleNamespace]:
    metrics, log, trials = Metrics(), PredictionLog(shop.settings.database), Trials()
    writer = GroupCommit(log)
    scorer = Scorer(writer)
    champions = Champions(shop.settings, open_reader(shop.settings), metrics)
    champions.start()
    plane = DataPlane(champions, trials, scorer, log, metrics)  # type: ignore[arg-type]
    yield SimpleNamespace(plane=plane, log=log, champions=champions, trials=trials, metrics=metrics)
    champions.close()
    scorer.close()
    writer.close()
    log.close()


def challenger(parts: Any, problem: str) -> LiveModel:
    import dataclasses

    live = parts.champions.live(problem)
    return dataclasses.replace(live, info=dataclasses.replace(live.info, version=9, run_id="nine"))


def test_the_log_holds_inputs_as_typed_and_history_as_joined(parts: Any) -> None:
    rows = [{"line": "a", "at": "2024-01-03", "distance": "2.5"}, {"line": None}]
    answers = asyncio.run(parts.plane.predict_rows("trips", rows))
    first, second = (parts.log.get(one) for one in answers.ids)
    assert first.inputs == {"at": "2024-01-03T00:00:00.000000", "line": "a", "distance": 2.5}
    assert (first.time, second.time, first.version) == (datetime(2024, 1, 3), None, 1)
    assert first.history is not None
    assert first.history["minutes_1d"] > 0
    assert first.prediction == answers.predictions()[0] == orjson.loads(answers.written[0])["prediction"]


def test_a_table_is_answered_as_its_rows_are(parts: Any) -> None:
    rows = [{"line": "a", "at": "2024-01-03", "distance": 2.5}, {"line": "b", "at": "2024-01-04", "distance": None}]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    by_row = asyncio.run(parts.plane.predict_rows("trips", rows))
    by_column = asyncio.run(parts.plane.predict_columns("trips", columns, 2))
    assert by_row.scores.tolist() == by_column.scores.tolist()
    assert parts.log.get(by_row.ids[1]).inputs == parts.log.get(by_column.ids[1]).inputs


@pytest.mark.parametrize("moment", [-1e14, "0001-01-01T00:00:00+14:00", "soon", True, [1]])
def test_a_time_that_is_none_is_refused(parts: Any, moment: Any) -> None:
    with pytest.raises(PayloadError) as caught:
        asyncio.run(parts.plane.predict_rows("trips", [{"line": "a"}, {"line": "a", "at": moment}]))
    assert {(issue.row, issue.feature) for issue in caught.value.issues} == {(1, "at")}
    assert parts.log.counts("trips")["predictions"] == 0


def test_what_is_not_served_or_too_much_is_refused(parts: Any, loans: Any) -> None:
    plane = parts.plane
    with pytest.raises(NotFound):
        asyncio.run(plane.predict_rows("absent", [{}]))
    with pytest.raises(NotFound, match="version 1 is"):
        asyncio.run(plane.predict_rows("loans", loans.rows(1), Asked("loans", b"", version=7)))
    with pytest.raises(TooManyRows, match="at most 200"):
        asyncio.run(plane.predict_rows("loans", loans.rows(1) * 201))
    assert asyncio.run(plane.predict_rows("loans", loans.rows(1), Asked("loans", b"", version=1))).ids


def test_many_rows_are_checked_off_the_loop_and_answered_alike(parts: Any) -> None:
    row = {"line": "a", "at": "2024-01-03", "distance": 2.5}
    answers = asyncio.run(parts.plane.predict_rows("trips", [row] * 700))
    assert len(set(answers.scores.tolist())) == 1
    assert parts.log.counts("trips")["predictions"] == 700


def test_a_canary_answers_its_rows_and_says_so(parts: Any, loans: Any) -> None:
    trial = parts.trials.trial = Try("canary", challenger(parts, "loans"), [False, True, False])
    asked = Asked("loans", b"", {"x-ratchet-key": "k"})
    answers = asyncio.run(parts.plane.predict_rows("loans", loans.rows(3), asked))
    assert [parts.log.get(one).version for one in answers.ids] == [1, 9, 1]
    assert sorted(trial.seen) == [("challenger", 1, False), ("champion", 2, False)]
    assert trial.routing == "k"
    assert b'version="9"} 1.0' in parts.metrics.exposition()


def test_where_a_canary_fails_the_champion_answers(parts: Any, loans: Any) -> None:
    broken = challenger(parts, "loans")
    object.__setattr__(broken, "compiled", None)
    object.__setattr__(broken, "pipeline", object())
    trial = parts.trials.trial = Try("canary", broken, [False, True, True])
    answers = asyncio.run(parts.plane.predict_rows("loans", loans.rows(3)))
    assert [parts.log.get(one).version for one in answers.ids] == [1, 1, 1]
    assert trial.seen[0] == ("challenger", 2, True)


def test_a_shadow_is_offered_what_was_answered(parts: Any, loans: Any) -> None:
    trial = parts.trials.trial = Try("shadow", challenger(parts, "loans"))
    answers = asyncio.run(parts.plane.predict_rows("loans", loans.rows(3)))
    assert trial.offered == answers.ids
    assert trial.seen == [("champion", 3, False)]
    assert [parts.log.get(one).version for one in answers.ids] == [1, 1, 1]
