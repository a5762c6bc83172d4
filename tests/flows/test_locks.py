from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.core.errors import Busy
from pipelines.core.settings import Settings
from pipelines.flows import locks
from pipelines.flows.locks import lease, one_training
from pipelines.stores.decisions.ledger import Ledger

NOW = datetime.now(UTC)
HOLD = """
import sys, time
from pipelines.core.settings import Settings
from pipelines.flows.locks import one_training
with one_training(Settings(), "p", 0):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    return Ledger(settings.database)


def test_the_lock_is_free_again_after_the_block(settings: Settings) -> None:
    for _ in range(2):
        with one_training(settings, "p", 0), one_training(settings, "another", 0):
            pass


def test_the_lock_dies_with_its_process(settings: Settings) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=f"by process {other.pid}"), one_training(settings, "p", 0):
            pass
        os.kill(other.pid, signal.SIGKILL)
    with one_training(settings, "p", 0):
        pass


def test_a_second_holder_is_refused_until_the_first_lets_go(ledger: Ledger) -> None:
    request = ledger.request("p", "k", reason="r", as_of=NOW, at=NOW)
    with lease(ledger, request.id, "one"):
        assert ledger.find_request(request.id).state == "running"
        with pytest.raises(Busy), lease(ledger, request.id, "two"):
            pass
    with lease(ledger, request.id, "two"):  # the first has left it unfinished
        ledger.finish(request.id, NOW, "promote")
    assert ledger.find_request(request.id).state == "done"
    with pytest.raises(Busy), lease(ledger, request.id, "three"):
        pass


def test_a_lease_is_renewed_while_its_holder_works(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setattr(locks, "LEASE", 0.5)
    monkeypatch.setattr(locks, "RENEWAL", 0.1)
    request = ledger.request("p", "k", reason="r", as_of=NOW, at=NOW)
    with lease(ledger, request.id, "one"):
        first = ledger.find_request(request.id).lease_until
        time.sleep(0.8)
        renewed = ledger.find_request(request.id).lease_until
        assert first is not None
        assert renewed is not None
        assert renewed - first > timedelta(seconds=0.3)
        assert not ledger.claim(request.id, datetime.now(UTC), 1, "two")
