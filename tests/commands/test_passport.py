from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pipelines.core.settings import Settings
from pipelines.stores.logbook.prediction_log import LoggedPrediction, PredictionLog, new_id

At = Callable[..., tuple[int, Any, str]]


def test_a_prediction_has_a_complete_passport(at_home: At, trained: Any) -> None:
    name, log = new_id(), PredictionLog(Settings(home=trained.home).database)
    now = datetime.now(UTC)
    log.append([LoggedPrediction(name, "late", 1, trained.summary["run_id"], now, None, {"load": 0.5}, False)])
    log.close()
    code, out, _ = at_home("passport", name, "--json")
    assert (code, out["id"], out["inputs"], out["labels"]) == (0, name, {"load": 0.5}, [])
    found = out["passport"]
    assert found["release"]["model_digest"] == trained.summary["model_digest"]
    assert found["release"]["registered"] is True
    assert found["data"]["snapshot"] == trained.summary["snapshot"]
    assert found["decision"]["outcome"] == "promote"
    assert found["champion"]["since"]["kind"] in ("release", "override")  # other tests of this home promote by hand
    assert found["approval"] is None
    code, shown, _ = at_home("passport", name)
    assert code == 0
    assert "decision check labels" in shown
    assert found["data"]["snapshot"] in shown


def test_an_unknown_prediction_is_not_found(at_home: At) -> None:
    code, out, _ = at_home("passport", new_id(), "--json")
    assert (code, out["error"]["type"]) == (8, "NotFound")
