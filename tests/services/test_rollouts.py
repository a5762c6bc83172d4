"""A challenger beside the champion: by command or problem file, sticky, sampled, and never in the answer's way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from pipelines.core.problem import Rollout
from pipelines.core.request_rows import check_rows
from pipelines.stores.logbook.prediction_ids import make_ids
from pipelines.stores.registry.registry_reader import open_reader
from services.prediction.champions import Champions
from services.prediction.metrics import Metrics
from services.prediction.trials.rollouts import Rollouts, Trial

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def stage(shop: Any) -> Iterator[Rollouts]:
    """Champions and trials of the shop, looked after by hand."""
    metrics = Metrics()
    champions = Champions(shop.settings, open_reader(shop.settings), metrics)
    rollouts = Rollouts(shop.settings, champions, metrics, follow=False)
    rollouts.champions = champions  # type: ignore[attr-defined]
    champions.refresh()
    yield rollouts
    champions.close()
    rollouts.close()


def challenge(shop: Any, toy: Any, stage: Any, rollout: Rollout, change: Callable[..., None] | None = None) -> int:
    version: int = shop.release(toy, 0.01, change)
    shop.registry.set_alias(toy.name, "challenger", version)
    token = f"t{time.monotonic_ns()}"
    assert stage.log.begin(token, toy.name, version, rollout, at=AT, actor="Ada", reason="a test")
    look(stage)
    return version


def look(stage: Any) -> None:
    stage.champions.refresh()
    stage.refresh()


def active(stage: Rollouts, problem: str = "loans") -> Trial:
    trial = stage.active(problem)
    assert trial is not None, stage.refused(problem)
    return trial


def test_without_a_word_nobody_is_tried(shop: Any, loans: Any, stage: Any) -> None:
    shop.registry.set_alias("loans", "challenger", shop.release(loans, 0.01))
    look(stage)
    assert stage.active("loans") is None
    assert stage.trials() == []


def test_a_word_puts_the_challenger_on_trial_and_ends_it(shop: Any, loans: Any, stage: Any) -> None:
    version = challenge(shop, loans, stage, Rollout(mode="canary", share=0.3))
    trial = active(stage)
    assert (trial.mode, trial.share, trial.model.info.version) == ("canary", 0.3, version)
    look(stage)
    assert stage.active("loans") is trial, "nothing changed"
    assert stage.log.end(trial.row, "stopped", at=AT, actor="Ada", reason="enough")
    look(stage)
    assert stage.active("loans") is None
    assert trial.ended


def test_the_trial_ends_when_the_challenger_becomes_champion(shop: Any, loans: Any, stage: Any) -> None:
    version = challenge(shop, loans, stage, Rollout(mode="canary"))
    model = active(stage).model
    shop.promote(loans, version)
    look(stage)
    assert stage.active("loans") is None
    assert stage.champions.live("loans") is model, "it was loaded already"


def test_the_problem_file_has_its_challengers_tried(shop: Any, loans: Any, stage: Any) -> None:
    serving = loans.problem.serving.model_copy(update={"rollout": Rollout(mode="shadow", share=0.5)})
    told = type(loans)(loans.problem.model_copy(update={"serving": serving}), loans.frame)
    shop.promote(loans, shop.release(told, 0.5))
    challenger = shop.release(loans, 0.01)
    shop.registry.set_alias("loans", "challenger", challenger)
    look(stage)
    trial = active(stage)
    assert (trial.mode, trial.share, trial.row.actor) == ("shadow", 0.5, "problem file")
    assert stage.log.end(trial.row, "stopped", at=AT, actor="Ada", reason="enough")
    look(stage)
    assert stage.active("loans") is None, "a person's word counts for this version"
    shop.registry.set_alias("loans", "challenger", shop.release(loans, 0.02))
    look(stage)
    assert active(stage).row.actor == "problem file"


def test_rows_stay_with_one_release(shop: Any, loans: Any, stage: Any) -> None:
    challenge(shop, loans, stage, Rollout(mode="canary", share=0.4, key="region"))
    trial, rows = active(stage), check_rows(loans.contract, loans.rows(150))
    mask = trial.takes(rows, 150, None)
    assert (mask == trial.takes(rows, 150, None)).all()
    regions = [str(one) for one in rows.columns["region"]]
    for region in set(regions) - {"None"}:
        assert len({bool(taken) for taken, one in zip(mask, regions, strict=True) if one == region}) == 1
    named = [bool(trial.takes(rows, 1, f"caller {number}")[0]) for number in range(400)]
    assert 0.3 < np.mean(named) < 0.5


def test_shadows_are_scored_apart_and_kept(shop: Any, loans: Any, stage: Any) -> None:
    version = challenge(shop, loans, stage, Rollout(mode="shadow", share=1.0))
    trial, rows = active(stage), check_rows(loans.contract, loans.rows(3))
    champion, ids = stage.champions.live("loans"), make_ids(3).texts
    now = np.full(3, np.datetime64("2026-01-01", "us"))
    trial.offer(champion, rows.columns, now, ids, 3)
    stage._understudy.close()
    with stage.trial_log._engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT id, version, prediction FROM shadow_predictions").all()
    assert sorted(row.id for row in kept) == sorted(ids)
    assert {row.version for row in kept} == {version}
    tally = trial.tally()
    assert (tally.challenger.answers, tally.challenger.rows, tally.challenger.failed, tally.dropped) == (1, 3, 0, 0)
    stage._understudy = type(stage._understudy)(lambda rows: None)


def test_the_sample_is_a_share_of_requests(shop: Any, loans: Any, stage: Any) -> None:
    challenge(shop, loans, stage, Rollout(mode="shadow", share=0.25))
    trial, rows = active(stage), check_rows(loans.contract, loans.rows(1))
    champion, now = stage.champions.live("loans"), np.full(1, np.datetime64("2026-01-01", "us"))
    offered: list[Any] = []
    trial._understudy = type("Counter", (), {"offer": lambda self, task: offered.append(task) is None})()
    for name in make_ids(2_000).texts:
        trial.offer(champion, rows.columns, now, [name], 1)
    assert 0.2 < len(offered) / 2_000 < 0.3


def test_what_does_not_fit_is_dropped_and_counted(shop: Any, loans: Any, stage: Any) -> None:
    challenge(shop, loans, stage, Rollout(mode="shadow", share=1.0))
    trial, rows = active(stage), check_rows(loans.contract, loans.rows(1))
    trial._understudy = type("Full", (), {"offer": lambda self, task: False})()
    now = np.full(1, np.datetime64("2026-01-01", "us"))
    trial.offer(stage.champions.live("loans"), rows.columns, now, make_ids(1).texts, 1)
    assert trial.tally().dropped == 1


def test_a_challenger_that_does_not_work_is_not_tried(shop: Any, loans: Any, stage: Any, spoiled: Any) -> None:
    challenge(shop, loans, stage, Rollout(mode="canary"), spoiled)
    assert stage.active("loans") is None
    assert "probe" in (stage.refused("loans") or "")
    assert stage.champions.live("loans").info.version == 1
    assert stage.champions.refused("loans") is None, "the champion is fine"


def test_a_challenger_that_reads_other_columns_is_not_tried(shop: Any, loans: Any, stage: Any) -> None:
    features = loans.problem.features.model_copy(update={"categorical": ["purpose", "region", "town"]})
    frame = loans.frame.assign(town=["A", "B"] * 100)
    wider = type(loans)(loans.problem.model_copy(update={"features": features}), frame)
    challenge(shop, wider, stage, Rollout(mode="canary"))
    assert stage.active("loans") is None
    assert "town" in (stage.refused("loans") or "")


def test_trials_follow_by_themselves(shop: Any, loans: Any) -> None:
    metrics = Metrics()
    settings = shop.settings.model_copy(update={"poll_seconds": 0.05})
    champions = Champions(settings, open_reader(settings), metrics)
    champions.start()
    rollouts = Rollouts(settings, champions, metrics)
    try:
        version = shop.release(loans, 0.01)
        shop.registry.set_alias("loans", "challenger", version)
        rollouts.log.begin("t", "loans", version, Rollout(mode="canary"), at=AT, actor="Ada", reason="a test")
        deadline = time.monotonic() + 10
        while rollouts.active("loans") is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        champions.close()
        rollouts.close()
