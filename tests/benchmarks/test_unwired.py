from __future__ import annotations

import asyncio
from typing import Any

import uvicorn

from benchmarks.serving.load import request_bytes
from benchmarks.serving.unwired import Plan, Wire, drive


async def app(scope: Any, receive: Any, send: Any) -> None:
    while scope["type"] == "lifespan":
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def test_a_server_is_asked_by_every_connection_and_its_time_is_told() -> None:
    spared: list[bool] = []
    config = uvicorn.Config(app, http="httptools", log_config=None)
    requests = [request_bytes("/", b"x" * size, {}) for size in (1, 1_000, 100_000)]
    plan = Plan("here", "", clients=3, rounds=5)
    found = asyncio.run(drive(config, requests, plan, lambda: spared.append(True)))
    assert spared == [True]
    assert 0 < found["loop_us"] <= found["process_us"]


def test_an_answer_counts_once_it_is_whole() -> None:
    done: list[int] = []
    wire = Wire(lambda: done.append(1))
    for piece in (b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 3\r\n\r\na", b"bc"):
        assert done == []
        wire.write(piece)
    assert done == [1]
    assert wire.answer.startswith(b"HTTP/1.1 200")
