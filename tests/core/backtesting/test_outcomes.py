from __future__ import annotations

import json
from datetime import UTC, datetime

from pipelines.core.backtesting.outcomes import PolicyOutcome, Training, WindowOutcome
from pipelines.core.backtesting.truth import Loss

AT = datetime(2024, 1, 1, tzinfo=UTC)


def _window(loss: Loss, level: str = "healthy") -> WindowOutcome:
    return WindowOutcome(AT, AT, 1, 10, 5, level, {"data": level}, ("why",), {"rows": 10.0}, loss, "nothing")


def _training(outcome: str) -> Training:
    return Training(AT, 1, outcome, (), ("fine",), "first", "linear", 10, 10, 2.0)


def test_a_policy_is_json_and_the_first_training_is_no_retraining() -> None:
    trainings = [_training("promote"), _training("promote"), _training("keep"), _training("failed")]
    windows = [_window(Loss(1.0, 2)), _window(Loss(), "alarm")]
    told = PolicyOutcome("p", {}, "binary", windows, trainings).to_dict()
    assert json.loads(json.dumps(told)) == told
    assert (told["loss"], told["retrainings"], told["rejected"], told["alarms"]) == (0.5, 3, 2, 1)
    assert told["compute_s"] == 8.0
    first = told["windows"][0]
    assert {"start", "end", "rows", "verdict", "kinds", "loss", "version"} <= set(first)
    assert told["windows"][1]["loss"] is None
