"""What asking, looking up, labelling and judging cost as the log grows."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.serving.statistics import median
from benchmarks.stack.compose import NotThere
from benchmarks.stack.loads import Client, Outcome

_FILL = Path(__file__).with_name("fill.py")
_A_DAY = 250_000  # as fill.py spreads them
_CLIENTS = 8


@dataclass(frozen=True)
class Grown:
    """One size of the log: `rows` in it beyond what was there, `bytes` of the whole database."""

    rows: int
    bytes: int
    filled_per_second: float
    predict: Outcome
    look_up_ms: float
    """A prediction of the past by its id, at the median."""
    label_ms: float
    """A hundred labels for predictions of the past in one request, at the median."""
    judge_seconds: float | None
    """`ratchet monitor` on one day of a quarter of a million rows."""

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {**asdict(self), "predict": self.predict.as_json()}


def grow(
    client: Client, model: Mapping[str, Any], sizes: Sequence[int], block: int, now: datetime, seconds: float
) -> Iterator[Grown]:
    """Fill the log to each of these sizes and measure there."""
    have = 0
    client.predict(model, block)  # what the past is made after
    for rows in sizes:
        first = now - timedelta(days=1) - timedelta(days=have / _A_DAY)
        told = fill(client, str(model["problem"]), rows - have, block, first)
        have = rows
        ids = told["ids"]
        yield Grown(
            rows=rows,
            bytes=told["bytes"],
            filled_per_second=told["rows"] / told["seconds"],
            predict=client.load(model, _CLIENTS, seconds),
            look_up_ms=median([timed(_look_up(client, name)) for name in ids[:50]]),
            label_ms=median([timed(_label(client, model, ids[turn : turn + 100])) for turn in range(5)]),
            judge_seconds=judge(client, str(model["problem"]), now - timedelta(days=2), now - timedelta(days=1)),
        )


def fill(client: Client, problem: str, rows: int, block: int, first: datetime) -> dict[str, Any]:
    """Run fill.py inside the worker, which has our packages and a way to the database."""
    arguments = (problem, str(rows), str(block), first.isoformat())
    told = client.project.inside("worker", "python", "-", *arguments, given=_FILL.read_text(), patience=3_600)
    found: dict[str, Any] = json.loads(told.splitlines()[-1])
    return found


def judge(client: Client, problem: str, start: datetime, end: datetime) -> float | None:
    """Seconds that the worker takes to judge a stretch of time, its own start included; None where it cannot."""
    window = ("--start", start.isoformat(), "--end", end.isoformat())
    begun = time.perf_counter()
    try:
        client.project.inside("worker", "ratchet", "monitor", problem, *window, "--json")
    except (NotThere, subprocess.TimeoutExpired) as error:  # the other figures are worth having without this one
        print(f"not judged: {error}", file=sys.stderr)  # noqa: T201
        return None
    return time.perf_counter() - begun


def timed(what: Callable[[], Any]) -> float:
    """Milliseconds that it takes."""
    begun = time.perf_counter()
    what()
    return 1000 * (time.perf_counter() - begun)


def _look_up(client: Client, name: str) -> Callable[[], Any]:
    return lambda: client.http.get(f"/v1/predictions/{name}").raise_for_status()


def _label(client: Client, model: Mapping[str, Any], ids: Sequence[str]) -> Callable[[], Any]:
    body = {"labels": [{"id": name, "label": a_label(model["label"])} for name in ids]}
    return lambda: client.http.post(f"/v1/models/{model['problem']}/labels", json=body).raise_for_status()


def a_label(schema: Mapping[str, Any]) -> Any:
    """A value that the description of a label allows.

    >>> a_label({"type": "boolean"}), a_label({"enum": ["a", "b"]}), a_label({"type": "number"})
    (True, 'a', 1)
    """
    if "enum" in schema:
        return schema["enum"][0]
    return True if schema.get("type") == "boolean" else 1
