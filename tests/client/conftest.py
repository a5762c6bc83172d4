"""A service that is told what to answer, and the real one of the service's own tests."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

_TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(_TESTS.parent / "client"))  # where the project itself is not installed with its client
_spec = importlib.util.spec_from_file_location("service_fixtures", _TESTS / "services" / "conftest.py")
assert _spec is not None
assert _spec.loader is not None
service_fixtures = importlib.util.module_from_spec(_spec)
sys.modules["service_fixtures"] = service_fixtures
_spec.loader.exec_module(service_fixtures)
loans, trips, stocked, shop, serve = (
    getattr(service_fixtures, name) for name in ("loans", "trips", "stocked", "shop", "serve")
)

Answer = httpx.Response | httpx.TransportError


@dataclass
class Wire:
    """What lies between a client and a service: it answers from a list, or with a function, and keeps what came."""

    answers: list[Answer] = field(default_factory=list)
    reply: Callable[[httpx.Request], Answer] | None = None
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else self._replied(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def bodies(self) -> list[Any]:
        return [json.loads(one.content) for one in self.asked if one.content]

    def _replied(self, request: httpx.Request) -> Answer:
        assert self.reply is not None, "one request more than there are answers"
        return self.reply(request)


def believing(request: httpx.Request) -> httpx.Response:
    """A service that says yes to every row and keeps every label."""
    given = json.loads(request.content)
    if request.url.path.endswith("/labels"):
        return httpx.Response(200, json={"accepted": [one["id"] for one in given["labels"]], "rejected": []})
    predictions = [{"id": f"p{row.get('n')}", "prediction": True} for row in given["instances"]]
    model = {"problem": "p", "version": 3, "run_id": "r"}
    return httpx.Response(200, json={"predictions": predictions, "model": model})


@pytest.fixture
def wire() -> Wire:
    return Wire(reply=believing)


@pytest.fixture
def refused() -> Callable[..., httpx.Response]:
    """An answer as the service refuses."""

    def answer(status: int, kind: str = "kind", headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        problem = {"type": f"urn:ratchet:{kind}", "title": "A title", "status": status, "detail": "what to do"} | more
        given = {"content-type": "application/problem+json", **(headers or {})}
        return httpx.Response(status, content=json.dumps(problem), headers=given)

    return answer
