"""The load generator: keep-alive HTTP/1.1 clients on raw sockets in one process, as cheap as Python allows.

Run as a process of its own (`python -m benchmarks.serving.load`), so that it does not share a core's time slice with
the server: a plan comes as JSON on stdin, the outcome goes as JSON to stdout. Two ways of asking:

- `rate` null: every client asks again as soon as it is answered (a closed loop), which finds the peak;
- `rate` a number: each client asks on a schedule of its own, evenly, whether or not the server keeps up, and a latency
  counts from the moment at which the request was due, so that a stall is not hidden by the requests it held up.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20
_GIVE_UP = 60.0  # seconds without any answer


class BadAnswer(Exception):
    """The server answered with something else than 200, or closed the connection."""


@dataclass(frozen=True)
class Plan:
    """What to send where. `bodies`: a file with one request per client turn, each preceded by its length (8 bytes)."""

    port: int
    bodies: str
    clients: int = 1
    seconds: float = 2.0
    rate: float | None = None
    """Requests per second of all clients together."""


@dataclass
class Client:
    """One connection: at most one request is on its way."""

    link: socket.socket
    turn: int
    due: float
    asked: float = 0.0
    waiting: bool = False
    received: bytearray = field(default_factory=bytearray)
    size: int = 0
    """Bytes of the answer, headers included; 0: not known yet."""


def request_bytes(path: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
    """A whole request as it goes over the wire: a POST of `body`, or a GET where there is none.

    >>> request_bytes("/p", b"{}", {"Accept": "*/*"}).split(b"\\r\\n")[:2]
    [b'POST /p HTTP/1.1', b'Host: localhost']
    """
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def write_bodies(requests: list[bytes], path: Path) -> None:
    """Keep requests for a plan."""
    path.write_bytes(b"".join(len(one).to_bytes(8, "big") + one for one in requests))


def read_bodies(path: Path) -> list[bytes]:
    """What `write_bodies` kept."""
    content, position, found = path.read_bytes(), 0, []
    while position < len(content):
        size = int.from_bytes(content[position : position + 8], "big")
        found.append(content[position + 8 : position + 8 + size])
        position += 8 + size
    return found


def answer_size(received: bytes | bytearray) -> int:
    """How long the answer is that begins with these bytes; 0 as long as its headers are not complete.

    >>> answer_size(b"HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nab")
    41
    """
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = bytes(received[:end])
    if not head.startswith(b"HTTP/1.1 200"):
        raise BadAnswer(bytes(received[:500]).decode(errors="replace"))
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at < 0:
        raise BadAnswer("an answer without Content-Length")
    return end + 4 + int(lower[at + 15 :].split(b"\r\n", 1)[0])


def run(plan: Plan, requests: list[bytes]) -> dict[str, Any]:
    """Ask for `plan.seconds`; gives requests answered, seconds, and each latency in milliseconds."""
    gap = None if plan.rate is None else plan.clients / plan.rate
    start = time.perf_counter() + 0.01
    clients = {}
    for number in range(plan.clients):
        link = socket.create_connection(("127.0.0.1", plan.port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        due = start if gap is None else start + gap * number / plan.clients
        clients[link.fileno()] = Client(link, number * 7919, due)
    try:
        latencies = _loop(clients, requests, start + plan.seconds, gap)
    finally:
        for client in clients.values():
            client.link.close()
    return {"requests": len(latencies), "seconds": time.perf_counter() - start, "latencies": list(latencies)}


def _loop(clients: dict[int, Client], requests: list[bytes], end: float, gap: float | None) -> array[float]:
    """Until `end` and until every request on its way is answered."""
    latencies: array[float] = array("d")
    heard = time.perf_counter()
    while True:
        now = time.perf_counter()
        soonest = end
        for client in clients.values():
            if client.waiting:
                continue
            if now < end and client.due <= now:
                _ask(client, requests, now if gap is None else client.due)
            elif client.due < soonest:
                soonest = client.due
        waiting = [number for number, client in clients.items() if client.waiting]
        if not waiting and now >= end:
            return latencies
        ready, _, _ = select.select(waiting, (), (), max(soonest - now, 0.0) if now < end else 1.0)
        for number in ready:
            heard = time.perf_counter()
            client = clients[number]
            if _hear(client):
                latencies.append((heard - client.asked) * 1000)
                client.due = heard if gap is None else client.due + gap
        if waiting and not ready and time.perf_counter() - heard > _GIVE_UP:
            raise BadAnswer("no answer within a minute")


def _ask(client: Client, requests: list[bytes], counted_from: float) -> None:
    client.link.sendall(requests[client.turn % len(requests)])
    client.turn += 1
    client.asked, client.waiting = counted_from, True


def _hear(client: Client) -> bool:
    """Take what has come; whether the answer is complete."""
    piece = client.link.recv(_CHUNK)
    if not piece:
        raise BadAnswer("the server closed the connection")
    client.received += piece
    if not client.size:
        client.size = answer_size(client.received)
    if not client.size or len(client.received) < client.size:
        return False
    client.received.clear()
    client.size, client.waiting = 0, False
    return True


def main() -> int:
    """One plan from stdin to stdout."""
    plan = Plan(**json.load(sys.stdin))
    try:
        outcome = run(plan, read_bodies(Path(plan.bodies)))
    except BadAnswer as error:
        outcome = {"error": str(error)}
    json.dump(outcome, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
