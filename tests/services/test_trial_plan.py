"""What was said last of this version counts, then the problem file; strangers to the champion's contract do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.core.problem import Rollout
from pipelines.core.schema import Column, Contract
from pipelines.core.settings import Settings
from pipelines.stores.trials.rollouts import RolloutLog
from pipelines.stores.trials.trial_log import TrialLog
from services.prediction.trials.trial_plan import planned, unfit

AT = datetime(2026, 1, 1, tzinfo=UTC)
SHADOW = Rollout(mode="shadow", share=0.3)


@pytest.fixture
def logs(settings: Settings) -> Iterator[tuple[RolloutLog, TrialLog]]:
    both = RolloutLog(settings.database), TrialLog(settings.database)
    yield both
    for log in both:
        log.close()


def model(rollout: Rollout | None = None, version: int = 1, **contract: Any) -> Any:
    columns = contract.pop("columns", (Column(name="a", kind="numeric"),))
    return SimpleNamespace(
        info=SimpleNamespace(problem="loans", version=version),
        definition=SimpleNamespace(serving=SimpleNamespace(rollout=rollout)),
        contract=Contract(**{"problem": "loans", "task": "regression", "target": "y", "columns": columns} | contract),
    )


def test_the_problem_file_begins_one_trial_for_all(logs: Any) -> None:
    first = planned(*logs, model(SHADOW), 2, None, AT)
    assert first is not None
    assert (first.version, first.rollout, first.evidence) == (2, SHADOW, {"labels_after": 0})
    assert planned(*logs, model(SHADOW), 2, None, AT) == first, "another process that has not seen the row yet"
    assert planned(*logs, model(SHADOW), 2, first, AT) == first
    assert len(logs[0].rows("loans")) == 1


def test_a_persons_word_is_not_talked_over(logs: Any) -> None:
    canary = Rollout(mode="canary")
    logs[0].begin("t", "loans", 2, canary, at=AT, actor="Ada", reason="a test")
    assert planned(*logs, model(SHADOW), 2, None, AT).mode == "canary"
    row = logs[0].current()["loans"]
    logs[0].end(row, "stopped", at=AT, actor="Ada", reason="enough")
    assert planned(*logs, model(SHADOW), 2, logs[0].current()["loans"], AT) is None
    later = planned(*logs, model(SHADOW), 3, logs[0].current()["loans"], AT)
    assert (later.version, later.mode) == (3, "shadow")


def test_nobody_is_tried_without_a_challenger_or_a_word(logs: Any) -> None:
    assert planned(*logs, model(SHADOW), None, None, AT) is None
    assert planned(*logs, model(SHADOW), 1, None, AT) is None
    assert planned(*logs, model(), 2, None, AT) is None


def test_a_challenger_must_fit_rows_that_the_champion_checked() -> None:
    champion = model(columns=(Column(name="a", kind="numeric"), Column(name="b", kind="categorical")))
    assert unfit(champion, model(version=2)) is None
    assert "a" in (unfit(champion, model(columns=(Column(name="a", kind="categorical"),))) or "")
    assert "columns" in (unfit(champion, model(columns=(Column(name="c", kind="numeric"),))) or "")
    binary = model(task="binary", classes=["no", "yes"], class_type="text")
    assert "classes" in (unfit(champion, binary) or "")
