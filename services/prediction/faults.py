"""From errors to answers: each kind has its status, and what broke inside is told to our own log alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from starlette.exceptions import HTTPException

from pipelines.core.errors import (
    Busy,
    Issue,
    ModelFileError,
    NotFound,
    PayloadError,
    RatchetError,
    Unavailable,
)
from services.prediction.payloads import TooManyRows
from services.prediction.refusals import Refusal

MOST_ERRORS = 100
"""Of so many wrong cells an answer tells; the rest are counted."""
MEDIA = "application/problem+json"

STATUS: dict[type[RatchetError], tuple[int, str, str]] = {
    TooManyRows: (413, "too-many-rows", "Too many rows"),
    PayloadError: (422, "invalid-payload", "The request breaks the contract"),
    NotFound: (404, "not-found", "No such thing"),
    Busy: (503, "busy", "Try again"),
    Unavailable: (503, "unavailable", "Not available now"),
    ModelFileError: (500, "model-failed", "The model could not answer"),
}


@dataclass(frozen=True)
class Fault:
    """What went wrong, as it is told: `kind` for machines and metrics, the rest for people."""

    status: int
    kind: str
    title: str
    detail: str
    errors: list[dict[str, Any]] | None = None
    headers: tuple[tuple[str, str], ...] = ()


INTERNAL = Fault(500, "internal", "Internal error", "the fault is ours and was logged; the request can be sent again")
"""A fault of ours: it says nothing of what was sent or of what broke."""


def fault_of(error: Exception) -> Fault:
    """What is told of an error.

    >>> fault_of(NotFound("no such model")).status
    404
    """
    if isinstance(error, Refusal):
        return Fault(error.status, error.kind, error.title, str(error), headers=_refusal_headers(error))
    if isinstance(error, HTTPException):
        return Fault(
            error.status_code, "http", error.detail, error.detail, headers=tuple((error.headers or {}).items())
        )
    known = next((STATUS[one] for one in type(error).__mro__ if one in STATUS), None)
    if known is None:
        return INTERNAL
    status, kind, title = known
    if status == 500:  # what broke inside is for the service's own log
        return Fault(status, kind, title, "the release in service could not score this request")
    errors = None
    if isinstance(error, PayloadError):
        errors = [_shown(issue) for issue in error.issues[:MOST_ERRORS]]
    wait = (("retry-after", "1"),) if status == 503 else ()
    return Fault(status, kind, title, str(error), errors, wait)


def render(fault: Fault, request_id: str, path: str) -> bytes:
    """The fault as RFC 9457 describes it (application/problem+json), with the words that the path's protocol expects.

    >>> render(Fault(404, "not-found", "No such thing", "no such model"), "r1", "/v2/models/x/infer")[:40]
    b'{"type":"urn:ratchet:not-found","title":'
    """
    content: dict[str, Any] = {
        "type": f"urn:ratchet:{fault.kind}",
        "title": fault.title,
        "status": fault.status,
        "detail": fault.detail,
        "request_id": request_id,
    }
    if fault.errors is not None:
        content["errors"] = fault.errors
    if path.startswith("/v2"):
        content["error"] = fault.detail
    elif path.endswith("/invocations"):
        content |= {"error_code": _mlflow_code(fault.status), "message": fault.detail}
    return orjson.dumps(content)


def _mlflow_code(status: int) -> str:
    """MLflow's word for a status."""
    known = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST"}
    known |= {429: "REQUEST_LIMIT_EXCEEDED", 503: "TEMPORARILY_UNAVAILABLE"}
    return known.get(status, "INTERNAL_ERROR" if status >= 500 else "BAD_REQUEST")


def _refusal_headers(error: Refusal) -> tuple[tuple[str, str], ...]:
    given = list(error.headers)
    if error.retry_after is not None:
        given.append(("retry-after", str(error.retry_after)))
    if error.status == 401 and not any(name.lower() == "www-authenticate" for name, _ in given):
        given.append(("www-authenticate", 'Bearer realm="ratchet", Basic realm="ratchet"'))
    if error.status in (408, 413):  # the rest of the body is on its way: this connection is of no use any more
        given.append(("connection", "close"))
    return tuple(given)


def _shown(issue: Issue) -> dict[str, Any]:
    return {"row": issue.row, "feature": issue.feature[:200] or None, "message": issue.message}
