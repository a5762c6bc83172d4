from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.flows.notifying import hand_over, make_notices, notify
from pipelines.flows.reconciling import reconciling
from pipelines.stores.alarms.notice_channels import addresses
from pipelines.stores.alarms.notice_making import Outbox
from pipelines.stores.alarms.notices import BACKOFF, Notices
from pipelines.stores.data.history_store import POINTER
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.problems.known_problems import remember_problem
from pipelines.stores.problems.problem_files import load_problem
from pipelines.stores.storage.files import write_json

pytestmark = pytest.mark.usefixtures("prefect_server")
NOW = datetime.now(UTC)


def judge(settings: Settings, key: str, level: str, problem: str = "small", at: datetime = NOW) -> None:
    """A verdict on record, as the monitor leaves it."""
    ledger = Ledger(settings.database, clock=lambda: at)
    evidence = {
        "kinds": {"performance": {"level": level, "reasons": [f"it is {level}"]}},
        "start": (at - timedelta(days=7)).isoformat(),
        "end": at.isoformat(),
        "rows": 100,
        "labels": 100,
    }
    ledger.record(key, at=at, problem=problem, kind="verdict", outcome=level, version=1, evidence=evidence)
    ledger.close()


@pytest.fixture
def box(settings: Settings, post_offices: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A web address that the settings name."""
    with post_offices.web_box() as opened:
        monkeypatch.setenv("RATCHET_ALERT_WEBHOOK", opened.url)
        monkeypatch.setenv("RATCHET_CONSOLE_URL", "https://console.example.org/")
        yield opened


def test_an_alarm_and_its_end_are_posted_once_each(box: Any) -> None:
    settings = Settings()
    judge(settings, "v1", "alarm")
    assert notify(settings) == {"sent": 1, "not_sent": 0}
    assert notify(settings) == {"sent": 0, "not_sent": 0}
    judge(settings, "v2", "alarm", at=NOW + timedelta(hours=1))
    assert reconciling() == []
    judge(settings, "v3", "healthy", at=NOW + timedelta(hours=2))
    reconciling()
    told = [json.loads(content) for _, content in box.taken]
    assert [one["event"] for one in told] == ["begun", "recovered"]
    assert told[0]["link"] == "https://console.example.org/problems/small/verdicts/1"
    assert [headers["webhook-id"] for headers, _ in box.taken] == ["small:health:1:1", "small:health:1:2"]


def test_a_side_that_is_down_stops_nobody_and_gets_it_later(box: Any) -> None:
    settings = Settings()
    judge(settings, "v1", "alarm")
    box.answers = [503, 503]
    assert notify(settings) == {"sent": 0, "not_sent": 1}
    assert notify(settings) == {"sent": 0, "not_sent": 0}  # it waits
    ledger, notices = Ledger(settings.database), Notices(settings.database)
    outbox = Outbox(ledger, notices, addresses(settings), settings.console)
    later = datetime.now(UTC) + BACKOFF[0]
    assert hand_over(outbox, settings, later)["not_sent"] == 1
    assert hand_over(outbox, settings, later + BACKOFF[1])["sent"] == 1
    notices.close()
    ledger.close()
    assert (box.tries, len(box.taken)) == (3, 1)


def test_reconciling_tells_of_a_history_that_is_not_renewed(box: Any, small: Path) -> None:
    settings = Settings()
    text = small.read_text()
    assert "history" not in text
    feature = "features: {history: [{name: many, how: count, window: 4h}]}"
    small.write_text(text.replace("  target: y\n", "  target: y\n  time: at\n") + f"\n{feature}\n")
    remember_problem(settings, load_problem(str(small)))
    judge(settings, "v1", "healthy")
    write_json(settings.history("small") / POINTER, {"as_of": (NOW - timedelta(hours=5)).isoformat()})
    reconciling()
    reconciling()
    ((_, content),) = box.taken
    assert "the history lags behind" in json.loads(content)["subject"]


def test_reconciling_tells_of_a_problem_whose_verdicts_have_ceased(box: Any, small: Path) -> None:
    settings = Settings()
    remember_problem(settings, load_problem(str(small)))
    judge(settings, "v1", "healthy", at=NOW - timedelta(days=22))
    judge(settings, "v1 of one whose file is gone", "healthy", problem="gone", at=NOW - timedelta(days=99))
    notify(settings)
    assert box.taken == []
    reconciling()
    reconciling()
    ((_, content),) = box.taken
    assert "no verdict since" in json.loads(content)["subject"]


def test_without_an_address_notices_are_kept_and_go_nowhere(settings: Settings) -> None:
    judge(settings, "v1", "alarm")
    assert notify(settings) == {"sent": 0, "not_sent": 0}
    notices = Notices(settings.database)
    assert [one.event for one in notices.notices("small")] == ["begun"]
    assert notices.deliveries() == []
    notices.close()


def test_a_kill_between_the_notice_and_its_sending_loses_nothing(box: Any) -> None:
    settings = Settings()
    judge(settings, "v1", "alarm")
    ledger, notices = Ledger(settings.database), Notices(settings.database)
    make_notices(Outbox(ledger, notices, addresses(settings), settings.console), settings, NOW, watch=False)
    notices.close()  # here the process ends
    ledger.close()
    assert box.taken == []
    assert notify(settings) == {"sent": 1, "not_sent": 0}
