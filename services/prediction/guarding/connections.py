"""Connections that nobody can hold for nothing: slow heads, idle and half-closed ones, too many and too large.

The server's HTTP protocol with limits. There is no timer and no clock per request: once a second all open connections
are looked at, and one that is where it was for too long is closed. A body that is slow is `bodies.py`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pipelines.core.settings import Settings

IDLE_SECONDS = 65.0
"""An unused connection is kept so long: longer than proxies keep theirs (60 s), so that they never lose one in use."""
MOST_HEAD = 65_536
"""Bytes of a request's line and headers."""

_CROWDED = 0.8  # of the connections there may be: from there on idle ones make room at once
_CROWDED_IDLE_SECONDS = 2.0
_LINGER_SECONDS = 1.0  # for the refused to read why; at once when there are many of them
_MOST_LINGERING = 100

Stage = Literal["head", "idle", "busy", "refused"]


class Sweep:
    """The open connections of one server and the limits they live under."""

    def __init__(self, settings: Settings, every: float = 1.0) -> None:
        self.head_seconds, self.most = settings.send_seconds, settings.max_connections
        self.open: set[Connection] = set()
        self.refused: set[Connection] = set()
        self._every = every
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go on looking as long as there is something to look at."""
        if self._timer is None:
            self._timer = loop.call_later(self._every, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        crowded = len(self.open) > _CROWDED * self.most
        patience = {
            "head": self.head_seconds,
            "idle": _CROWDED_IDLE_SECONDS if crowded else IDLE_SECONDS,
            "busy": float("inf"),
            "refused": _LINGER_SECONDS,
        }
        for connection in [*self.open, *self.refused]:
            stage, seconds = connection.been(now)
            if seconds > patience[stage]:
                connection.end()
        if self.open or self.refused:
            self.watch(loop)


class Connection(HttpToolsProtocol):
    """One connection; what it is doing is read off the state that the parser keeps anyway."""

    def __init__(self, sweep: Sweep, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sweep = sweep
        self._deaf = False  # whatever else comes is not read
        self._refused = False
        self._head = 0  # bytes of a head that is not complete
        self._in_body = False  # told apart from the answer, which may be complete long before the body is
        self._tail = b""
        self._seen: tuple[Stage, object] = ("head", None)
        self._since = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection in, or turn it away when there are too many."""
        super().connection_made(transport)
        sweep = self._sweep
        if len(sweep.open) >= sweep.most:
            self._refuse(503, "too-many-connections", "Too many connections", "try again in a moment")
        else:
            sweep.open.add(self)
        sweep.watch(self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._sweep.open.discard(self)
        self._sweep.refused.discard(self)
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client will send no more: a request that is complete is answered, then as without one it is let go."""
        cycle = self.cycle
        if self._refused or cycle is None or cycle.response_complete or cycle.more_body or "method" not in self.scope:
            return None
        cycle.keep_alive = False
        return True

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless the head of a request outgrows its limit."""
        if self._deaf:
            return
        if self._head + len(data) > MOST_HEAD and self._outgrown(data):
            detail = f"the line and headers of a request may have {MOST_HEAD} bytes"
            self._refuse(431, "headers-too-large", "The headers are too large", detail)
            return
        super().data_received(data)
        scope = self.scope
        if scope is not None and "method" not in scope and not self._deaf:
            self._head += len(data)
            self._tail = data[-3:]
        elif self._head:
            self._head, self._tail = 0, b""

    def on_headers_complete(self) -> None:
        """What follows is a body."""
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What follows is another request."""
        self._in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """As the server has it, but without its timer for idle connections: the sweep ends those."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is answered like every other error."""
        self._refuse(400, "no-http", "Not HTTP", "what was sent is no HTTP/1.1 request")

    def been(self, now: float) -> tuple[Stage, float]:
        """What the connection is doing, and for how many seconds it has been seen at it."""
        seen = self._doing()
        if seen[0] != self._seen[0] or seen[1] is not self._seen[1]:
            self._seen, self._since = seen, now
        return seen[0], now - self._since

    def end(self) -> None:
        """Close, whether or not the other side reads what is still to be sent."""
        self.transport.abort()

    def _doing(self) -> tuple[Stage, object]:
        scope, cycle = self.scope, self.cycle
        if self._refused:
            return "refused", None
        if cycle is None:
            return "head", None
        if not cycle.response_complete:
            return "busy", scope
        return ("idle", cycle) if "method" in scope else ("head", scope)

    def _is_between(self) -> bool:
        """Whether the next byte begins a request, and nobody waits for the answer to another."""
        cycle = self.cycle
        if self._deaf or self._in_body or cycle is None:
            return False
        return cycle.response_complete and not cycle.more_body and "method" in self.scope

    def _outgrown(self, data: bytes) -> bool:
        if self._in_body:
            return False  # its size has limits of its own
        return (self._tail + data[: MOST_HEAD - self._head]).find(b"\r\n\r\n") < 0

    def _refuse(self, status: int, kind: str, title: str, detail: str) -> None:
        """Say why, then listen no more; the connection lingers, because closing it at once would lose the answer."""
        self._deaf = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:  # a whole request came before what is wrong: that is answered, and nothing else
                cycle.keep_alive = False
                self.pipeline.clear()
                return
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.end()
                return
        self._refused = True
        sweep = self._sweep
        sweep.open.discard(self)
        self.connections.discard(self)
        self.transport.write(_refusal(status, kind, title, detail))
        if len(sweep.refused) >= _MOST_LINGERING or not self.transport.can_write_eof():
            self.transport.close()
            return
        sweep.refused.add(self)
        self._seen, self._since = ("refused", None), self.loop.time()
        self.transport.write_eof()


def watched(settings: Settings, connection: Callable[..., Connection] | None = None) -> Callable[..., Connection]:
    """What makes one server's connections, for uvicorn's `Config(http=...)`; `connection`: another kind of them."""
    return partial(connection or Connection, Sweep(settings))


def _refusal(status: int, kind: str, title: str, detail: str) -> bytes:
    content = {"type": f"urn:ratchet:{kind}", "title": title, "status": status, "detail": detail}
    body = orjson.dumps(content)
    wait = "retry-after: 1\r\n" if status == 503 else ""
    head = f"HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\n{wait}"
    return f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
