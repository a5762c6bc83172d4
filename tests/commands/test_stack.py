from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipelines.core.settings import Settings
from pipelines.stores.decisions.ledger import Ledger

At = Callable[..., tuple[int, Any, str]]


def test_status_without_a_stack(at_home: At, trained: Any) -> None:
    code, out, _ = at_home("status", "--json")
    assert code == 0
    assert set(out["processes"]) == {"mlflow", "prefect", "prediction", "evidently", "console", "worker"}
    assert not any(one["running"] or one["answers"] for one in out["processes"].values())
    assert out["champions"] == [{"problem": "late", "version": 1}]
    assert at_home("down", "--json")[1] == {"ended": []}


def test_status_shows_requests_that_wait(ratchet: At, settings: Settings) -> None:
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    ledger = Ledger(settings.database)
    ledger.request("late", "k", reason="loss [rose]", as_of=now, at=now)
    ledger.close()
    code, out, _ = ratchet("status")
    assert code == 0
    assert "loss [rose]" in out
