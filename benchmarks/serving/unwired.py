"""What a request costs without the network between: a server's protocol is driven in this very process.

Run as a process of its own, with the Python of the server that is measured (nothing but uvicorn and the server itself
is imported): a plan comes as JSON on stdin, the outcome goes as JSON to stdout. Every round hands each of some
connections one whole request and waits for all answers. What counts is CPU time, not the clock, and the least of many
rounds: what else a machine does can only add to it, so this is what to look at where it is busy.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CHUNK = 1 << 16  # bytes that come at once from a real connection
_PATIENCE = 30.0  # seconds until a server is ready
_PREPARE = 20  # rounds that are not counted


@dataclass(frozen=True)
class Plan:
    """`server`: `ratchet`, or the folder of an `app.py`. `bodies`: requests as `load.write_bodies` keeps them."""

    server: str
    bodies: str
    clients: int = 16
    rounds: int = 500


class Wire(asyncio.Transport):
    """The server's end of a connection that is none: what it writes is looked at for whole answers."""

    def __init__(self, done: Callable[[], None]) -> None:
        super().__init__()
        self._done = done
        self._received = b""

    def write(self, data: Any) -> None:
        """Take a piece of an answer."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        at = head.lower().find(b"content-length:")
        if end and len(body) >= int(head[at + 15 :].split(b"\r\n", 1)[0]):
            self.answer, self._received = head, b""
            self._done()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Both ends, as a socket would tell them."""
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else default

    def is_closing(self) -> bool:
        """It never is."""
        return False

    def close(self) -> None:
        """There is nothing to close."""

    def pause_reading(self) -> None:
        """All of a request is handed over at once."""

    def resume_reading(self) -> None:
        """As `pause_reading`."""


class Round:
    """As many answers as there were requests, waited for."""

    def __init__(self) -> None:
        self._left, self._all = 0, asyncio.Event()

    def done(self) -> None:
        """One more answer is there."""
        self._left -= 1
        if not self._left:
            self._all.set()

    async def ask(self, connections: list[Any], requests: list[bytes]) -> None:
        """Hand each connection its request and wait for all answers."""
        self._left = len(connections)
        self._all.clear()
        for connection, request in zip(connections, requests, strict=True):
            for start in range(0, len(request), _CHUNK):
                connection.data_received(request[start : start + _CHUNK])
        await self._all.wait()


async def drive(config: Any, requests: list[bytes], plan: Plan, spare: Callable[[], None]) -> dict[str, float]:
    """Microseconds of CPU time per request: of the event loop's thread and of the whole process, the least round."""
    from uvicorn.server import ServerState

    config.load()
    life = config.lifespan_class(config)
    await life.startup()
    state, one_round = ServerState(), Round()
    wires = [Wire(one_round.done) for _ in range(plan.clients)]
    connections = [
        config.http_protocol_class(config=config, server_state=state, app_state=life.state) for _ in range(plan.clients)
    ]
    for wire, connection in zip(wires, connections, strict=True):
        connection.connection_made(wire)
    await _ready(one_round, wires, connections, requests)
    spare()
    mine, all_of_it = [], []
    for turn in range(plan.rounds + _PREPARE):
        asked = [requests[(turn * plan.clients + place) % len(requests)] for place in range(plan.clients)]
        before = time.thread_time_ns(), time.process_time_ns()
        await one_round.ask(connections, asked)
        mine.append(time.thread_time_ns() - before[0])
        all_of_it.append(time.process_time_ns() - before[1])
    await life.shutdown()
    scale = plan.clients * 1000
    return {"loop_us": min(mine[_PREPARE:]) / scale, "process_us": min(all_of_it[_PREPARE:]) / scale}


async def _ready(one_round: Round, wires: list[Wire], connections: list[Any], requests: list[bytes]) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        await one_round.ask(connections[:1], requests[:1])
        if b" 200 " in wires[0].answer[:20]:
            return
        if time.monotonic() > until:
            raise SystemExit(f"no answer but {wires[0].answer[:200]!r}")
        await asyncio.sleep(0.1)


def _ours() -> tuple[Any, Callable[[], None]]:
    from pipelines.core.settings import Settings
    from services.prediction import __main__ as service
    from services.prediction.process_memory import keep_memory, spare_the_collector

    keep_memory()
    return service._configure(Settings()), spare_the_collector


def _theirs(folder: str) -> tuple[Any, Callable[[], None]]:
    import uvicorn

    sys.path.insert(0, folder)
    return uvicorn.Config("app:app", log_level="warning", access_log=False), lambda: None


def main() -> int:
    """One plan from stdin to stdout."""
    plan = Plan(**json.load(sys.stdin))
    content, place, requests = Path(plan.bodies).read_bytes(), 0, []
    while place < len(content):
        size = int.from_bytes(content[place : place + 8], "big")
        requests.append(content[place + 8 : place + 8 + size])
        place += 8 + size
    config, spare = _ours() if plan.server == "ratchet" else _theirs(plan.server)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        json.dump(runner.run(drive(config, requests, plan, spare)), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
