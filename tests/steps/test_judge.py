"""A verdict is a function of what the log holds and of the release, whenever and in whatever order that came."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.contract import Column, Contract
from pipelines.core.observation import Answered
from pipelines.core.problem import Problem
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.steps.judge import Judgement, Stretch, judge
from pipelines.stores.logbook.log_entries import LoggedPrediction
from pipelines.stores.logbook.prediction_ids import make_ids
from pipelines.stores.logbook.prediction_log import PredictionLog

START = datetime(2024, 1, 1, tzinfo=UTC)
WEEK, DAY = timedelta(days=7), timedelta(days=1)
WEEKS, ROWS = 12, 90  # rows a week
CLASSES = ["no", "yes"]
COLUMNS = (Column(name="x", kind="numeric", low=-4, high=4), Column(name="at", kind="datetime", feature=False))
CONTRACT = Contract(
    problem="p", task="binary", target="y", classes=CLASSES, class_type="text", time="at", columns=COLUMNS
)


@pytest.fixture(scope="module")
def side() -> ReleaseSide:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1_500)
    odds = 1 / (1 + np.exp(-x))
    moments = (START - 40 * DAY).replace(tzinfo=None) + np.sort(rng.random(1_500)) * 40 * DAY
    frame = pd.DataFrame({"x": x, "at": moments.astype("M8[us]")})
    labels = (rng.random(1_500) < odds).astype(float)
    scores = np.column_stack([1 - odds, odds])
    reference = Answered(frame, moments.astype("M8[us]"), scores, labels, {})
    return ReleaseSide(1, CONTRACT, (), reference, {"log_loss": 0.6})


@pytest.fixture
def problem() -> Problem:
    data = {"source": "p.csv", "target": "y", "time": "at"}
    watch = {"window": "1w", "sample": 500, "min_labels": 20}
    return Problem.model_validate({"name": "p", "task": "binary", "data": data, "monitoring": watch})


class Year:
    """Twelve weeks of answers, wrong from the seventh on; each label comes within ten days, a tenth is corrected."""

    def __init__(self, wrong_from: int = 6) -> None:
        rng = np.random.default_rng(1)
        count = WEEKS * ROWS
        self.ids = make_ids(count)
        self.moments = [START + WEEK * WEEKS * one for one in np.sort(rng.random(count))]
        self.x = rng.normal(size=count)
        self.odds = 1 / (1 + np.exp(-self.x))
        truth = rng.random(count) < np.where(np.arange(count) < wrong_from * ROWS, self.odds, 1 - self.odds)
        self.labels: list[tuple[int, str, datetime]] = []
        for row in range(count):
            known = self.moments[row] + 10 * DAY * rng.random()
            if rng.random() < 0.1:
                self.labels.append((row, CLASSES[int(not truth[row])], known - DAY / 2))
            self.labels.append((row, CLASSES[int(truth[row])], known))

    def answer(self, log: PredictionLog) -> None:
        entries = [
            LoggedPrediction(
                self.ids.text(row),
                "p",
                1,
                "r",
                at,
                at,
                {"x": float(self.x[row]), "at": at.replace(tzinfo=None).isoformat()},
                CLASSES[int(self.odds[row] > 0.5)],
                {"no": 1 - self.odds[row], "yes": self.odds[row]},
            )
            for row, at in enumerate(self.moments)
        ]
        log.append(entries)

    def tell(self, log: PredictionLog, labels: list[tuple[int, str, datetime]]) -> None:
        items = [{"id": self.ids.text(row), "label": label, "known_at": at} for row, label, at in labels]
        assert not log.add_labels("p", items, START + 200 * DAY, lambda label: label).rejected


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLog]:
    opened = PredictionLog(f"sqlite:///{tmp_path / 'log.db'}")
    yield opened
    opened.close()


def look(problem: Problem, side: ReleaseSide, log: PredictionLog, folder: Path, week: int) -> Judgement:
    """The verdict on a week at its end."""
    end = START + (week + 1) * WEEK
    return judge(problem, side, "r", log, folder, Stretch(end - WEEK, end, end), {})


def told(found: Judgement) -> dict[str, Any]:
    return {**found.verdict.to_dict(), "content": found.content}


@pytest.mark.slow
def test_labels_in_any_order_give_the_verdicts_of_those_in_order(
    problem: Problem, side: ReleaseSide, tmp_path: Path
) -> None:
    year = Year()
    live = PredictionLog(f"sqlite:///{tmp_path / 'live.db'}")
    year.answer(live)
    in_order = sorted(year.labels, key=lambda one: one[2])
    expected, given = [], 0
    for week in range(WEEKS):  # as it happens: nobody knows more than what has come
        end = START + (week + 1) * WEEK
        now = sum(one[2] <= end for one in in_order)
        year.tell(live, in_order[given:now])
        given = now
        expected.append(told(look(problem, side, live, tmp_path / "live", week)))
    live.close()
    levels = [one["kinds"]["performance"]["level"] for one in expected]
    assert "alarm" not in levels[:6]
    assert levels[-1] == "alarm"
    for seed in (1, 2):
        other = PredictionLog(f"sqlite:///{tmp_path / f'{seed}.db'}")
        year.answer(other)
        mixed = [year.labels[place] for place in np.random.default_rng(seed).permutation(len(year.labels))]
        year.tell(other, mixed)
        weeks = np.random.default_rng(seed).permutation(WEEKS).tolist()
        found = {week: told(look(problem, side, other, tmp_path / str(seed), week)) for week in weeks}
        assert [found[week] for week in range(WEEKS)] == expected
        other.close()


def test_the_content_is_what_was_known(problem: Problem, side: ReleaseSide, log: PredictionLog, tmp_path: Path) -> None:
    year = Year()
    year.answer(log)
    first = look(problem, side, log, tmp_path / "w", 2)
    assert look(problem, side, log, tmp_path / "other", 2).content == first.content
    year.tell(log, [one for one in year.labels if one[2] > START + 3 * WEEK])
    assert look(problem, side, log, tmp_path / "w", 2).content == first.content  # not known then
    year.tell(log, [year.labels[5]])  # of a week before
    assert look(problem, side, log, tmp_path / "w", 2).content != first.content


def test_the_year_before_is_a_baseline(problem: Problem, side: ReleaseSide, log: PredictionLog, tmp_path: Path) -> None:
    year = Year()
    year.answer(log)
    later = START + timedelta(days=364)
    ids = make_ids(ROWS)
    log.append(
        [
            LoggedPrediction(ids.text(row), "p", 1, "r", at, at, {"x": 0.0}, "no", {"no": 0.5, "yes": 0.5})
            for row, at in enumerate(later + WEEK * one for one in np.linspace(0, 0.99, ROWS))
        ]
    )
    found = judge(problem, side, "r", log, tmp_path, Stretch(later, later + WEEK, later + WEEK), {})
    assert "data" in found.verdict.kinds
    assert found.view.rows == ROWS


def test_the_report_is_drawn_without_labels_and_without_rows(
    problem: Problem, side: ReleaseSide, log: PredictionLog, tmp_path: Path
) -> None:
    empty = look(problem, side, log, tmp_path / "w", 0)
    assert (empty.verdict.level, empty.verdict.facts.rows) == ("unknown", 0)
    assert empty.save_report(tmp_path / "evidently", problem).is_file()
