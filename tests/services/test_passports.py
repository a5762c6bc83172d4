from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipelines.stores.decisions.ledger import Ledger

AT = datetime(2024, 5, 1, tzinfo=UTC)


def test_an_answer_tells_where_it_comes_from(fresh: Any, shop: Any, loans: Any) -> None:
    ledger = Ledger(shop.settings.database)
    evidence = {"snapshot": "s" * 64, "checks": [{"name": "gain", "passed": True, "reason": "better"}]}
    ledger.record(
        "release:loans:1",
        at=AT,
        problem="loans",
        kind="release",
        outcome="promote",
        version=1,
        actor="Ada",
        evidence=evidence,
    )
    ledger.close()
    asked = fresh.post("/v1/models/loans/predict", json={"instances": loans.rows(1)})
    name = asked.json()["predictions"][0]["id"]
    fresh.post("/v1/models/loans/labels", json={"labels": [{"id": name, "label": "yes"}]})
    found = fresh.get(f"/v1/predictions/{name}").json()
    assert (found["id"], [one["label"] for one in found["labels"]]) == (name, ["yes"])
    passport = found["passport"]
    assert (passport["release"]["problem"], passport["release"]["version"]) == ("loans", 1)
    assert (passport["data"]["snapshot"], passport["code"]) == ("s" * 64, "not stated")
    assert (passport["decision"]["actor"], passport["decision"]["checks"][0]["name"]) == ("Ada", "gain")
    assert passport["champion"]["since"]["at"] == "2024-05-01T00:00:00Z"
    assert fresh.get("/v1/predictions/unheard").status_code == 404
