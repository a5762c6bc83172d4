from __future__ import annotations

from typing import Any

import pytest

from pipelines.commands.demo_end import looks, show_story, worries
from pipelines.core.settings import Settings

RESULT: dict[str, Any] = {
    "weeks": [{"start": "2013-03-01", "asked": 6, "labels": 5, "version": 1, "level": "warning",
               "kinds": {"data": "warning", "prediction": "healthy"}}],
    "decisions": [{"as_of": "2013-03-01T00:00:00+00:00", "why": "first", "decision": "promote", "version": 1,
                   "reasons": ["log_loss 0.502 beats the baseline (0.5583)"]}],
    "predictions": 6, "labels": 5, "seconds": 12.0, "a_prediction": "abc", "ledger": {"entries": 3},
}  # fmt: skip
STACK = {
    "mlflow_uri": "http://mlflow:5000",
    "prefect_url": "http://prefect:4200/api",
    "service_url": "http://proxy:8000",
}


def test_only_what_is_not_healthy_is_a_reason_to_worry() -> None:
    found = worries({"data": "warning", "prediction": "healthy", "performance": "alarm"})
    assert found == "data warning, performance alarm"
    assert worries({"data": "healthy"}) == worries({}) == ""


def test_the_story_is_told_with_its_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    show_story(Settings(), {"console": "http://localhost:8002"}, "flights", RESULT)
    told = capsys.readouterr()
    text = told.out + told.err
    for word in ("2013-03-01", "data warning", "promote", "6 predictions, 5 labels", "8002/problems/flights"):
        assert word in text


def test_addresses_that_are_not_known_are_left_out() -> None:
    where = [place for place, _ in looks(Settings(), {"mlflow": "http://m"}, "flights", RESULT)]
    assert where[0] == "http://m/#/models/flights"
    assert where[-1] == "make down"
    assert not any("8002" in place for place in where)


def test_a_stack_elsewhere_is_not_ended_by_make_and_asks_for_a_key() -> None:
    settings = Settings(require_keys="always", **STACK)
    where = [place for place, _ in looks(settings, {"prediction": "http://proxy:8000"}, "flights", RESULT)]
    assert where[0] == "http://proxy:8000/docs"
    assert "ratchet keys create me --scope admin" in where
    assert "make down" not in where
    outside = settings.model_copy(update={"service_page": "http://localhost:8000/"})
    told = [place for place, _ in looks(outside, {"prediction": "http://proxy:8000"}, "flights", RESULT)]
    assert told == ["http://localhost:8000/docs", *where[1:]]
