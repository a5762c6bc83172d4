from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from pipelines.core.errors import ModelFileError, PayloadError
from services.prediction.guarding.json_logs import (
    JsonFormatter,
    describe_exception,
    log_crashes,
    log_request,
    write_json_lines,
)
from services.prediction.guarding.request_context import context_of

SECRET = "4111 1111 1111 1111"


def raised(work: Any) -> BaseException:
    try:
        work()
    except Exception as error:  # noqa: BLE001 - any
        return error
    raise AssertionError("nothing was raised")


def line_of(message: object, *args: object, **options: Any) -> dict[str, Any]:
    record = logging.getLogger("ratchet.test").makeRecord(
        "ratchet.test", logging.ERROR, "", 1, message, args, options.get("exc_info"), extra=options.get("extra")
    )
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return dict(json.loads(text))


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the loggers of this process write, as the service sets them up."""
    root = logging.getLogger()
    names = ("ratchet", "uvicorn", "ratchet.requests", "py.warnings")
    before = root.handlers[:], root.level, {name: logging.getLogger(name).level for name in names}
    hooks = sys.excepthook, threading.excepthook
    stream = io.StringIO()
    write_json_lines("info", stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:], root.level = before[0], before[1]
    for name, level in before[2].items():
        logging.getLogger(name).setLevel(level)
    sys.excepthook, threading.excepthook = hooks


def test_a_line_is_one_object_with_its_fields() -> None:
    line = line_of("version %d of %s", 3, "flights", extra={"problem": "flights", "request_id": "r1", "inputs": SECRET})
    assert (line["message"], line["level"], line["logger"]) == ("version 3 of flights", "error", "ratchet.test")
    assert (line["problem"], line["request_id"]) == ("flights", "r1")
    assert line["time"].endswith("+00:00")
    assert "inputs" not in line


def divide(row: dict[str, str]) -> float:
    return float(row["card"])


def query(value: str) -> None:
    engine = sa.create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT missing FROM nothing WHERE card = :card"), {"card": value})
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    "work",
    [
        lambda: divide({"card": SECRET}),
        lambda: query(SECRET),
        lambda: orjson.loads('{"card": ' + SECRET),
        lambda: {}[SECRET],
        lambda: (_ for _ in ()).throw(PayloadError(f"row 0: {SECRET}")),
    ],
)
def test_an_exception_is_told_without_values(work: Any) -> None:
    error = raised(work)
    for line in (
        line_of("it failed", exc_info=(type(error), error, error.__traceback__)),
        line_of("failed: %s", error),
    ):
        assert "4111" not in json.dumps(line)
        assert type(error).__name__ in json.dumps(line)
    assert describe_exception(error)["stack"], "where it happened is told"


def test_our_own_errors_and_the_systems_say_what_is_wrong() -> None:
    assert line_of("kept out: %s", ModelFileError("the digest differs"))["message"] == "kept out: the digest differs"
    assert "No such file" in line_of("%s", raised(lambda: open("/nowhere")))["message"]  # noqa: SIM115


@pytest.mark.parametrize("args", [("%d", "x"), ("%s %s", 1), ("a\nb",), ("\ud800",), ("x" * 10_000,)])
def test_no_message_breaks_a_line(args: tuple[object, ...]) -> None:
    assert len(line_of(*args)["message"]) < 3_000


def test_an_answer_is_a_line_of_templates_and_numbers(logged: io.StringIO) -> None:
    context = context_of({"headers": [(b"x-request-id", b"r1")]})
    log_request(context, "POST", "/v1/models/{problem}/predict", 200, 0.00123, {"problem": "flights", "version": 3})
    log_request(context, "GET", "unmatched", 500, 1.0)
    first, second = (json.loads(line) for line in logged.getvalue().splitlines())
    assert (first["status"], first["milliseconds"], first["version"]) == (200, 1.23, 3)
    assert (first["request_id"], first["trace_id"]) == ("r1", context.trace_id)
    assert (first["level"], second["level"]) == ("info", "error")


def test_a_thread_that_ends_by_a_fault_is_a_line(logged: io.StringIO) -> None:
    log_crashes()
    thread = threading.Thread(target=divide, args=({"card": SECRET},))
    thread.start()
    thread.join()
    (line,) = logged.getvalue().splitlines()
    assert json.loads(line)["exception"]["type"] == "ValueError"
    assert "4111" not in line


def test_what_ends_the_process_is_told_in_full(logged: io.StringIO) -> None:
    log_crashes()
    error = ValueError("RATCHET_WORKERS: a number is expected")
    sys.excepthook(ValueError, error, None)
    assert "RATCHET_WORKERS" in json.loads(logged.getvalue())["message"]


def test_strangers_cannot_fill_the_log(logged: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    assert logged.getvalue() == ""
