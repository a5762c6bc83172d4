from __future__ import annotations

import asyncio
import inspect
from typing import Any

import httpx
import pytest
from ratchet_client import AsyncClient, Client, Retries, Unavailable


def client(wire: Any) -> AsyncClient:
    return AsyncClient("http://service", transport=httpx.MockTransport(wire), retries=Retries(first=0.001), max_rows=3)


def test_it_has_the_calls_of_the_other_one() -> None:
    def calls(kind: type) -> dict[str, list[str]]:
        return {
            name: [str(one) for one in inspect.signature(call).parameters.values()]
            for name, call in vars(kind).items()
            if inspect.isfunction(call) and not name.startswith("_")
        }

    assert calls(Client) == calls(AsyncClient)


def test_everything_is_awaited(wire: Any, refused: Any) -> None:
    async def life() -> None:
        async with client(wire) as asked:
            wire.answers = [httpx.ConnectError("refused"), refused(503)]
            answers = await asked.predict("p", [{"n": number} for number in range(7)])
            assert answers.ids == [f"p{number}" for number in range(7)]
            assert (await asked.label("p", answers[0], True)).accepted == ("p0",)
            many = [one.id async for one in asked.predict_many("p", ({"n": number} for number in range(7)))]
            assert many == answers.ids
            wire.answers = [httpx.Response(200, json={"models": []}), httpx.Response(503), httpx.Response(200)]
            assert await asked.models() == []
            assert not await asked.ready()
            await asked.wait_until_ready(5)
            wire.answers = [httpx.ReadError("broken")]
            with pytest.raises(Unavailable):
                await asked.predict("p", {"n": 1})

    asyncio.run(life())


def test_the_round_trip_with_a_real_service(serve: Any, shop: Any, loans: Any) -> None:
    async def life(url: str) -> None:
        async with AsyncClient(url) as asked:
            await asked.wait_until_ready(30)
            many = await asyncio.gather(*(asked.predict("loans", loans.rows(5)) for _ in range(8)))
            assert len({id for answers in many for id in answers.ids}) == 40
            assert len({tuple(answers.values) for answers in many}) == 1

    with serve(shop.settings) as process:
        asyncio.run(life(process.url))
