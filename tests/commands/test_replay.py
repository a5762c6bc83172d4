from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any

import pandas as pd
import pytest
from ratchet_client import Client, Retries

from pipelines.commands.replay import BATCH, Replay
from pipelines.core.errors import Unavailable

START = datetime(2013, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@dataclass
class Service:
    """A service that answers every row, believes every label, and remembers what came over the wire."""

    version: int = 1
    status: int = 200
    known: set[str] | None = None
    """Ids whose labels are accepted; None: all."""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Path, content type and body of each request."""
    _ids: Iterator[int] = field(default_factory=count)

    def answer(self, path: str, body: str) -> dict[str, Any]:
        given = json.loads(body)
        if path.endswith("/predict"):
            predictions = [{"id": f"p{next(self._ids)}", "prediction": True} for _ in given["instances"]]
            return {"model": {"problem": "trains", "version": self.version, "run_id": "r"}, "predictions": predictions}
        ids = [one["id"] for one in given["labels"]]
        return {"accepted": [one for one in ids if self.known is None or one in self.known]}

    def bodies(self, verb: str) -> list[str]:
        return [body for path, _, body in self.asked if path == f"/v1/models/trains/{verb}"]

    def labels(self) -> list[dict[str, Any]]:
        return [label for body in self.bodies("labels") for label in json.loads(body)["labels"]]


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    """A client of that service, on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            service.asked.append((self.path, self.headers["content-type"], body))
            content = json.dumps(service.answer(self.path, body) if service.status == 200 else {"detail": "full"})
            self.send_response(service.status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        with Client(url, max_rows=BATCH, retries=Retries(most=1, first=0.001)) as client:
            yield client
        server.shutdown()
        thread.join()


def trains(rows: int, **columns: list[Any]) -> pd.DataFrame:
    """A train each minute; whether it was late is known ten minutes later."""
    moments = pd.Series(pd.date_range(START.replace(tzinfo=None), periods=rows, freq="min", unit="us"))
    frame = pd.DataFrame({"moment": moments, "known": moments + pd.Timedelta("10min"), "number": range(rows)})
    return frame.assign(label=frame["number"] % 3 == 0, **columns)


def replay(client: Client, rows: pd.DataFrame, *sent: str) -> Replay:
    return Replay(client, "trains", rows, list(sent or ("number",)))


def test_every_row_is_asked_about_once_in_batches(service: Service, client: Client) -> None:
    rows = 2 * BATCH + 7
    life = replay(client, trains(rows))
    assert life.ask(START, START + rows * MINUTE) == life.asked == rows
    batches = [json.loads(body)["instances"] for body in service.bodies("predict")]
    assert [len(batch) for batch in batches] == [BATCH, BATCH, 7]
    assert [row for batch in batches for row in batch] == [{"number": number} for number in range(rows)]
    assert {content for _, content, _ in service.asked} == {"application/json"}


def test_the_start_belongs_to_a_stretch_and_its_end_does_not(service: Service, client: Client) -> None:
    life = replay(client, trains(10))
    assert life.ask(START - MINUTE, START) == 0
    assert service.asked == []  # nothing due, nothing sent
    assert [life.ask(START, START + 3 * MINUTE), life.ask(START + 3 * MINUTE, START + 60 * MINUTE)] == [3, 7]
    numbers = [row["number"] for body in service.bodies("predict") for row in json.loads(body)["instances"]]
    assert numbers == list(range(10))


def test_a_label_is_told_when_it_is_known_and_once(service: Service, client: Client) -> None:
    life = replay(client, trains(6))
    life.ask(START, START + 6 * MINUTE)
    assert life.tell(START + 9 * MINUTE) == 0
    assert service.bodies("labels") == []
    assert life.tell(START + 12 * MINUTE) == 3  # that of the third is known at this very moment
    assert service.labels() == [
        {"id": "p0", "label": True, "known_at": "2013-03-01T00:10:00Z"},
        {"id": "p1", "label": False, "known_at": "2013-03-01T00:11:00Z"},
        {"id": "p2", "label": False, "known_at": "2013-03-01T00:12:00Z"},
    ]
    assert life.tell(START + 12 * MINUTE) == 0
    assert life.tell(START + timedelta(days=1)) == 3
    assert [label["id"] for label in service.labels()] == [f"p{number}" for number in range(6)]
    assert life.labelled == 6


def test_a_row_that_was_not_asked_about_gets_no_label(service: Service, client: Client) -> None:
    life = replay(client, trains(6))
    life.ask(START, START + 2 * MINUTE)
    assert life.tell(START + timedelta(days=1)) == 2


def test_a_label_that_never_comes_is_never_told(service: Service, client: Client) -> None:
    rows = trains(4)
    rows.loc[[1, 3], "known"] = pd.NaT
    life = replay(client, rows)
    life.ask(START, START + 4 * MINUTE)
    assert life.tell(datetime(2100, 1, 1, tzinfo=UTC)) == 2
    assert [label["id"] for label in service.labels()] == ["p0", "p2"]


def test_labels_go_in_batches_and_only_accepted_ones_count(service: Service, client: Client) -> None:
    rows = BATCH + 20
    life = replay(client, trains(rows))
    life.ask(START, START + rows * MINUTE)
    service.known = {f"p{number}" for number in range(BATCH - 10, rows)}
    assert life.tell(START + timedelta(days=9)) == life.labelled == 30
    assert [len(json.loads(body)["labels"]) for body in service.bodies("labels")] == [BATCH, 20]


def test_answers_are_counted_by_the_version_that_gave_them(service: Service, client: Client) -> None:
    life = replay(client, trains(10))
    life.ask(START, START + 4 * MINUTE)
    service.version = 2
    life.ask(START + 4 * MINUTE, START + 6 * MINUTE)
    life.ask(START + 6 * MINUTE, START + 10 * MINUTE)
    assert life.versions == {1: 4, 2: 6}


@pytest.mark.parametrize("status", [404, 422, 503])
def test_an_answer_that_is_an_error_is_told_as_it_is(service: Service, client: Client, status: int) -> None:
    life = replay(client, trains(2))
    life.ask(START, START + MINUTE)
    service.status = status
    with pytest.raises(Unavailable, match="the service did not answer as it should: full"):
        life.ask(START + MINUTE, START + 2 * MINUTE)
    with pytest.raises(Unavailable, match="full"):
        life.tell(START + timedelta(days=1))
    assert (life.asked, life.labelled) == (1, 0)


def test_numbers_arrive_with_every_digit(service: Service, client: Client) -> None:
    values = [1 / 3, 0.1, -123456.789012345, 2.0, 1e20, float("nan")]
    life = replay(client, trains(6, value=values), "value")
    life.ask(START, START + 6 * MINUTE)
    (body,) = service.bodies("predict")
    got = [one["value"] for one in json.loads(body)["instances"]]
    assert got[:5] == values[:5]
    assert got[5] is None


def test_only_what_may_be_sent_is_sent_and_as_json_has_it(service: Service, client: Client) -> None:
    at = pd.Series(pd.to_datetime(["2013-03-01 07:30", None])).astype("datetime64[us]")
    life = replay(client, trains(2, at=at, line=['Ü"1', None], number=[1, 2**53]), "line", "at", "number")
    life.ask(START, START + 2 * MINUTE)
    (body,) = service.bodies("predict")
    first, second = json.loads(body)["instances"]
    assert re.fullmatch(r"2013-03-01T07:30:00(\.0+)?", first.pop("at"))
    assert first == {"line": 'Ü"1', "number": 1}
    assert second == {"line": None, "at": None, "number": 2**53}
