"""One training per problem at a time, and leases that end with the process that holds them."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipelines.core.errors import Busy
from pipelines.core.settings import Settings
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.sql.turns import turn

LEASE = 120.0  # seconds after which a request whose holder is silent may be taken by another
RENEWAL = 30.0


@contextmanager
def one_training(settings: Settings, problem: str, wait: float) -> Iterator[None]:
    """Hold the problem's training lock; Busy when another process still holds it after `wait` seconds.

    It dies with the process, however that ends: a locked file, or a lock of the database server's that machines share.
    """
    holder = settings.home / "locks" / f"train-{problem}.holder.json"
    with turn(settings, f"train-{problem}", wait) as mine:
        if not mine:
            raise Busy(f"{problem} is being trained {_by_whom(holder)}: wait for it to end, or pass a longer --wait")
        holder.parent.mkdir(parents=True, exist_ok=True)
        holder.write_text(json.dumps({"pid": os.getpid(), "since": datetime.now(UTC).isoformat()}))
        yield


def _by_whom(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text())
        return f"by process {who['pid']} since {who['since']}"
    except (OSError, ValueError, KeyError):
        return "by another process"


@contextmanager
def lease(ledger: Ledger, request_id: int, holder: str) -> Iterator[None]:
    """Hold a retraining request, renewing it while the block runs; Busy when another holder is alive.

    Left by an error, the request can be claimed again at once; left by a crash, after `LEASE` seconds.
    """
    if not ledger.claim(request_id, datetime.now(UTC), LEASE, holder):
        state = ledger.find_request(request_id).state
        raise Busy(f"retraining request {request_id} is {state}, by another training: there is nothing to do here")
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(RENEWAL):
            ledger.claim(request_id, datetime.now(UTC), LEASE, holder)

    renewal = threading.Thread(target=renew, name=f"lease-{request_id}", daemon=True)
    renewal.start()
    try:
        yield
    finally:
        stop.set()
        renewal.join()
        ledger.claim(request_id, datetime.now(UTC), 0.0, holder)  # changes nothing when it is finished
