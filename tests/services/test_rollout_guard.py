"""Trials end by themselves: on errors, on slowness, on losses; once, whoever sees it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from pipelines.core.problem import Rollout
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.logbook.log_entries import LoggedPrediction, new_id
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.registry.registry_reader import open_reader
from pipelines.stores.trials.trial_log import ShadowPrediction
from services.prediction.app import create_app
from services.prediction.champions import Champions
from services.prediction.metrics import Metrics
from services.prediction.trials.rollout_guard import RolloutGuard
from services.prediction.trials.rollouts import Rollouts, Trial

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Stage:
    """One process's champions, trials and guard, looked after by hand."""

    def __init__(self, shop: Any) -> None:
        metrics = Metrics()
        self.champions = Champions(shop.settings, open_reader(shop.settings), metrics)
        self.rollouts = Rollouts(shop.settings, self.champions, metrics, follow=False)
        self.guard = RolloutGuard(shop.settings, self.rollouts, metrics, watch=False)

    def look(self) -> Trial | None:
        self.champions.refresh()
        self.rollouts.refresh()
        return self.rollouts.active("loans")

    def close(self) -> None:
        self.guard.close()
        self.champions.close()
        self.rollouts.close()


@pytest.fixture
def stages(shop: Any) -> Iterator[list[Stage]]:
    """Two processes over one shop."""
    both = [Stage(shop), Stage(shop)]
    yield both
    for stage in both:
        stage.close()


def on_trial(shop: Any, toy: Any, stages: list[Stage], rollout: Rollout) -> list[Trial]:
    version = shop.release(toy, 0.01)
    shop.registry.set_alias(toy.name, "challenger", version)
    stages[0].rollouts.log.begin("t", toy.name, version, rollout, at=AT, actor="Ada", reason="a test")
    trials = [stage.look() for stage in stages]
    assert all(trial is not None for trial in trials)
    return [trial for trial in trials if trial is not None]


def aborts(shop: Any) -> list[Any]:
    ledger = Ledger(shop.settings.database)
    found = [entry for entry in ledger.entries("loans", "rollout") if entry.outcome == "abort"]
    ledger.close()
    return found


def test_a_challenger_that_fails_is_ended_everywhere_and_recorded_once(shop: Any, loans: Any, stages: Any) -> None:
    trials = on_trial(shop, loans, stages, Rollout(mode="canary"))
    for trial in trials:
        for _ in range(60):
            trial.observe("champion", 1, 0.001, False)
        for _ in range(6):
            trial.observe("challenger", 1, 0.0, True)
    for stage in stages:  # each sees the counts of both
        stage.guard.look()
    for stage in (*stages, *stages):
        stage.guard.look()
        assert stage.look() is None
    (entry,) = aborts(shop)
    assert (entry.version, entry.actor, entry.run_id) == (2, "guard", trials[0].model.info.run_id)
    assert "errors" in entry.reasons[0]
    assert entry.evidence["arms"]["challenger"]["failed"] >= 6
    rows = stages[0].rollouts.log.rows("loans")
    assert [row.mode for row in rows] == ["aborted", "canary"]
    assert stages[0].champions.live("loans").info.version == 1


def test_two_guards_that_see_it_at_once_write_one_entry(shop: Any, loans: Any, stages: Any) -> None:
    trials = on_trial(shop, loans, stages, Rollout(mode="canary"))
    for stage, trial in zip(stages, trials, strict=True):
        stage.guard._abort(trial, ["errors: a test"], {})
    assert len(aborts(shop)) == 1
    assert [row.mode for row in stages[0].rollouts.log.rows("loans")] == ["aborted", "canary"]


def test_a_slow_challenger_is_ended(shop: Any, loans: Any, stages: Any) -> None:
    stage, trial = stages[0], on_trial(shop, loans, stages, Rollout(mode="shadow", max_slowdown=3.0))[0]
    for _ in range(60):
        trial.compare(4, 0.001, 0.002)
    stage.guard.look()
    assert stage.look() is trial
    for _ in range(100):
        trial.compare(4, 0.001, 0.005)
    stage.guard.look()
    assert stage.look() is None
    assert "latency: the challenger takes" in aborts(shop)[0].reasons[0]


def labelled(shop: Any, trial: Trial, rows: int, right: tuple[float, float], shadow: bool) -> None:
    """Answers whose labels came: each arm gives the true class `right` of probability."""
    log = PredictionLog(shop.settings.database)
    random, now = np.random.default_rng(0), datetime.now(UTC)
    entries, shadows, labels = [], [], []
    for row in range(rows):
        label, challenger = "yes" if random.random() < 0.5 else "no", not shadow and row % 3 == 0
        info = (trial.model if challenger else trial.champion).info
        noise = random.uniform(0.9, 1.1)
        odds = [chance(label, share * noise) for share in right]
        said = odds[challenger]
        entry = LoggedPrediction(new_id(), "loans", info.version, info.run_id, now, None, {}, label, said)
        entries.append(entry)
        labels.append({"id": entry.id, "label": label})
        if shadow:
            model = trial.model.info
            shadows.append(ShadowPrediction(entry.id, "loans", 2, model.run_id, now, label, odds[1], 0.001))
    log.append(entries)
    log.add_labels("loans", labels, now, lambda given: given)
    log.close()
    if shadow:
        stage_log(trial).keep_shadows(shadows)


def stage_log(trial: Trial) -> Any:
    return trial.log  # type: ignore[attr-defined]


def chance(label: str, share: float) -> dict[str, float]:
    other = "no" if label == "yes" else "yes"
    return {label: share, other: 1 - share}


@pytest.mark.parametrize("mode", ["shadow", "canary"])
@pytest.mark.parametrize("worse", [False, True])
def test_labels_end_the_trial_of_a_challenger_that_loses(
    shop: Any, loans: Any, stages: Any, mode: Any, worse: bool
) -> None:
    stage, trial = stages[0], on_trial(shop, loans, stages, Rollout(mode=mode))[0]
    trial.log = stage.rollouts.trial_log  # type: ignore[attr-defined]
    labelled(shop, trial, 900, (0.8, 0.6 if worse else 0.8), shadow=mode == "shadow")
    stage.guard.look()
    assert (stage.look() is None) is worse
    assert [("loss: the challenger's is 0.5" in one.reasons[0]) for one in aborts(shop)] == [True] * worse
    if worse:
        evidence = aborts(shop)[0].evidence["loss"]
        assert evidence["challenger"] > evidence["champion"]
        assert sum(evidence["labels"]) >= 900


def test_the_guard_counts_for_the_command_to_see(shop: Any, loans: Any, stages: Any) -> None:
    trials = on_trial(shop, loans, stages, Rollout(mode="canary"))
    for stage, trial in zip(stages, trials, strict=True):
        trial.observe("challenger", 5, 0.01, False)
        stage.guard.look()
        stage.guard.look()
    counts = stages[0].rollouts.trial_log.tallies(trials[0].row.id)
    assert [one["challenger"]["rows"] for one in counts] == [5, 5]


def test_a_canary_that_raises_costs_no_answer(shop: Any, loans: Any, connect: Any) -> None:
    settings = shop.settings.model_copy(update={"poll_seconds": 0.05})
    with connect(create_app(settings)) as client:
        service = client.app.state.service
        version = shop.release(loans, 0.01)
        shop.registry.set_alias("loans", "challenger", version)
        whole = Rollout(mode="canary", share=1.0)
        service.rollouts.log.begin("t", "loans", version, whole, at=AT, actor="Ada", reason="a test")
        deadline = time.monotonic() + 20
        while (trial := service.rollouts.active("loans")) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)

        def ask() -> int:
            answer = client.post("/v1/models/loans/predict", json={"instances": loans.rows(2)})
            assert answer.status_code == 200, answer.text
            given = answer.json()
            return int(given["predictions"][0].get("model", given["model"])["version"])

        assert ask() == version

        def fail(*_: Any) -> None:
            raise RuntimeError("a challenger that breaks")

        object.__setattr__(trial.model, "score", fail)
        while service.rollouts.active("loans") is not None:
            assert ask() in (1, version)
            assert time.monotonic() < deadline
        assert ask() == 1
    assert "errors" in aborts(shop)[0].reasons[0]
