"""The front of the service: what all requests have in common, and the short way to the doors.

FastAPI's own routing costs more than a compiled model's answer, so the doors of the protocols are found here; every
other path goes on to FastAPI, behind the same guard.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from pipelines.core.settings import Settings
from services.prediction.doors import Asked, Reply
from services.prediction.faults import INTERNAL, MEDIA, Fault, fault_of, render
from services.prediction.guarding.bodies import read_body
from services.prediction.guarding.guard import Guard, Stranger
from services.prediction.guarding.json_logs import log_request
from services.prediction.guarding.request_context import Context, context_of
from services.prediction.metrics import Metrics
from services.prediction.paths import Found, Paths
from services.prediction.refusals import Refusal

if TYPE_CHECKING:
    from services.prediction.service import Service

_log = logging.getLogger("ratchet.prediction")
_OPEN = frozenset({"/healthz", "/readyz"})
_KNOWN_METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"})
Cold = Callable[[Scope, Receive, Send], Awaitable[None]]


class Front:
    """Admits, limits, times, counts and answers every request, and lets no fault of ours through."""

    def __init__(self, settings: Settings, paths: Paths, guard: Guard, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self.paths, self.guard = paths, guard
        self.in_hand = 0
        """Requests that are being answered."""

    async def serve(self, service: Service, cold: Cold, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: by its door, or by the application that `cold` is."""
        start = perf_counter()
        context = context_of(scope)
        found = self.paths.find(scope["method"], scope["path"])
        watched = _Watched(send, context)
        self.in_hand += 1
        try:
            if found is None:
                await self._go_on(cold, scope, receive, watched, context)
            else:
                reply = await self._answer(service, found, scope, receive, context)
                await watched.reply(reply)
        except ClientDisconnect:
            self._metrics.errors.labels("disconnected").inc()
            watched.status = 499  # as it is usually counted: the caller went away
        except Exception as error:  # noqa: BLE001 - every fault becomes an answer; what is ours is logged
            await self._tell(error, scope, watched, context)
        finally:
            self.in_hand -= 1
            route, method = _route(found, scope)
            self.count(context, route, method, watched.status, perf_counter() - start, watched.shed)

    def require_room(self) -> None:
        """Refusal 503 where more requests are in hand than can be answered in time."""
        if self.in_hand > self._settings.max_waiting:
            raise _overloaded(self.in_hand - 1)

    def count(self, context: Context, route: str, method: str, status: int, seconds: float, shed: bool = False) -> None:
        """Count a request that was answered, and log it where it is to be; `shed`: it was turned away under load."""
        self._metrics.count_request(route, method, status, seconds)
        if self._settings.access_log or (status >= 500 and not shed):
            log_request(context, method, route, status, seconds)

    def fault(self, error: Exception, context: Context, path: str) -> tuple[Fault, Reply]:
        """What is told of an error; it is counted, and what broke inside is logged."""
        fault = fault_of(error)
        self._metrics.errors.labels(fault.kind).inc()
        if fault is INTERNAL:
            _log.error("a request failed by a fault of ours", exc_info=error, extra={"request_id": context.id})
        elif fault.status == 500:
            _log.error("%s: %s", fault.kind, error, extra={"request_id": context.id})
        return fault, Reply(render(fault, context.id, path), MEDIA, fault.status, fault.headers)

    async def _answer(self, service: Service, found: Found, scope: Scope, receive: Receive, context: Context) -> Reply:
        self.require_room()
        way = found.way
        await self._admit(scope, way.scope)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get("content-encoding", "identity") != "identity":
            raise _encoded()
        body = b""
        if way.method == "POST":
            body = await read_body(receive, headers, self._settings.max_body, self._settings.send_seconds)
        return await way.door(service, Asked(found.problem, body, headers, found.version, context.id, found.parts))

    async def _go_on(self, cold: Cold, scope: Scope, receive: Receive, watched: _Watched, context: Context) -> None:
        await self._admit(scope, "open" if scope["path"] in _OPEN else "read")
        if allowed := self.paths.methods(scope["path"]):
            raise _wrong_method(allowed)
        scope["ratchet.id"] = context.id
        await cold(scope, receive, watched.pass_on)

    async def _admit(self, scope: Scope, wanted: str) -> None:
        try:
            self.guard.admit(scope, wanted)
        except Stranger:
            await self.guard.look_again()
            self.guard.admit(scope, wanted)

    async def _tell(self, error: Exception, scope: Scope, watched: _Watched, context: Context) -> None:
        fault, reply = self.fault(error, context, scope["path"])
        watched.shed = fault.kind == "overloaded"
        if not watched.begun:
            await watched.reply(reply)


class _Watched:
    """The way back to the caller: adds what every answer carries, and remembers what was answered."""

    __slots__ = ("_context", "_send", "begun", "shed", "status")

    def __init__(self, send: Send, context: Context) -> None:
        self._send, self._context = send, context
        self.begun, self.status = False, 500
        self.shed = False  # turned away under load: one line for each would make it worse

    async def reply(self, reply: Reply) -> None:
        """Send a door's whole answer."""
        self.begun, self.status = True, reply.status
        headers = [
            (b"content-type", reply.media.encode("latin-1")),
            (b"content-length", str(len(reply.body)).encode()),
            *self._context.headers(),
        ]
        for name, value in reply.headers:
            headers.append((name.encode("latin-1"), value.encode("latin-1")))
        await self._send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": reply.body})

    async def pass_on(self, message: Message) -> None:
        """Send what FastAPI answers."""
        if message["type"] == "http.response.start":
            self.begun, self.status = True, message["status"]
            message["headers"] = [*message.get("headers", ()), *self._context.headers()]
        await self._send(message)


def _route(found: Found | None, scope: Scope) -> tuple[str, str]:
    """The route and method as they are counted: never what a caller made up."""
    if found is not None:
        return found.way.template, found.way.method
    route: Any = getattr(scope.get("route"), "path", None)
    if route is None:
        return "unmatched", "any"
    return str(route), scope["method"] if scope["method"] in _KNOWN_METHODS else "any"


def _overloaded(waiting: int) -> Refusal:
    return Refusal(
        503, "overloaded", "Too busy", f"{waiting} requests are waiting already: send it again in a moment", 1
    )


def _encoded() -> Refusal:
    detail = "compressed bodies are not read: send it as it is (Parquet is compressed in itself)"
    return Refusal(415, "content-encoding", "Unknown content encoding", detail)


def _wrong_method(allowed: list[str]) -> Refusal:
    names = ", ".join(allowed)
    return Refusal(
        405, "wrong-method", "Method not allowed", f"this path answers to {names}", headers=(("allow", names),)
    )
