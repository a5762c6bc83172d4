"""The short way of the commonest request: a few rows as JSON for a compiled release, all of it here at once.

Such a request is admitted, read and checked where its last byte is parsed, and answered from where its rows became
durable: no ASGI scope travels, no task is made. Everything else, and everything in doubt, goes the long way by the
front (`front.py`), with the same parts and the same answers. Where even the head is that of the request before on the
same connection (`known_heads.py`), nothing but the body is read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pipelines.core.settings import Settings
from services.prediction.answer_heads import JSON_HEAD, OwnLines, head_of
from services.prediction.answers import Answers
from services.prediction.guarding.connections import Connection, watched
from services.prediction.guarding.guard import Credential, Stranger, credential_of
from services.prediction.guarding.request_context import Context, context_of, new_context
from services.prediction.jobs import Job
from services.prediction.known_heads import KnownHead
from services.prediction.paths import Found
from services.prediction.protocols import predicting

if TYPE_CHECKING:
    from services.prediction.app import Application

_MOST_BODY = 16_384  # bytes that are read and checked on the event loop: a fraction of a millisecond
_PLAIN = {b"application/json", b"*/*", b""}
_LONG_WAY = {b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"x-ratchet-key"}
_MOST_LESSONS = 4  # heads in vain after which a connection's are not remembered any more
_CLOSE = b"connection: close\r\n"


class _Nothing:
    """Whom the server wakes where a task would wait."""

    def set(self) -> None:
        """There is no task."""


class QuickCycle:
    """A request on the short way, as the server's protocol sees it."""

    __slots__ = ("body", "disconnected", "keep_alive", "more_body", "response_complete", "response_started")
    message_event = _Nothing()

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.body = b""
        self.more_body = True
        self.disconnected = self.response_started = self.response_complete = False


class QuickConnection(Connection):
    """A connection that answers what it can by the short way."""

    def __init__(self, app: Application, lines: OwnLines, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._app, self._lines = app, lines
        self._known: KnownHead | None = None
        self._lessons = 0
        self._went: Found | None = None  # the way of the request that was last taken from what came

    def on_headers_complete(self) -> None:
        """Take the short way as far as the head allows it."""
        before: Any = self.cycle
        if (before is None or before.response_complete) and self._is_plain():
            self.scope["method"] = "POST"  # what tells a complete head
            self.cycle = QuickCycle(self.parser.should_keep_alive())  # type: ignore[assignment]
        else:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The whole request is here: answer it, by the short way if it was on it."""
        cycle: Any = self.cycle
        if type(cycle) is not QuickCycle or cycle.response_complete or not cycle.more_body:
            super().on_message_complete()
            return
        cycle.more_body = False
        found = self._find()
        if found is None or not self._app.state.service.plane.is_quick(found.problem):
            self._go_the_long_way(cycle)
            super().on_message_complete()
            return
        self._went = found
        scope = self.scope
        _Exchange(self, cycle, found, context_of(scope), credential_of(scope)).begin()

    def data_received(self, data: bytes) -> None:
        """Parse what came; a request whose body is still on its way is one for the long way, which limits its time."""
        between = self._is_between()
        known = self._known
        if between and known is not None:
            body = known.body(data)
            if body is not None and len(body) <= _MOST_BODY and self._is_free(known.found):
                self._repeat(known, body)
                return
        begins = between or self.scope is None
        self._went = None
        super().data_received(data)
        if self._went is not None and begins and self._lessons < _MOST_LESSONS:
            self._lessons += 1
            self._known = KnownHead.learn(data, self.scope, self._went)
        cycle: Any = self.cycle
        if type(cycle) is QuickCycle and cycle.more_body and self.parser is not None and not self._deaf:
            self._go_the_long_way(cycle)

    def _is_free(self, found: Found) -> bool:
        """Whether the short way can be taken to where a request goes."""
        return not self.flow.write_paused and self._app.state.service.plane.is_quick(found.problem)

    def _repeat(self, known: KnownHead, body: bytes) -> None:
        """Answer a request whose head was read before."""
        self._lessons = 0
        self.scope = scope = known.scope  # type: ignore[assignment]
        self.cycle = cycle = QuickCycle(True)  # type: ignore[assignment]
        cycle.body, cycle.more_body = body, False
        context = context_of(scope) if known.named else new_context()
        _Exchange(self, cycle, known.found, context, known.credential).begin()

    def _go_the_long_way(self, cycle: QuickCycle) -> None:
        """Hand over to the server's own protocol what is here of the request."""
        cycle.response_complete = True  # it is not on the short way any more
        super().on_headers_complete()
        self.cycle.body += cycle.body

    def _is_plain(self) -> bool:
        """Whether the head leaves nothing to decide: a small body of JSON, to be answered as such."""
        if self.parser.get_method() != b"POST" or self.parser.get_http_version() != "1.1" or self.flow.write_paused:
            return False
        size = b""
        for name, value in self.headers:
            if name == b"content-length":
                size = value
            elif (name in (b"content-type", b"accept") and value not in _PLAIN) or name in _LONG_WAY:
                return False
        return size.isdigit() and len(size) < 6 and int(size) <= _MOST_BODY

    def _find(self) -> Found | None:
        """The way that the address goes, where it is that of our predictions."""
        if b"?" in self.url:
            return None
        found = self._app.front.paths.find("POST", unquote(self.url.decode("ascii", "replace")))
        return found if found is not None and found.way.door is predicting.predict else None

    def answer(self, cycle: QuickCycle, head: bytes, context: Context, body: bytes) -> None:
        """Write a whole answer; `head`: its status line and own headers."""
        own, close = self._lines.of(self.server_state.default_headers), b"" if cycle.keep_alive else _CLOSE
        size = b"content-length: %d\r\n\r\n" % len(body)
        self.transport.write(b"".join((head, own, context.lines(), close, size, body)))
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()


class _Exchange:
    """One request on the short way, from its admission to its answer."""

    __slots__ = ("_connection", "_context", "_credential", "_cycle", "_found", "_later", "_start")

    def __init__(
        self,
        connection: QuickConnection,
        cycle: QuickCycle,
        found: Found,
        context: Context,
        credential: Credential | None,
    ) -> None:
        self._start = perf_counter()
        self._connection, self._cycle, self._found = connection, cycle, found
        self._context, self._credential = context, credential

    def begin(self) -> None:
        """Admit, read and check; `told` answers later, or at once what is wrong."""
        app = self._connection._app
        front = app.front
        front.in_hand += 1
        try:
            front.require_room()
            self._enter(app)
        except Stranger:
            self._later = self._connection.loop.create_task(self._look_again())
        except Exception as error:  # noqa: BLE001 - every fault becomes an answer; what is ours is logged
            self._refuse(error)

    def _enter(self, app: Application) -> None:
        app.front.guard.admit_by(self._credential, "predict")
        app.state.service.plane.begin(self._found.problem, self._cycle.body, self.told)

    async def _look_again(self) -> None:
        app = self._connection._app
        try:
            await app.front.guard.look_again()
            self._enter(app)
        except Exception as error:  # noqa: BLE001 - every fault becomes an answer; what is ours is logged
            self._refuse(error)

    def told(self, job: Job, answers: Answers | None, error: Exception | None) -> None:
        """The rows are in the log, or they are not."""
        if answers is None:
            self._refuse(error or RuntimeError("neither answers nor an error"))
            return
        app = self._connection._app
        app.state.service.metrics.count_rows(job.model.info, job.count)
        self._finish(JSON_HEAD, answers.as_json(), 200)

    def _refuse(self, error: Exception) -> None:
        connection = self._connection
        fault, reply = connection._app.front.fault(error, self._context, self._found.way.template)
        if any(name == "connection" for name, _ in reply.headers):
            self._cycle.keep_alive = False
        self._finish(head_of(reply), reply.body, reply.status, fault.kind == "overloaded")

    def _finish(self, head: bytes, body: bytes, status: int, shed: bool = False) -> None:
        connection, cycle = self._connection, self._cycle
        front = connection._app.front
        front.in_hand -= 1
        if cycle.disconnected or connection.transport.is_closing():
            status = 499  # as it is usually counted: the caller went away
        else:
            connection.answer(cycle, head, self._context, body)
        way = self._found.way
        front.count(self._context, way.template, way.method, status, perf_counter() - self._start, shed)


def quick_connections(settings: Settings, app: Application) -> Callable[..., Connection]:
    """What makes the connections of one server: for uvicorn's `Config(http=...)`."""
    return watched(settings, partial(QuickConnection, app, OwnLines()))
