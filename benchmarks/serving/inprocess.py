"""What the model costs without a service, as a process of its own (`python -m benchmarks.serving.inprocess`).

Three things are measured: one row by the scikit-learn pipeline (what a lone client of the generic path waits for at
least); a table of Arrow or Parquet bytes read, joined with its history and scored, with no checks, log or answer (what
a columnar body costs at least); and a JSON body read, checked and answered, with no look-ups, scoring or log (what
JSON costs at least). A plan comes as JSON on stdin, the outcome goes as JSON to stdout.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.serving.load import read_bodies
from benchmarks.serving.release import PROBLEM, Release, open_release
from benchmarks.serving.statistics import median
from pipelines.core.request_rows import check_rows
from pipelines.stores.bundles.release_info import ReleaseInfo
from pipelines.stores.logbook.prediction_ids import make_ids
from services.prediction.answers import Answers
from services.prediction.live_model import LiveModel, load_live
from services.prediction.payloads import read_instances

SECONDS = 2.0


def main() -> int:
    """The lone row, the table or the JSON that the plan names, in milliseconds."""
    plan = json.load(sys.stdin)
    release = open_release()
    outcome: dict[str, Any] = {}
    if plan.get("lone"):
        outcome["lone_ms"] = _lone(release)
    if table := plan.get("table"):
        bodies = read_bodies(Path(table["bodies"]))
        outcome["table_ms"] = _table(_live(release, compiled=True), bodies, table["format"])
    if plan.get("json"):
        outcome["json_ms"] = _json(_live(release, compiled=True), read_bodies(Path(plan["json"])))
    json.dump(outcome, sys.stdout)
    return 0


def _live(release: Release, compiled: bool) -> LiveModel:
    facts = json.loads((release.bundle / "ratchet" / "release.json").read_text())
    info = ReleaseInfo(PROBLEM, 1, facts["run_id"], source="", digest="", run_key="")
    return load_live(release.bundle, info, release.home / "history" / PROBLEM, compiled)


def _lone(release: Release) -> float:
    """Checked rows to scores, one at a time."""
    model = _live(release, compiled=False)
    turns = iter(range(10**9))

    def one() -> None:
        checked = check_rows(model.contract, [release.rows[next(turns) % len(release.rows)]])
        model.score(checked.columns, np.asarray(checked.columns[str(model.contract.time)], dtype="M8[us]"))

    return _repeat(one, time.perf_counter)


def _table(model: LiveModel, bodies: list[bytes], format: str) -> float:
    """One body after another, as the service gets them: the same one each time would find all it needs in the cache."""
    turns = cycle(bodies)
    return _repeat(lambda: _score(model, next(turns), format), time.process_time)


def _json(model: LiveModel, bodies: list[bytes]) -> float:
    """One body after another, its answers made up."""
    turns, most = cycle(bodies), model.definition.serving.max_rows

    def one() -> None:
        rows = read_instances(next(turns), most)
        check_rows(model.contract, rows)
        Answers(model, make_ids(len(rows)), np.tile([0.1234567890123, 0.8765432109877], (len(rows), 1))).as_json()

    return _repeat(one, time.process_time)


def _score(model: LiveModel, body: bytes, format: str) -> np.ndarray:
    table = pa.ipc.open_stream(body).read_all() if format == "arrow" else pq.read_table(pa.BufferReader(body))
    columns = {name: _column(table[name]) for name in table.column_names}
    unasked = {column.name: np.full(table.num_rows, np.nan) for column in model.contract.columns if not column.asked}
    return model.score({**unasked, **columns}, columns[str(model.contract.time)])[0]


def _column(values: pa.ChunkedArray) -> Any:
    """As the contract types it: floats, moments, or texts."""
    if pa.types.is_timestamp(values.type):
        return values.to_numpy().astype("M8[us]")
    return values.to_pylist() if pa.types.is_string(values.type) else values.to_numpy().astype(np.float64)


def _repeat(work: Callable[[], Any], clock: Callable[[], float]) -> float:
    """The median of what one costs, in milliseconds."""
    work()
    found: list[float] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(found) < 5:
        begun = clock()
        work()
        found.append((clock() - begun) * 1000)
    return median(found)


if __name__ == "__main__":
    sys.exit(main())
