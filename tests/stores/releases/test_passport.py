from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST, ReleaseInfo
from pipelines.stores.bundles.signing import SIGNATURE, Signer, create_keys, open_verifier
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.logbook.prediction_log import LoggedPrediction, PredictionLog, new_id
from pipelines.stores.releases.passport import NOT_STATED, logged, make_passport

START = datetime(2024, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
EVIDENCE = {
    "run_key": "key",
    "snapshot": "s" * 64,
    "snapshot_rows": 100,
    "source": "data/p.csv",
    "as_of": "2024-04-30",
    "problem_digest": "pd",
    "contract_digest": "cd",
    "model_digest": "d",
    "code": {"commit": "c0ffee", "clean": True},
    "learner": "linear",
    "params": {"C": 1.0},
    "path": "superior",
    "metrics": {"auc": {"value": 0.8}},
    "checks": [{"name": "gain", "passed": True, "reason": "better"}],
    "rehearsal": {"rows": 500},
    "request": 7,
    "against": 1,
}


class Clock:
    """A wall clock that is set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


class Desk:
    """A log and a ledger, and a registry of one release."""

    def __init__(self, settings: Settings) -> None:
        self.clock = Clock()
        self.log, self.ledger = PredictionLog(settings.database), Ledger(settings.database, clock=self.clock)
        self.trouble: Exception | None = None
        self.tags: dict[str, str] = {MANIFEST_DIGEST: "m"}

    def find(self, problem: str, version: int) -> ReleaseInfo:
        if self.trouble is not None:
            raise self.trouble
        return ReleaseInfo(problem, version, "r", "somewhere", "d", "key", (), self.tags)

    def decide(self, hours: int, version: int, outcome: str = "promote", kind: str = "release", **more: Any) -> None:
        self.clock.now = START + hours * HOUR
        facts: dict[str, Any] = {"reasons": ["so"], "actor": "Ada", **more}
        key = f"{kind}:{version}" if kind != "approval" else f"approval:release:{version}"
        self.ledger.record(key, at=START, problem="p", kind=kind, outcome=outcome, version=version, **facts)

    def answer(self, version: int, hours: float) -> dict[str, Any]:
        at = START + timedelta(hours=hours)
        name = new_id()
        row = LoggedPrediction(
            name, "p", version, "r", at, None, {"x": 1.0}, "yes", {"no": 0.2, "yes": 0.8}, {"h": 3.0}
        )
        self.log.append([row])
        self.log.add_labels("p", [{"id": name, "label": "no"}], at, lambda label: label)
        return logged(self.log, name)

    def passport(self, answer: dict[str, Any], verifier: Any = None) -> dict[str, Any]:
        return make_passport(self.ledger, self.find, verifier, answer)


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    opened = Desk(settings)
    yield opened
    opened.log.close()
    opened.ledger.close()


def test_an_answer_is_given_as_it_was_logged(desk: Desk) -> None:
    answer = desk.answer(1, 1)
    assert (answer["inputs"], answer["prediction"], answer["history"]) == ({"x": 1.0}, "yes", {"h": 3.0})
    assert [label["label"] for label in answer["labels"]] == ["no"]
    with pytest.raises(NotFound):
        logged(desk.log, new_id())


def test_everything_that_stands_behind_an_answer(desk: Desk) -> None:
    desk.decide(1, 1)
    desk.decide(2, 2, outcome="awaiting_approval", evidence=EVIDENCE, run_id="r")
    assert desk.passport(desk.answer(2, 2))["approval"] == {"outcome": "awaiting_approval"}
    desk.decide(3, 2, outcome="approved", kind="approval", actor="Grace", reasons=["I looked"])
    desk.decide(9, 3)
    found = desk.passport(desk.answer(2, 4))
    release = found["release"]
    assert (release["version"], release["model_digest"], release["learner"]) == (2, "d", "linear")
    assert (release["manifest"], release["registered"]) == ("m", True)
    assert found["data"] == {"snapshot": "s" * 64, "snapshot_rows": 100, "source": "data/p.csv", "as_of": "2024-04-30"}
    assert (found["problem"], found["contract"]) == ({"digest": "pd"}, {"digest": "cd"})
    assert found["code"] == {"commit": "c0ffee", "clean": True}
    decision = found["decision"]
    assert (decision["outcome"], decision["path"], decision["actor"]) == ("awaiting_approval", "superior", "Ada")
    assert decision["checks"][0]["name"] == "gain"
    assert (found["approval"]["actor"], found["approval"]["reasons"]) == ("Grace", ["I looked"])
    assert found["champion"]["before"] == 1
    assert found["champion"]["since"]["kind"] == "approval"
    assert found["signature"] == {"present": False, "valid": False}


def test_what_is_not_known_is_not_stated(desk: Desk) -> None:
    desk.trouble = Unavailable("gone")
    found = desk.passport(desk.answer(5, 1))
    assert found["release"]["registered"] == "the registry does not answer now"
    stated = [
        *found["data"].values(),
        found["code"],
        found["decision"],
        found["approval"],
        *found["signature"].values(),
    ]
    assert set(stated) == {NOT_STATED}
    assert found["champion"] == {"since": NOT_STATED, "before": NOT_STATED}
    desk.trouble = NotFound("never was")
    assert "no such version" in desk.passport(desk.answer(5, 1))["release"]["registered"]


def test_how_it_had_become_champion_when_it_answered(desk: Desk) -> None:
    desk.decide(1, 1)
    desk.decide(2, 2)
    desk.decide(3, 1, outcome="roll_back", kind="roll_back", reasons=["it was worse"])
    first, second, third = (desk.passport(desk.answer(*one))["champion"] for one in ((1, 1.5), (2, 2.5), (1, 3.5)))
    assert (first["since"]["kind"], first["before"]) == ("release", None)
    assert (second["since"]["kind"], second["before"]) == ("release", 1)
    assert (third["since"]["reasons"], third["before"]) == (["it was worse"], 2)
    early = desk.passport(desk.answer(2, 1.5))["champion"]  # a canary's answer: it was on trial
    assert early["since"] == NOT_STATED


def test_a_signature_is_checked(desk: Desk, tmp_path: Path) -> None:
    private, public = create_keys(tmp_path / "keys")
    verifier = open_verifier(public)
    desk.tags[SIGNATURE] = signature = Signer(private).sign("p", "r", "key", "d", "m")
    answer = desk.answer(2, 1)
    assert desk.passport(answer)["signature"]["valid"] == NOT_STATED
    assert desk.passport(answer, verifier)["signature"] == {"present": True, "valid": True}
    desk.tags[MANIFEST_DIGEST] = "another"
    told = desk.passport(answer, verifier)["signature"]
    assert (told["valid"], "does not fit" in told["because"]) == (False, True)
    desk.trouble = Unavailable("gone")  # the ledger has it too
    desk.decide(1, 2, evidence={**EVIDENCE, "manifest": "m", "signature": signature}, run_id="r")
    assert desk.passport(answer, verifier)["signature"] == {"present": True, "valid": True}
