"""Killed with SIGKILL at the worst moments, the loop from verdict to release loses nothing and does nothing twice."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.settings import Settings
from pipelines.stack.processes import end_orphans
from pipelines.stores.alarms.notices import Notices
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.releases.ledger_verification import verify_ledger

pytestmark = pytest.mark.faults

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)
PROBLEM = """
name: trips
task: binary
data: {source: trips.csv, target: late, time: asked_at, label_delay: 1h}
learners: [linear]
search: {trials: 1}
"""


def trips(start: datetime, days: int, n: int, seed: int, broken: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    size = rng.gamma(2.0, 2.0, n)
    late = rng.random(n) < 1 / (1 + np.exp(3 - size / 1.2))
    when = pd.Timestamp(start.replace(tzinfo=None)) + pd.to_timedelta(np.sort(rng.random(n)) * days, unit="D")
    return pd.DataFrame({"asked_at": when.astype("datetime64[s]"), "size": size.round(3), "late": late ^ broken})


class Loop:
    """A home with a champion whose last week was answered wrongly, and the processes that work on it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.settings = folder, Settings(home=folder / "home")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RATCHET_", "PREFECT_"))}
        self.environment = kept | {"RATCHET_HOME": str(self.settings.home), "RATCHET_ALERT_WEBHOOK": url}
        self.environment["RATCHET_REHEARSAL"] = "false"
        trips(datetime(2026, 1, 1), 58, 2500, 0).to_csv(folder / "trips.csv", index=False)
        (folder / "trips.yaml").write_text(PROBLEM)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "pipelines.cli", *arguments, "--json"]
        with self.out.open("wb") as out, (self.folder / "err.txt").open("wb") as err:
            return subprocess.Popen(command, env=self.environment, stdout=out, stderr=err)

    @property
    def out(self) -> Path:
        return self.folder / "out.txt"

    def finish(self, *arguments: str) -> dict[str, Any]:
        process = self.start(*arguments)
        assert process.wait(timeout=600) == 0, (self.folder / "err.txt").read_text()
        return json.loads(self.out.read_text().splitlines()[-1])

    def monitor(self) -> tuple[str, ...]:
        return ("monitor", str(self.folder / "trips.yaml"), "--end", END.isoformat(), "--as-of", END.isoformat())

    def answer_wrongly(self) -> None:
        week = trips(START, 7, 800, 1, broken=True)
        week.drop(columns="late").to_csv(self.folder / "week.csv", index=False)
        answered = self.folder / "answered.csv"
        self.finish("predict", "trips", str(self.folder / "week.csv"), "-o", str(answered), "--as-of", END.isoformat())
        ids = pd.read_csv(answered)["id"]
        items = [{"id": ids[row], "label": bool(week["late"][row]), "known_at": END} for row in range(len(week))]
        with closing(PredictionLog(self.settings.database)) as log:
            assert not log.add_labels("trips", items, END, lambda label: label).rejected
        later = pd.concat([pd.read_csv(self.folder / "trips.csv"), week])
        later.to_csv(self.folder / "trips.csv", index=False)

    def count(self, query: str) -> int:
        with closing(sqlite3.connect(self.settings.home / "ratchet.db", timeout=30)) as connection:
            return int(connection.execute(query).fetchone()[0])

    def kill_when(self, happened: Callable[[], bool]) -> bool:
        """Run the monitor and kill it as soon as that has happened; False when it ended before."""
        process = self.start(*self.monitor())
        deadline = time.monotonic() + 600
        while not happened() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        ended = process.poll() is not None
        process.kill()
        process.wait()
        return not ended

    def has_begun(self, step: str) -> Callable[[], bool]:
        return lambda: f"\n{step} " in (self.folder / "err.txt").read_text()

    def let_the_lease_end(self) -> None:
        """Two minutes go by."""
        with closing(sqlite3.connect(self.settings.home / "ratchet.db", timeout=30)) as connection:
            connection.execute("UPDATE requests SET lease_until = '2020-01-01 00:00:00.000000' WHERE lease_until > 0")
            connection.commit()


@pytest.fixture
def loop(tmp_path: Path, post_offices: Any) -> Iterator[tuple[Loop, Any]]:
    with post_offices.web_box() as box:
        yield Loop(tmp_path, box.url), box
        end_orphans(tmp_path / "home")


@pytest.mark.timeout(2400)
def test_one_alarm_one_request_one_release_wherever_the_monitor_dies(loop: tuple[Loop, Any]) -> None:
    home, box = loop
    home.finish("train", str(home.folder / "trips.yaml"), "--as-of", START.isoformat())
    home.answer_wrongly()
    verdicts = "SELECT count(*) FROM decisions WHERE kind = 'verdict'"
    taken = "SELECT count(*) FROM requests WHERE state = 'running'"
    released = "SELECT count(*) FROM decisions WHERE kind = 'release'"
    moments: list[Callable[[], bool]] = [
        home.has_begun("monitor"),
        lambda: home.count(verdicts) > 0,
        lambda: home.count(taken) > 0,
        home.has_begun("train"),
        lambda: home.count(released) > 1,
    ]
    killed = []
    for moment in moments:
        killed.append(home.kill_when(moment))
        home.let_the_lease_end()
    assert sum(killed) >= 3
    home.finish(*home.monitor())
    home.let_the_lease_end()
    home.finish(*home.monitor())  # and once more than is needed

    with closing(Ledger(home.settings.database)) as ledger:
        verdicts_on = [entry.version for entry in reversed(ledger.entries("trips", "verdict"))]
        assert verdicts_on in ([1], [1, 2])  # once the challenger is champion, a last look is at that one
        (request,) = ledger.requests("trips")
        assert request.state == "done"
        releases = ledger.entries("trips", "release")
        assert [entry.evidence["request"] for entry in releases] == [request.id, None]
        assert [entry.outcome for entry in reversed(ledger.entries("trips", "retraining"))] == ["asked", "done"]
    assert verify_ledger(home.settings, with_registry=False).intact
    told = [json.loads(content) for _, content in box.taken]
    assert {one["id"] for one in told} == {"trips:health:" + told[0]["id"].split(":")[2] + ":1"}
    assert told[0]["event"] == "begun"


WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.alarms.notice_keeping import Address
from pipelines.stores.alarms.notice_making import Outbox, catch_up
from pipelines.stores.alarms.notices import Notices
from pipelines.stores.decisions.retraining_asks import ask_forgotten

url, first = sys.argv[1], int(sys.argv[2])
ledger, notices = Ledger(url), Notices(url)
outbox = Outbox(ledger, notices, [Address("webhook", "http://a")], "http://c")
start = datetime(2026, 1, 1, tzinfo=UTC)
for number in range(first, 10_000):
    level = ("alarm", "healthy")[number % 2]
    at = start + timedelta(hours=number)
    retraining = {"act": level == "alarm", "reasons": ["why"], "blocked_by": []}
    window = {"start": (at - timedelta(hours=1)).isoformat(), "end": at.isoformat(), "rows": 9, "labels": 9}
    evidence = {"kinds": {"performance": {"level": level, "reasons": []}}, "retraining": retraining, **window}
    ledger.record(f"v{number}", at=at, problem="p", kind="verdict", outcome=level, evidence=evidence)
    print(number, flush=True)
    catch_up(outbox, "p", at)
    request = ask_forgotten(ledger, "p")
    if request is not None and request.state == "open":
        ledger.finish(request.id, at, "keep")
"""


@pytest.mark.timeout(300)
def test_a_killed_writer_loses_no_verdict_and_doubles_no_notice(tmp_path: Path) -> None:
    url, chance, known = f"sqlite:///{tmp_path}/ratchet.db", random.Random(5), [-1]
    for _ in range(8):
        out = tmp_path / "out.txt"
        with out.open("wb") as file:
            command = [sys.executable, "-c", WRITER, url, str(known[-1] + 1)]
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE)
        while not out.read_text().endswith("\n"):
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.005)
        time.sleep(chance.random() / 3)
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
        known += [int(line) for line in out.read_text().split("\n")[:-1]]
    with closing(sqlite3.connect(tmp_path / "ratchet.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with closing(Ledger(url)) as ledger, closing(Notices(url)) as notices:
        kept = {entry.key for entry in ledger.entries("p", "verdict", limit=None)}
        assert {f"v{number}" for number in known if number >= 0} <= kept
        events = [one.event for one in reversed(notices.notices("p", 10_000))]
        assert events[::2] == ["begun"] * len(events[::2])
        assert events[1::2] == ["recovered"] * len(events[1::2])
        keys = [request.key for request in ledger.requests("p")]
        assert len(keys) == len(set(keys))
        assert set(keys) <= {f"retrain:{key}" for key in kept}
        told = {one.body["at"] for one in notices.notices("p", 10_000) if one.event == "begun"}
        last = START.replace(month=1) + timedelta(hours=max(known) - 1)
        alarms = [START.replace(month=1) + timedelta(hours=number) for number in range(0, max(known), 2)]
        assert {at.isoformat() for at in alarms if at < last} <= told
