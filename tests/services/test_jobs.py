"""A batch holds the rows of one release, each at its own moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from pipelines.core.problem import Problem
from pipelines.core.schema import Column, Contract
from pipelines.stores.bundles.release_info import ReleaseInfo
from services.prediction.jobs import Job, by_model, moments_of, too_late
from services.prediction.live_model import LiveModel

NOW = datetime(2024, 1, 5, 12, tzinfo=UTC)
CONTRACT = Contract(problem="p", task="regression", target="y", columns=(Column(name="x", kind="numeric"),))
PROBLEM = Problem.model_validate({"name": "p", "task": "regression", "data": {"source": "t.csv", "target": "y"}})


def test_a_row_that_states_no_time_is_asked_about_when_its_request_was_made() -> None:
    timed = CONTRACT.model_copy(update={"time": "at"})
    model = LiveModel(ReleaseInfo("p", 1, "r", "", "", ""), timed, PROBLEM, {})
    given = [np.datetime64("2024-01-02T03:00:00", "us"), np.datetime64("NaT", "us"), np.datetime64("NaT", "us")]
    later = datetime(2024, 2, 1, tzinfo=UTC)
    found = moments_of(model, {"at": given}, [NOW, later], [2, 1])
    assert found.tolist() == [datetime(2024, 1, 2, 3), datetime(2024, 1, 5, 12), datetime(2024, 2, 1)]


def test_jobs_are_parted_by_release_and_source() -> None:
    one, other = (LiveModel(ReleaseInfo("p", n, "r", "", "", ""), CONTRACT, PROBLEM, {}) for n in (1, 2))

    def job(model: LiveModel, source: str = "api") -> Job:
        def tell(*_: Any) -> None: ...

        return Job(model, {}, 1, NOW, tell, source)

    jobs = [job(one), job(other), job(one), job(one, "batch")]
    assert by_model(jobs) == [[jobs[0], jobs[2]], [jobs[1]], [jobs[3]]]
    assert by_model(jobs[:1]) == [jobs[:1]]


def test_who_waited_for_too_long_is_told_what_to_do() -> None:
    assert (too_late(30).status, too_late(30).retry_after) == (503, 1)
