from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelines.stores.logbook.log_entries import LoggedPrediction, new_id
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.trials.trial_log import ShadowPrediction, TrialLog

pytestmark = pytest.mark.usefixtures("database")  # on SQLite and on PostgreSQL

AT = datetime(2026, 1, 1, tzinfo=UTC)


def answer(log: PredictionLog, run_id: str = "old", at: datetime = AT, **values: Any) -> str:
    entry = LoggedPrediction(new_id(), "loans", 1, run_id, at, None, {}, "yes", {"no": 0.2, "yes": 0.8}, **values)
    log.append([entry])
    return entry.id


def label(log: PredictionLog, name: str, value: str = "no") -> None:
    assert log.add_labels("loans", [{"id": name, "label": value}], AT, lambda given: given).accepted == [name]


def shadow(name: str, run_id: str = "new") -> ShadowPrediction:
    return ShadowPrediction(name, "loans", 2, run_id, AT, "no", {"no": 0.7, "yes": 0.3}, 0.001)


def test_labels_join_the_answer_and_the_shadow(log: PredictionLog, trials: TrialLog) -> None:
    names = [answer(log) for _ in range(3)]
    trials.keep_shadows([shadow(names[0]), shadow(names[1]), shadow(names[0], "another")])
    for name in (names[0], names[2]):
        label(log, name)
    look = trials.labelled("loans", "new", AT, 0)
    assert [one.id for one in look.found] == [names[0], names[2]]
    first, second = look.found
    assert (first.label, first.answered.run_id, first.answered.probabilities) == ("no", "old", {"no": 0.2, "yes": 0.8})
    assert first.shadow is not None
    assert (first.shadow.run_id, first.shadow.probabilities) == ("new", {"no": 0.7, "yes": 0.3})
    assert second.shadow is None
    assert not look.more


def test_only_what_belongs_to_the_trial_counts(log: PredictionLog, trials: TrialLog) -> None:
    label(log, answer(log))
    assert trials.last_label() == 1
    for name in (answer(log, at=AT - timedelta(hours=1)), answer(log, source="batch")):
        label(log, name)
    mine = answer(log)
    label(log, mine)
    look = trials.labelled("loans", "new", AT, 3)
    assert mine in [one.id for one in look.found]
    assert look.cursor == 4
    assert trials.labelled("trips", "new", AT, 0).found == []


def test_before_there_is_a_log_there_are_no_labels(trials: TrialLog) -> None:
    assert trials.last_label() == 0
    assert trials.labelled("loans", "new", AT, 0).found == []


def test_each_process_has_one_tally(trials: TrialLog) -> None:
    for worker, calls in (("a", 1), ("b", 2), ("a", 3)):
        trials.keep_tally(7, worker, {"calls": calls}, AT)
    assert sorted(one["calls"] for one in trials.tallies(7)) == [2, 3]
    assert trials.tallies(8) == []
