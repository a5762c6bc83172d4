"""Light traffic that writes down what was acknowledged: every answer's id and value, every accepted label."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from ratchet_client import Client, RatchetClientError

ROWS = 3  # per request
PAUSE = 0.1  # seconds between two requests


@dataclass
class Load:
    """Asks and labels in a thread of its own until `stop`; safe to look at from outside.

    Nothing is sent again: what the client sees is what the stack answered.
    """

    url: str
    key: str
    problem: str
    rows: list[dict[str, Any]]
    answers: dict[str, float] = field(default_factory=dict)
    labels: dict[str, bool] = field(default_factory=dict)
    moments: list[float] = field(default_factory=list)
    """When a request was answered (seconds of the monotonic clock)."""
    failures: list[tuple[float, str]] = field(default_factory=list)
    versions: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Load:
        """Begin."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End, and wait for the last answer."""
        self._stop.set()
        self._thread.join(60)

    def answered_since(self, moment: float) -> bool:
        """Whether a request that began after `moment` was answered."""
        return bool(self.moments) and self.moments[-1] > moment

    def failed_since(self, moment: float) -> str:
        """What a request was told that failed after `moment`; empty where none did."""
        return self.failures[-1][1] if self.failures and self.failures[-1][0] > moment else ""

    def during(self, start: float, end: float) -> dict[str, Any]:
        """Requests, failures and the longest time without an answer between two moments."""
        answered = [moment for moment in self.moments if start <= moment <= end]
        failed = [text for moment, text in self.failures if start <= moment <= end]
        edges = [start, *answered, end]
        silence = max(later - before for before, later in pairwise(edges))
        return {"answered": len(answered), "failed": len(failed), "longest_silence_s": round(silence, 1)}

    def _run(self) -> None:
        chosen = random.Random(5)
        with Client(self.url, self.key, timeout=10, retries=0) as client:
            while not self._stop.is_set():
                self._once(client, [self.rows[chosen.randrange(len(self.rows))] for _ in range(ROWS)])
                self._stop.wait(PAUSE)

    def _once(self, client: Client, rows: list[dict[str, Any]]) -> None:
        asked = time.monotonic()
        try:
            found = client.predict(self.problem, rows)
        except RatchetClientError as error:
            self.failures.append((time.monotonic(), f"predict: {type(error).__name__}: {error}"))
            return
        for one in found:
            self.answers[one.id] = float((one.probabilities or {}).get("True", 0.0))
            self.versions.add(one.version)
        self.moments.append(asked)
        told = {found[0].id: bool(len(self.labels) % 3 == 0)}
        try:
            receipt = client.label(self.problem, told)
        except RatchetClientError as error:
            self.failures.append((time.monotonic(), f"label: {type(error).__name__}: {error}"))
            return
        self.labels.update({key: told[key] for key in receipt.accepted})


def rows_of(home: Any) -> list[dict[str, Any]]:
    """Some flights of March, as an application would send them."""
    import pandas as pd

    from pipelines.core.settings import Settings
    from pipelines.steps.reading import read_as_of
    from pipelines.stores.problems.problem_files import load_problem

    loaded = load_problem("flights")
    rows = read_as_of(loaded, Settings(home=home), datetime(2013, 3, 2, tzinfo=UTC))
    rows = rows[rows["asked_at"] >= pd.Timestamp("2013-03-01")].drop(columns=["late", "arr_delay", "arrived_at"])
    return list(json.loads(rows.head(200).to_json(orient="records", date_format="iso")))
