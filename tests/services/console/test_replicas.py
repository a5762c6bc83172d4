from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.console.replicas import addresses, ask_replicas

PAGE = 'ratchet_requests_total{route="/v1/x",method="POST",status="200"} 3.0\n'


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with three addresses, one of them of the other family; as a resolver of containers would say it."""

    def look_up(host: str, port: int, **more: Any) -> list[tuple[Any, ...]]:
        if host != "prediction":
            raise socket.gaierror
        four = [(socket.AF_INET, 1, 6, "", (f"10.0.0.{last}", port)) for last in (3, 2, 2)]
        return [(socket.AF_INET6, 1, 6, "", ("fd00::2", port, 0, 0)), *four]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture
def seen() -> list[httpx.Request]:
    return []


@pytest.fixture
def client(seen: list[httpx.Request]) -> Iterator[httpx.Client]:
    """10.0.0.2 tells its numbers to whoever has a key, 10.0.0.3 does not answer, any other has no such page."""

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if request.url.host == "10.0.0.3":
            raise httpx.ConnectError("refused")
        if request.url.host != "10.0.0.2":
            return httpx.Response(404)
        known = request.headers.get("authorization") == "Bearer sesame"
        return httpx.Response(200, text=PAGE) if known else httpx.Response(401)

    with httpx.Client(transport=httpx.MockTransport(answer)) as made:
        yield made


@pytest.mark.usefixtures("resolved")
def test_every_replica_is_asked_by_the_name_that_stands_for_all(
    client: httpx.Client, seen: list[httpx.Request]
) -> None:
    numbers, silence = ask_replicas(client, "http://prediction:8000", "sesame")
    assert numbers is not None
    assert (numbers.requests, numbers.replicas) == (3, 1)
    assert silence == "1 of 2 replicas are missing: prediction does not answer (ConnectError)"
    assert [str(one.url) for one in seen] == [f"http://10.0.0.{last}:8000/metrics" for last in (2, 3)]
    assert {one.headers["host"] for one in seen} == {"prediction:8000"}


@pytest.mark.usefixtures("resolved")
def test_what_keeps_the_numbers_away_is_told(client: httpx.Client) -> None:
    def silence(url: str | None, key: str | None = None) -> str:
        numbers, why = ask_replicas(client, url, key)
        assert numbers is None
        return why

    assert "scope read: RATCHET_SERVICE_KEY" in silence("http://prediction:8000")
    assert silence("http://prediction:8000", "wrong").endswith("RATCHET_SERVICE_KEY is not one")
    assert silence("http://nobody:8000") == "nobody knows the name nobody"
    assert silence("https://prediction") == "prediction answers 404"
    assert silence(None) == "no address of the service is known"


def test_a_certificate_is_for_a_name() -> None:
    assert addresses(httpx.URL("https://prediction:8000")) == ["prediction"]
    assert addresses(httpx.URL("http://127.0.0.1:8000")) == ["127.0.0.1"]
