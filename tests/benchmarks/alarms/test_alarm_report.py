from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from benchmarks.alarms import campaign as campaigns
from benchmarks.alarms.campaign import asked, campaign, done
from benchmarks.alarms.episodes import Score, about_loss, begun, found_at, score
from benchmarks.alarms.floors import floors
from benchmarks.alarms.report import RULES, as_json, page, text
from benchmarks.alarms.streams import STREAMS
from benchmarks.alarms.tallies import tally
from benchmarks.alarms.watches import OURS, Watch
from benchmarks.machine import machine


def test_an_episode_ends_after_a_calm_week() -> None:
    alarms = np.zeros(40, dtype=bool)
    alarms[[3, 9, 17, 30]] = True
    assert begun(alarms, 1).tolist() == [3, 17, 30]
    assert begun(alarms[:8], 7).tolist() == [3]
    assert begun(np.zeros(5, dtype=bool), 1).tolist() == []


def test_an_alarm_may_come_shortly_before_a_loss_or_while_its_labels_come_in() -> None:
    real = np.zeros(100, dtype=bool)
    real[50:60] = True
    about = about_loss(real, 1, 3)
    assert np.flatnonzero(about).tolist() == list(range(22, 60 + 17))


def test_who_was_in_alarm_all_along_found_nothing() -> None:
    always = np.ones(100, dtype=bool)
    assert found_at(always, 50, 1) is None
    late = np.arange(100) >= 55
    assert found_at(late, 50, 1) == 55
    assert found_at(late, None, 1) is None


def test_a_score_counts_calm_days_alone() -> None:
    alarms, real = np.zeros(100, dtype=bool), np.zeros(100, dtype=bool)
    alarms[[5, 6, 52]] = True
    real[50:] = True
    found = score(alarms, real, 50, 1, 0, np.arange(100))
    assert found == Score(2, 1, 22, 2, True, 3, 52)


def test_what_was_never_found_lies_at_infinity() -> None:
    watches = [Watch("sudden change", seed, 1, True, {OURS: one}) for seed, one in enumerate(
        (Score(1, 0, 365, 0, True, 4, 900), Score(1, 0, 365, 0, True, 8, 2000), Score(0, 0, 365, 0, True, None, None))
    )]  # fmt: skip
    found = tally(watches, OURS, stream="sudden change")
    assert found.found == pytest.approx(2 / 3)
    assert (found.days(), found.labels()) == (8, 2000)
    assert found.days(0.9) is None
    assert found.right == 1


def test_the_page_says_what_was_met_and_what_was_not() -> None:
    calm, wild = Score(0, 0, 730, 0, False, None, None), Score(9, 9, 730, 60, False, None, None)
    watches = [
        Watch("quiet", 0, 1, True, {rule: calm if rule == OURS else wild for rule in RULES}, {"false": Counter()}),
        Watch("quiet, regression", 0, 1, True, {OURS: wild}, {"false": Counter(performance=9)}),
    ]
    about = {**machine(["scikit-learn", "evidently"]), "seeds": 1, "seconds": 60}
    told = {one.stream: one.met for one in floors(watches)}
    assert told == {"all that are harmless": False, "the worst: quiet, regression": False}
    shown = page(about, watches)
    assert "**not met**" in shown
    assert "performance 9" in shown
    assert "**" not in text(watches)
    kept = json.loads(json.dumps(as_json(about, watches), allow_nan=False))
    assert {one["rule"] for one in kept["streams"]} == set(RULES)


def test_every_stream_is_asked_once_a_seed_and_some_with_their_columns() -> None:
    jobs = asked(5)
    assert len(jobs) == sum(1 if stream.broken else 5 for stream in STREAMS.values())
    assert len(set(jobs)) == len(jobs)
    assert {job.stream for job in jobs if job.columns} == set(STREAMS)
    assert {job.stream for job in jobs if job.rivals} == set(STREAMS)


def test_other_processes_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigns, "LENGTHS", {7: "1w"})
    jobs = [job for job in asked(2, "sudden change, 100 rows a day") if not job.columns]
    assert list(campaign(jobs, 1)) == [done(job) for job in jobs]
