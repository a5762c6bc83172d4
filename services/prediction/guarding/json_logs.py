"""The service's log: one JSON object per line, and nothing in it of what callers sent.

Messages of errors may quote what they stumbled over (JSON parsers, SQL with its parameters), so of an exception only
its type and the places in the code are written. The system's errors keep their message, and so do our own except the
one about a payload; what ends the whole process is told in full, as no request gets there.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

import orjson

from pipelines.core.errors import PayloadError, RatchetError
from services.prediction.guarding.request_context import Context

FIELDS = (
    *("request_id", "trace_id", "span_id", "tracestate", "method", "route", "status", "milliseconds"),
    *("problem", "version", "rows", "key", "kind", "worker"),
)
"""What a record's `extra` may add to its line; everything else stays out."""

# Lines of the server's that any stranger can cause as often as they like: they would fill the disk.
_ANYBODY_S = frozenset({"Invalid HTTP request received.", "Unsupported upgrade request."})
_MOST = 2_000  # characters of a message
_MOST_PLACES = 30
_requests = logging.getLogger("ratchet.requests")


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            "pid": record.process,
        }
        for name in FIELDS:
            value = record.__dict__.get(name)
            if value is not None:
                line[name] = value
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = describe_exception(record.exc_info[1])
        return orjson.dumps(line, default=_type_name, option=orjson.OPT_NON_STR_KEYS).decode()


def describe_exception(error: BaseException) -> dict[str, Any]:
    """An exception's type, the way through the code to it, and what caused it; no values.

    >>> describe_exception(ValueError("4111 1111 1111 1111"))
    {'type': 'ValueError', 'stack': []}
    """
    frames = traceback.extract_tb(error.__traceback__)[-_MOST_PLACES:]
    found: dict[str, Any] = {"type": _type_name(error)}
    if _speaks_for_itself(error):
        found["message"] = str(error)[:_MOST]
    found["stack"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        found["cause"] = {"type": _type_name(cause)}
    return found


def write_json_lines(level: str, stream: TextIO | None = None) -> logging.Handler:
    """Let every logger of this process write JSON lines to `stream` (default: stderr); gives the handler."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(lambda record: record.msg not in _ANYBODY_S)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("ratchet", "uvicorn"):
        logging.getLogger(name).setLevel(level.upper())
    _requests.setLevel(logging.INFO)  # these lines have a setting of their own
    return handler


def log_crashes() -> None:
    """Let what ends a thread or this process be told as a line too, and keep warnings for developers out."""

    log = logging.getLogger("ratchet")

    def end_of_thread(given: threading.ExceptHookArgs) -> None:
        if given.exc_value is not None and not isinstance(given.exc_value, SystemExit):
            log.critical("a thread ended by a fault of ours", exc_info=given.exc_value)

    def end_of_process(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        log.critical("the process ends: %s", f"{_type_name(error)}: {error}", exc_info=error)

    threading.excepthook = end_of_thread
    sys.excepthook = end_of_process
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").setLevel(logging.CRITICAL)


def log_request(
    context: Context, method: str, route: str, status: int, seconds: float, about: Mapping[str, Any] | None = None
) -> None:
    """One line for one answer: `route` is the template of its path, never the path or its query."""
    fields = {
        **context.fields(),
        "method": method,
        "route": route,
        "status": status,
        "milliseconds": round(seconds * 1000, 3),
        **(about or {}),
    }
    _requests.log(logging.ERROR if status >= 500 else logging.INFO, "answered", extra=fields)


def _message(record: logging.LogRecord) -> str:
    """The record's text; exceptions among its arguments are told by their type alone."""
    args = record.args
    if isinstance(args, tuple) and args:
        args = tuple(_safe(one) for one in args)
    elif isinstance(args, Mapping):
        args = {name: _safe(one) for name, one in args.items()}
    try:
        text = str(_safe(record.msg)) % args if args else str(_safe(record.msg))
    except (TypeError, ValueError, KeyError):  # a wrong format is no reason to lose the line
        text = str(_safe(record.msg))
    text = text if len(text) <= _MOST else text[:_MOST] + "…"
    return text.encode("utf-8", "replace").decode()  # lone surrogates are no UTF-8


def _safe(value: Any) -> Any:
    if isinstance(value, BaseException) and not _speaks_for_itself(value):
        return _type_name(value)
    return value


def _speaks_for_itself(error: BaseException) -> bool:
    return isinstance(error, RatchetError | OSError | ImportError) and not isinstance(error, PayloadError)


def _type_name(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
