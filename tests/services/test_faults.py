"""Every error has its status; none tells what it should not."""

from __future__ import annotations

import logging
from typing import Any

import orjson
import pytest

from pipelines.core.errors import Issue, ModelFileError, NotFound, PayloadError, RatchetError, Unavailable
from services.prediction.faults import MOST_ERRORS, error_response, internal_response
from services.prediction.payloads import TooManyRows, refuse_issues


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (PayloadError("x"), 422, "invalid-payload"),
        (TooManyRows("x"), 413, "too-many-rows"),
        (NotFound("x"), 404, "not-found"),
        (Unavailable("x"), 503, "unavailable"),
        (ModelFileError("the secret path"), 500, "model-failed"),
        (RatchetError("the secret path"), 500, "internal"),
    ],
)
def test_every_error_has_its_status(error: RatchetError, status: int, kind: str) -> None:
    counted, response = error_response(error)
    content = orjson.loads(response.body)
    assert (response.status_code, content["status"], counted) == (status, status, kind)
    assert response.media_type == "application/problem+json"
    assert b"secret" not in response.body
    assert ("retry-after" in response.headers) == (status == 503)


def test_errors_name_row_and_feature_and_are_bounded() -> None:
    issues = tuple(Issue(row, "x" * 1000, "expected a number") for row in range(1000))
    content = orjson.loads(error_response(refuse_issues(issues))[1].body)
    assert content["detail"].endswith("(and 999 more)")
    assert len(content["errors"]) == MOST_ERRORS
    assert content["errors"][1] == {"row": 1, "feature": "x" * 200, "message": "expected a number"}


def test_a_fault_of_ours_says_nothing() -> None:
    assert orjson.loads(internal_response().body)["status"] == 500


def test_a_fault_of_ours_tells_nothing_and_is_logged(fresh: Any, caplog: Any) -> None:
    class Broken:
        """A model that fails in a way nobody foresaw."""

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("the secret of row 12345")

    object.__setattr__(fresh.app.state.service.champions.live("loans"), "pipeline", Broken())
    with caplog.at_level(logging.ERROR):
        answer = fresh.post("/v1/models/loans/predict", json={"instances": [{"amount": 12345}]})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "12345" not in answer.text
    assert "fault of ours" in caplog.text
    assert 'ratchet_errors_total{kind="internal"} 1.0' in fresh.get("/metrics").text
