"""Every error has its status; none tells what it should not."""

from __future__ import annotations

import logging
from typing import Any

import orjson
import pytest
from starlette.exceptions import HTTPException

from pipelines.core.errors import Issue, ModelFileError, NotFound, PayloadError, RatchetError, Unavailable
from services.prediction.faults import INTERNAL, MOST_ERRORS, fault_of, render
from services.prediction.payloads import TooManyRows, refuse_issues
from services.prediction.refusals import Refusal


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (PayloadError("x"), 422, "invalid-payload"),
        (TooManyRows("x"), 413, "too-many-rows"),
        (NotFound("x"), 404, "not-found"),
        (Unavailable("x"), 503, "unavailable"),
        (Refusal(429, "slow-down", "Slow down", "x", 3), 429, "slow-down"),
        (HTTPException(405, "x"), 405, "http"),
        (ModelFileError("the secret path"), 500, "model-failed"),
        (RatchetError("the secret path"), 500, "internal"),
        (ValueError("the secret path"), 500, "internal"),
    ],
)
def test_every_error_has_its_status(error: Exception, status: int, kind: str) -> None:
    fault = fault_of(error)
    content = orjson.loads(render(fault, "r1", "/v1/models/x/predict"))
    assert (fault.status, content["status"], fault.kind, content["request_id"]) == (status, status, kind, "r1")
    assert "secret" not in str(content)
    assert ("retry-after" in dict(fault.headers)) == (status in (429, 503))


def test_a_refusal_says_what_the_client_is_to_do() -> None:
    assert dict(fault_of(Refusal(401, "key", "Key", "x")).headers)["www-authenticate"].startswith("Bearer")
    assert dict(fault_of(Refusal(413, "large", "Large", "x")).headers)["connection"] == "close"


def test_each_protocol_finds_its_own_words() -> None:
    fault = fault_of(NotFound("no such model"))
    assert orjson.loads(render(fault, "r", "/v2/models/x/infer"))["error"] == "no such model"
    mlflow = orjson.loads(render(fault, "r", "/v1/models/x/invocations"))
    assert (mlflow["error_code"], mlflow["message"]) == ("RESOURCE_DOES_NOT_EXIST", "no such model")
    assert set(orjson.loads(render(fault, "r", "/v1/models/x/predict"))) == {
        *("type", "title", "status", "detail", "request_id")
    }


def test_errors_name_row_and_feature_and_are_bounded() -> None:
    issues = tuple(Issue(row, "x" * 1000, "expected a number") for row in range(1000))
    fault = fault_of(refuse_issues(issues))
    assert fault.detail.endswith("(and 999 more)")
    assert fault.errors is not None
    assert len(fault.errors) == MOST_ERRORS
    assert fault.errors[1] == {"row": 1, "feature": "x" * 200, "message": "expected a number"}


def test_a_fault_of_ours_says_nothing() -> None:
    assert fault_of(KeyError("secret")) is INTERNAL


def test_a_fault_of_ours_tells_nothing_and_is_logged(fresh: Any, caplog: Any) -> None:
    class Broken:
        """A model that fails in a way nobody foresaw."""

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("the secret of row 12345")

    live = fresh.app.state.service.champions.live("loans")
    object.__setattr__(live, "compiled", None)
    object.__setattr__(live, "pipeline", Broken())
    with caplog.at_level(logging.ERROR):
        answer = fresh.post("/v1/models/loans/predict", json={"instances": [{"amount": 12345}]})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "12345" not in answer.text
    assert any("fault of ours" in record.message for record in caplog.records)
