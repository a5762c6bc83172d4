"""Rows of the past that are as the service writes them: found by id and by moment, and labelled."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from benchmarks.stack import fill
from pipelines.core.settings import Settings
from pipelines.stores.logbook.log_blocks import LogBlock, write_content
from pipelines.stores.logbook.prediction_ids import make_ids
from pipelines.stores.logbook.prediction_log import PredictionLog


@pytest.fixture
def log(settings: Settings) -> PredictionLog:
    """A log with one block of five rows, whose moments are an input of theirs."""
    opened = PredictionLog(settings.database)
    moment = datetime(2026, 3, 1, 12)
    times = np.array([moment] * 5, dtype="M8[us]")
    scores = np.array([[0.25, 0.75]] * 5)
    content = write_content(
        [(moment.isoformat(), 5)], "at", {"a": [1, 2, 3, 4, 5], "at": times}, None, scores, (["n", "y"], ["n", "y"])
    )
    opened.append([LogBlock("loans", 2, "r2", "api", make_ids(5), moment, moment, content)])
    return opened


def test_the_past_reads_like_what_the_service_wrote(
    log: PredictionLog, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = datetime(2026, 2, 1, tzinfo=UTC)
    monkeypatch.setattr(sys, "argv", ["fill.py", "loans", "40", "5", first.isoformat()])
    fill.main()
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["rows"] == 40
    assert log.counts("loans")["predictions"] == 45
    kept = log.get(told["ids"][0])
    assert (kept.version, kept.prediction, kept.inputs["a"]) == (2, "y", 1)
    assert kept.at.replace(tzinfo=UTC) == first
    day = log.window("loans", first - timedelta(days=1), first + timedelta(seconds=1))
    assert len(day) == 40
    receipt = log.add_labels("loans", [{"id": told["ids"][0], "label": "n"}], first, lambda label: label)
    assert receipt.accepted == told["ids"][:1]
    log.close()


def test_ids_of_the_past_are_in_order_of_their_time_and_of_version_seven() -> None:
    stamp = int(time.time() * 1000) - 10**9
    ids = fill.past_ids(stamp, 30)
    assert ids.made == stamp
    assert len(set(ids.texts)) == 30
    assert {one[14] for one in ids.texts} == {"7"}
    assert {one[19] for one in ids.texts} <= set("89ab")
