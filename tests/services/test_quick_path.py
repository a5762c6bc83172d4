"""The short way answers as the long way does, byte for byte where nothing is new, and leaves to it what is in doubt."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
import uvicorn

from pipelines.stores.api_keys import ApiKeys
from services.prediction import quick_path
from services.prediction.app import create_app
from services.prediction.known_heads import KnownHead
from services.prediction.quick_path import quick_connections

PATH = "/v1/models/loans/predict"
JSON = {"content-type": "application/json"}


class Server:
    """The service with its own connections, in a thread of this process."""

    def __init__(self, settings: Any) -> None:
        self.app = create_app(settings)
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.address = listener.getsockname()
        http: Any = quick_connections(settings, self.app)
        config = uvicorn.Config(self.app, http=http, log_config=None, access_log=False, proxy_headers=False)
        self.server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self.server.run, args=([listener],), daemon=True)

    def __enter__(self) -> Server:
        self._thread.start()
        while not self.server.started:
            assert self._thread.is_alive(), "the app did not start"
            time.sleep(0.005)
        return self

    def __exit__(self, *error: Any) -> None:
        self.server.should_exit = True
        self._thread.join()

    def ask(self, *parts: bytes, pause: float = 0.02) -> list[tuple[int, dict[str, str], bytes]]:
        """What comes back for these bytes on one connection, until nothing more comes."""
        with socket.create_connection(self.address, timeout=10) as line:
            for part in parts:
                line.sendall(part)
                time.sleep(pause)
            line.shutdown(socket.SHUT_WR)
            got = b""
            while chunk := line.recv(65536):
                got += chunk
        return read_answers(got)

    def talk(self, requests: list[bytes]) -> list[tuple[int, dict[str, str], bytes]]:
        """The answers to requests on one connection, each sent once the one before is answered."""
        answers = []
        with socket.create_connection(self.address, timeout=10) as line:
            for one in requests:
                line.sendall(one)
                got = line.recv(65536)
                while not (found := read_answers(got)) or len(found[0][2]) < int(found[0][1]["content-length"]):
                    got += line.recv(65536)
                answers.append(found[0])
        return answers


def read_answers(got: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    found = []
    while got:
        head, _, rest = got.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = int(headers.get("content-length", "0"))
        found.append((int(status.split()[1]), headers, rest[:size]))
        got = rest[size:]
    return found


def request(body: Any, path: str = PATH, **headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"host": "x", **JSON, "content-length": str(len(content)), "x-request-id": "r1"}
    lines |= {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + content


@pytest.fixture
def quick(shop: Any, loans: Any) -> Iterator[Server]:
    shop.promote(loans, shop.release(loans, 0.5, loans.compile))
    with Server(shop.settings) as server:
        assert server.app.state.service.plane.is_quick("loans")
        yield server


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What went the short way."""
    seen: list[str] = []
    begin = quick_path._Exchange.begin

    def count(self: Any) -> None:
        seen.append(self._found.problem)
        begin(self)

    monkeypatch.setattr(quick_path._Exchange, "begin", count)
    return seen


def plain(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str], str]:
    """An answer without what is new in each."""
    status, headers, body = answer
    text = re.sub(r'"id":"[0-9a-f-]{36}"', '"id":""', body.decode())
    headers = {name: value for name, value in headers.items() if name not in ("date", "connection")}
    headers["traceparent"] = re.sub(r"-[0-9a-f]{16}-", "--", headers["traceparent"])
    return status, headers, text


def bodies(loans: Any) -> list[Any]:
    rows = loans.rows(3)
    return [
        {"instances": rows[:1]},
        {"instances": rows},
        {"instances": []},
        {"instances": [{"amount": -1}]},
        {"instances": [{"amount": 1, "nope": 2}]},
        {"instances": [5]},
        {"rows": rows},
        b"{",
        b"",
        {"instances": rows * 70},
    ]


def test_both_ways_answer_alike(quick: Server, loans: Any, short: list[str]) -> None:
    for body in bodies(loans):
        one = quick.ask(request(body))
        taken = len(short)
        other = quick.ask(request(body, x_ratchet_key="k"))
        assert len(short) == taken, "a routing key is for the long way"
        assert [plain(answer) for answer in one] == [plain(answer) for answer in other], body
    assert len(short) >= 9


@pytest.fixture
def repeated(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bodies of requests whose heads were known."""
    seen: list[bytes] = []
    repeat = quick_path.QuickConnection._repeat

    def count(self: Any, known: Any, body: bytes) -> None:
        seen.append(body)
        repeat(self, known, body)

    monkeypatch.setattr(quick_path.QuickConnection, "_repeat", count)
    return seen


def test_a_known_head_is_answered_as_an_unknown_one_is(quick: Server, loans: Any, repeated: list[bytes]) -> None:
    asked = [request(body) for body in bodies(loans)[:-1]]
    apart = [quick.talk([one])[0] for one in asked]
    assert repeated == []
    together = quick.talk(asked)
    assert [plain(answer) for answer in together] == [plain(answer) for answer in apart]
    assert len(repeated) == len(asked) - 1
    assert quick.app.front.in_hand == 0


def test_requests_without_a_name_get_one_of_their_own(quick: Server, loans: Any, repeated: list[bytes]) -> None:
    body = json.dumps({"instances": loans.rows(1)}).encode()
    one = b"POST %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (PATH.encode(), len(body)) + body
    names = [(headers["x-request-id"], headers["traceparent"]) for _, headers, _ in quick.talk([one] * 4)]
    assert len(set(names)) == 4
    assert all(parent.split("-")[1] == name for name, parent in names)
    assert len(repeated) == 3


def test_the_first_request_of_a_connection_is_never_taken_for_known(
    quick: Server, loans: Any, repeated: list[bytes]
) -> None:
    whole = request({"instances": loans.rows(1)})
    for cut in (1, 40, len(whole) - 1):
        answers = quick.ask(whole[:cut], whole[cut:], pause=0.2)
        assert [status for status, _, _ in answers] == [200]
    assert repeated == []


def test_another_request_between_changes_nothing(quick: Server, loans: Any, repeated: list[bytes]) -> None:
    one, other = (request({"instances": loans.rows(size)}) for size in (1, 2))
    health = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
    answers = quick.talk([one, health, other, other + b"", health, one])
    assert [status for status, _, _ in answers] == [200] * 6
    assert [len(json.loads(answers[at][2])["predictions"]) for at in (0, 2, 3, 5)] == [1, 2, 2, 1]
    assert len(repeated) == 3


def test_heads_that_always_differ_are_not_learnt_for_ever(quick: Server, loans: Any, monkeypatch: Any) -> None:
    lessons: list[bytes] = []
    learn = KnownHead.learn

    def count(data: bytes, *read: Any) -> KnownHead | None:
        lessons.append(data)
        return learn(data, *read)

    monkeypatch.setattr(KnownHead, "learn", count)
    body = {"instances": loans.rows(1)}
    quick.talk([request(body, **{"x-request-id": f"r{number}"}) for number in range(12)])
    assert len(lessons) == quick_path._MOST_LESSONS


def test_a_known_head_does_not_outlive_its_key_or_the_release(shop: Any, loans: Any, repeated: list[bytes]) -> None:
    shop.promote(loans, shop.release(loans, 0.5, loans.compile))
    keys = ApiKeys(shop.settings.database)
    key = keys.create("app", ["predict"], at=datetime.now(UTC), by="a test")[1]
    body = json.dumps({"instances": loans.rows(1)}).encode()
    with (
        closing(keys),
        Server(shop.settings.model_copy(update={"require_keys": "always"})) as guarded,
        socket.create_connection(guarded.address, timeout=10) as line,
    ):

        def ask() -> int:
            line.sendall(request(body, x_api_key=key))
            return read_answers(line.recv(65536))[0][0]

        assert [ask() for _ in range(3)] == [200] * 3
        plane = guarded.app.state.service.plane
        plane.is_quick = lambda problem: False
        assert ask() == 200
        assert len(repeated) == 2
        del plane.is_quick
        keys.revoke("app", at=datetime.now(UTC))
        until = time.monotonic() + 10
        while (status := ask()) == 200 and time.monotonic() < until:
            time.sleep(0.05)
        assert status == 401
    assert len(repeated) >= 3


def test_every_answer_is_in_the_log_and_counted(quick: Server, loans: Any, short: list[str]) -> None:
    answers = quick.talk([request({"instances": loans.rows(2)})] * 3)
    ids = [one["id"] for _, _, body in answers for one in json.loads(body)["predictions"]]
    assert len(set(ids)) == 6
    assert len(short) == 3
    service = quick.app.state.service
    assert [service.log.get(one).version for one in ids] == [2] * 6
    text = service.metrics.exposition().decode()
    assert 'ratchet_requests_total{method="POST",route="/v1/models/{problem}/predict",status="200"} 3.0' in text
    assert 'ratchet_rows_total{problem="loans",version="2"} 6.0' in text
    assert quick.app.front.in_hand == 0


@pytest.mark.parametrize(
    "change",
    [
        {"content-type": "text/csv"},
        {"accept": "application/vnd.apache.arrow.stream"},
        {"content-encoding": "gzip"},
        {"expect": "100-continue"},
        {"x-ratchet-key": "k"},
    ],
)
def test_what_is_not_plain_goes_the_long_way(quick: Server, loans: Any, short: list[str], change: Any) -> None:
    quick.ask(request({"instances": loans.rows(1)}, **{k.replace("-", "_"): v for k, v in change.items()}))
    assert short == []


def test_other_paths_problems_and_sizes_go_the_long_way(
    quick: Server, loans: Any, short: list[str], monkeypatch: Any
) -> None:
    assert quick.ask(request({"instances": loans.rows(1)}, f"{PATH}?x=1"))[0][0] == 200
    assert quick.ask(request({"instances": [{}]}, "/v1/models/absent/predict"))[0][0] == 404
    assert quick.ask(request({"labels": []}, "/v1/models/loans/labels"))[0][0] == 422
    assert quick.ask(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")[0][0] == 200
    monkeypatch.setattr(quick_path, "_MOST_BODY", 10)
    assert quick.ask(request({"instances": loans.rows(1)}))[0][0] == 200
    assert short == []


def test_a_plain_release_and_a_trial_go_the_long_way(quick: Server, loans: Any, short: list[str]) -> None:
    service = quick.app.state.service
    live = service.champions.live("loans")
    compiled = live.compiled
    object.__setattr__(live, "compiled", None)
    object.__setattr__(live, "pipeline", live.bundle.pipeline)
    assert quick.ask(request({"instances": loans.rows(1)}))[0][0] == 200
    object.__setattr__(live, "compiled", compiled)
    assert short == []


@pytest.mark.parametrize("cut", [10, -1, -20])
def test_a_request_that_comes_in_pieces_is_answered(quick: Server, loans: Any, cut: int) -> None:
    whole = request({"instances": loans.rows(2)})
    (answer,) = quick.ask(whole[:cut], whole[cut:])
    assert (answer[0], len(json.loads(answer[2])["predictions"])) == (200, 2)


def test_pipelined_requests_are_answered_in_their_order(quick: Server, loans: Any) -> None:
    sizes = [1, 3, 2, 1, 5]
    sent = b"".join(request({"instances": loans.rows(size)}) for size in sizes)
    answers = quick.ask(sent, pause=0.5)
    assert [len(json.loads(body)["predictions"]) for _, _, body in answers] == sizes


def test_close_is_honoured_and_keep_alive_kept(quick: Server, loans: Any) -> None:
    body = {"instances": loans.rows(1)}
    (answer,) = quick.ask(request(body, connection="close"))
    assert answer[1]["connection"] == "close"
    assert "connection" not in quick.ask(request(body))[0][1]


def test_a_client_that_goes_away_harms_nobody(quick: Server, loans: Any) -> None:
    for _ in range(20):
        with socket.create_connection(quick.address) as line:
            line.sendall(request({"instances": loans.rows(1)}))
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not an end
    assert quick.ask(request({"instances": loans.rows(1)}))[0][0] == 200
    assert quick.app.front.in_hand == 0


def test_keys_and_room_are_asked_for(shop: Any, loans: Any, short: list[str]) -> None:
    shop.promote(loans, shop.release(loans, 0.5, loans.compile))
    body = {"instances": loans.rows(1)}
    with Server(shop.settings.model_copy(update={"require_keys": "always"})) as guarded:
        assert guarded.ask(request(body))[0][0] == 401
        (answer,) = guarded.ask(request(body, authorization="Bearer rk_wrong"), pause=1)
        assert (answer[0], answer[1]["www-authenticate"][:6]) == (401, "Bearer")
        guarded.app.front.in_hand = 10_000
        (answer,) = guarded.ask(request(body))
        assert (answer[0], answer[1]["retry-after"]) == (503, "1")
    assert len(short) == 3


def test_a_key_opens_as_soon_as_it_is_made(shop: Any, loans: Any, short: list[str]) -> None:
    shop.promote(loans, shop.release(loans, 0.5, loans.compile))
    body, keys = {"instances": loans.rows(1)}, ApiKeys(shop.settings.database)
    with closing(keys), Server(shop.settings.model_copy(update={"require_keys": "always"})) as guarded:
        for number in range(3):
            key = keys.create(f"app {number}", ["predict"], at=datetime.now(UTC), by="a test")[1]
            both = request(body, x_api_key=key), request(body, x_api_key=key)
            assert [answer[0] for answer in guarded.ask(*both, pause=1)] == [200, 200]
        assert guarded.app.front.in_hand == 0
    assert len(short) == 6


def test_a_log_that_takes_nothing_is_no_answer(quick: Server, loans: Any) -> None:
    quick.app.state.service.writer.close()
    (answer,) = quick.ask(request({"instances": loans.rows(1)}))
    assert answer[0] == 503
    assert b"predictions" not in answer[2]


def test_the_server_drains_what_is_on_the_short_way(shop: Any, loans: Any, monkeypatch: Any) -> None:
    shop.promote(loans, shop.release(loans, 0.5, loans.compile))
    server = Server(shop.settings)
    with server:
        log = server.app.state.service.log
        append: Callable[..., None] = log.append

        def slow(rows: Any) -> None:
            time.sleep(0.5)
            append(rows)

        monkeypatch.setattr(log, "append", slow)
        line = socket.create_connection(server.address, timeout=10)
        line.sendall(request({"instances": loans.rows(1)}))
        time.sleep(0.1)
        server.server.should_exit = True
        got = b""
        while chunk := line.recv(65536):
            got += chunk
        line.close()
    (answer,) = read_answers(got)
    assert (answer[0], answer[1]["connection"]) == (200, "close")
