from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.stores.alarms.notice_keeping import Address
from pipelines.stores.alarms.notice_making import Outbox, catch_up
from pipelines.stores.alarms.notices import Notices
from pipelines.stores.decisions.ledger import Ledger

Run = Callable[..., tuple[int, Any, str]]
NOW = datetime.now(UTC)


@pytest.fixture
def alarm(settings: Settings) -> None:
    """A verdict in alarm, followed."""
    with closing(Ledger(settings.database)) as ledger, closing(Notices(settings.database)) as notices:
        kinds = {"performance": {"level": "alarm", "reasons": ["the loss rose"]}}
        window = {"start": NOW.isoformat(), "end": NOW.isoformat(), "rows": 9, "labels": 9}
        ledger.record("v1", at=NOW, problem="p", kind="verdict", outcome="alarm", evidence={"kinds": kinds, **window})
        catch_up(Outbox(ledger, notices, [Address("webhook", "http://a")], "http://c"), "p", NOW)


@pytest.mark.usefixtures("alarm")
def test_what_stands_is_listed_and_acknowledged(ratchet: Run) -> None:
    code, found, _ = ratchet("alarms", "list", "--json")
    assert code == 0
    (standing,), (notice,) = found["standing"], found["notices"]
    assert (standing["problem"], standing["open"], standing["acknowledged_by"]) == ("p", ["performance"], None)
    assert (notice["event"], notice["state"]) == ("begun", "webhook waiting")
    code, told, _ = ratchet("alarms", "acknowledge", "p", "--reason", "on it", "--by", "Ada", "--json")
    assert (code, told["acknowledged"][0]["episode"]) == (0, standing["key"])
    assert ratchet("alarms", "list", "p", "--json")[1]["standing"][0]["acknowledged_by"] == "Ada"
    code, out, _ = ratchet("alarms", "list")
    assert code == 0
    assert "Ada" in out
    assert ratchet("alarms", "list", "other", "--json")[1] == {"standing": [], "silences": [], "notices": []}


def test_nothing_to_acknowledge_is_said(ratchet: Run) -> None:
    code, out, _ = ratchet("alarms", "acknowledge", "p", "--reason", "on it", "--json")
    assert (code, out["error"]["type"]) == (8, "NotFound")


def test_a_silence_is_made_listed_and_lifted(ratchet: Run, settings: Settings) -> None:
    given = ("--kind", "quality", "--reason", "the source moves", "--by", "Ada", "--json")
    code, told, _ = ratchet("alarms", "silence", "p", "--for", "8h", *given)
    assert (code, told["outcome"], told["kinds"]) == (0, "silenced", ["quality"])
    (one,) = ratchet("alarms", "list", "--json")[1]["silences"]
    assert (one["actor"], one["reason"]) == ("Ada", "the source moves")
    assert "the source moves" in ratchet("alarms", "list")[1]
    assert ratchet("alarms", "silence", "p", "--lift", *given)[1]["outcome"] == "lifted"
    assert ratchet("alarms", "list", "--json")[1]["silences"] == []
    assert ratchet("alarms", "silence", "p", "--lift", *given)[0] == 8
    with closing(Ledger(settings.database)) as ledger:
        assert [entry.outcome for entry in ledger.entries("p", "silence")] == ["lifted", "silenced"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 2),
        (("--for", "8h", "--lift"), 2),
        (("--for", "soon"), 2),
        (("--until", "2013-01-01"), 3),
        (("--until", "tomorrow"), 2),
    ],
)
def test_what_cannot_be_meant_is_said(ratchet: Run, options: tuple[str, ...], code: int) -> None:
    assert ratchet("alarms", "silence", "p", "--reason", "why", *options, "--json")[0] == code
