"""What all requests have in common: an id, limits, a count, and never a fault that gets through."""

from __future__ import annotations

import asyncio
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from pipelines.stores.api_keys import ApiKeys
from services.prediction.app import create_app

PATH = "/v1/models/loans/predict"


def test_every_answer_has_an_id_and_a_place_in_its_trace(client: Any, loans: Any) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    told = {"x-request-id": "order-17", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    for answer in (
        client.post(PATH, json={"instances": loans.rows(1)}, headers=told),
        client.post(PATH, content=b"{", headers=told),
        client.get("/v1/models", headers=told),
        client.get("/nowhere", headers=told),
    ):
        assert answer.headers["x-request-id"] == "order-17"
        assert answer.headers["traceparent"].split("-")[1] == trace
        if answer.status_code >= 400:
            assert answer.json()["request_id"] == "order-17"
    assert len(client.get("/healthz").headers["x-request-id"]) >= 16


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_wrong_method_is_told_the_right_one(client: Any, method: str) -> None:
    answer = client.request(method, PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_body_beyond_the_limit_is_refused(shop: Any, connect: Any) -> None:
    with connect(create_app(shop.settings.model_copy(update={"max_body": 1000}))) as small:
        answer = small.post(PATH, content=b" " * 1001)
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:ratchet:too-large")


def test_more_than_can_be_answered_is_turned_away(shop: Any, loans: Any) -> None:
    app = create_app(shop.settings.model_copy(update={"max_waiting": 4}))

    async def run() -> list[httpx.Response]:
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as many:
                calls = (many.post(PATH, json={"instances": loans.rows(1)}) for _ in range(40))
                return [*await asyncio.gather(*calls), await many.get("/healthz")]

    *answers, health = asyncio.run(run())
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 503}
    assert all(answer.headers["retry-after"] == "1" for answer in answers if answer.status_code == 503)
    assert health.status_code == 200


def test_keys_are_asked_for_where_they_must_be(shop: Any, loans: Any, connect: Any) -> None:
    with connect(create_app(shop.settings.model_copy(update={"require_keys": "always"}))) as guarded:
        assert guarded.post(PATH, json={"instances": loans.rows(1)}).status_code == 401
        assert guarded.get("/v1/models").status_code == 401
        assert guarded.get("/docs").status_code == 401
        assert guarded.get("/metrics").status_code == 401
        assert guarded.get("/healthz").status_code == 200
        assert guarded.get("/readyz").status_code == 200


def test_a_key_opens_as_soon_as_it_is_made(shop: Any, connect: Any) -> None:
    keys = ApiKeys(shop.settings.database)
    app = create_app(shop.settings.model_copy(update={"require_keys": "always"}))
    with closing(keys), connect(app) as guarded:
        for number in range(3):
            key = keys.create(f"app {number}", ["read"], at=datetime.now(UTC), by="a test")[1]
            for path in ("/v1/models", "/docs"):
                assert guarded.get(path, headers={"X-API-Key": key}).status_code == 200


def test_a_flood_of_wrong_keys_is_refused_without_a_queue(shop: Any) -> None:
    app = create_app(shop.settings.model_copy(update={"require_keys": "always", "max_waiting": 1000}))

    async def run() -> list[float]:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as many,
        ):

            async def knock(number: int) -> float:
                start = time.perf_counter()
                answer = await many.get("/v1/models", headers={"X-API-Key": f"rk_{number}"})
                assert answer.status_code == 401
                return time.perf_counter() - start

            return await asyncio.gather(*(knock(number) for number in range(300)))

    assert max(asyncio.run(run())) < 5
    assert app.front.in_hand == 0
