from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.core.problem import Rollout
from pipelines.core.schema import Contract
from pipelines.core.settings import Settings
from pipelines.stores.logbook.log_entries import LoggedPrediction, new_id
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.trials.rollouts import RolloutLog, RolloutRow
from pipelines.stores.trials.trial_log import ShadowPrediction, TrialLog
from pipelines.stores.trials.trial_outcomes import Outcomes

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

AT = datetime(2026, 1, 1, tzinfo=UTC)
YES_NO = Contract(problem="loans", task="binary", target="y", classes=["no", "yes"], class_type="text", columns=())
VALUE = Contract(problem="loans", task="regression", target="y", columns=())


def begun(settings: Settings, mode: Any) -> RolloutRow:
    rollouts = RolloutLog(settings.database)
    rollouts.begin(mode, "loans", 2, Rollout(mode=mode), at=AT, actor="Ada", reason="a test")
    row = rollouts.current()["loans"]
    rollouts.close()
    return row


def answer(log: PredictionLog, run_id: str, prediction: Any, odds: Any, label: Any) -> str:
    entry = LoggedPrediction(new_id(), "loans", 1, run_id, AT, None, {}, prediction, odds)
    log.append([entry])
    log.add_labels("loans", [{"id": entry.id, "label": label}], AT, lambda given: given)
    return entry.id


def test_canary_rows_go_by_who_answered(settings: Settings, log: PredictionLog, trials: TrialLog) -> None:
    outcomes = Outcomes(trials, begun(settings, "canary"), YES_NO, "old", "new")
    for run_id, share in (("old", 0.8), ("new", 0.5), ("older", 0.1)):
        answer(log, run_id, "yes", {"no": 1 - share, "yes": share}, "yes")
    found = outcomes.look()
    assert found.labels == (1, 1)
    assert round(found.champion or 0, 3) == 0.223
    assert round(found.challenger or 0, 3) == 0.693
    assert outcomes.look().labels == (1, 1), "nothing is counted twice"


def test_shadow_rows_are_pairs(settings: Settings, log: PredictionLog, trials: TrialLog) -> None:
    outcomes = Outcomes(trials, begun(settings, "shadow"), VALUE, "old", "new")
    name = answer(log, "old", 3.0, None, 5.0)
    answer(log, "old", 3.0, None, 5.0)
    assert outcomes.look().labels == (0, 0)
    trials.keep_shadows([ShadowPrediction(name, "loans", 2, "new", AT, 4.0, None, 0.001)])
    found = outcomes.look()  # the shadow was written after the label came
    assert (found.labels, found.champion, found.challenger) == ((1, 1), 4.0, 1.0)


def test_the_first_label_counts_and_strange_ones_do_not(
    settings: Settings, log: PredictionLog, trials: TrialLog
) -> None:
    outcomes = Outcomes(trials, begun(settings, "canary"), YES_NO, "old", "new")
    name = answer(log, "old", "yes", {"no": 0.2, "yes": 0.8}, "yes")
    answer(log, "old", "yes", {"no": 0.2, "yes": 0.8}, "perhaps")
    first = outcomes.look()
    log.add_labels("loans", [{"id": name, "label": "no"}], AT, lambda given: given)
    assert outcomes.look() == first
    assert first.labels == (1, 0)
