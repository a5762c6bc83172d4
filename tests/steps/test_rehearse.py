from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import NotFound
from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.settings import Settings
from pipelines.steps import rehearse as step
from pipelines.steps.rehearse import find_change, rehearse_candidate
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.decisions.ledger import Ledger

AS_OF = datetime(2024, 6, 1, tzinfo=UTC)
FOUND = Rehearsal(rows=9, wrong=0, largest=0.0, tolerance=1e-9, latency_ms=2.0, latency_p99_ms=3.0, size_mb=1.0)
DEAR = FOUND.model_copy(update={"latency_ms": 5.0})


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    opened = Ledger(settings.database)
    yield opened
    opened.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The bundles that were rehearsed: a process each would take seconds (stores/releases/test_rehearsal.py has it)."""
    found: list[Path] = []

    def rehearse(bundle: Path, history: Path, settings: Settings) -> Rehearsal:
        found.append(bundle)
        return DEAR if bundle.name == "champion" else FOUND

    monkeypatch.setattr(step, "rehearse", rehearse)
    monkeypatch.setattr(step, "open_champion", lambda *_: Bundle(Path("champion")))
    return found


def released(ledger: Ledger, rehearsal: Rehearsal, version: int = 1) -> None:
    evidence = {"rehearsal": rehearsal.model_dump(mode="json")}
    ledger.record(
        f"release:trains:{version}",
        at=AS_OF,
        problem="trains",
        kind="release",
        outcome="promote",
        version=version,
        run_id=f"r{version}",
        evidence=evidence,
    )


def test_it_is_measured_once_for_a_model(settings: Settings, asked: list[Path], tmp_path: Path) -> None:
    on = settings.model_copy(update={"rehearsal": True})
    for _ in range(2):
        assert rehearse_candidate(on, tmp_path, "r1", "d1", lambda: tmp_path / "staged") == FOUND
    assert len(asked) == 1
    rehearse_candidate(on, tmp_path, "r1", "d2", lambda: tmp_path / "staged")
    rehearse_candidate(on.model_copy(update={"compile": "off"}), tmp_path, "r1", "d2", lambda: tmp_path / "staged")
    assert len(asked) == 3, "another model, and another way to serve it"


def test_switched_off_it_says_so_and_nothing_is_kept(settings: Settings, asked: list[Path], tmp_path: Path) -> None:
    off = settings.model_copy(update={"rehearsal": False})
    found = rehearse_candidate(off, tmp_path, "r1", "d1", lambda: tmp_path / "staged")
    assert found.skipped == "RATCHET_REHEARSAL is off: the service was not asked"
    assert (asked, list(tmp_path.glob("rehearse*"))) == ([], [])


def change(settings: Settings, ledger: Ledger, folder: Path, ours: Rehearsal = FOUND, **asked: Any) -> Any:
    given = {"request": None, "because": None} | asked
    return find_change(settings, folder, ledger, "trains", ours, **given)


def test_an_alarm_that_asked_is_a_reason_and_so_is_a_persons_word(
    settings: Settings, ledger: Ledger, tmp_path: Path
) -> None:
    evidence = {"verdict": "verdict:trains:1"}
    alarm = ledger.request("trains", "a", reason="log_loss has risen", as_of=AS_OF, at=AS_OF, evidence=evidence)
    found = change(settings, ledger, tmp_path, request=alarm.id, because="I wish it")
    assert (found.kind, found.text) == ("alarm", "log_loss has risen")
    assert found.evidence == {"request": alarm.id, "verdict": "verdict:trains:1"}
    ledger.finish(alarm.id, AS_OF, "keep")
    plain = ledger.request("trains", "b", reason="a person asked", as_of=AS_OF, at=AS_OF)
    assert change(settings, ledger, tmp_path, request=plain.id).kind == "stated"
    found = change(settings, ledger, tmp_path, because=" a new law ")
    assert (found.kind, found.text) == ("stated", "a new law")
    assert change(settings, ledger, tmp_path, because=" ") is None
    with pytest.raises(NotFound):
        change(settings, ledger, tmp_path, request=99)


def test_cheaper_is_a_reason_once_the_champion_was_measured_again(
    settings: Settings, ledger: Ledger, asked: list[Path], tmp_path: Path
) -> None:
    assert change(settings, ledger, tmp_path) is None, "there is no champion"
    released(ledger, DEAR)
    for _ in range(2):
        found = change(settings, ledger, tmp_path)
        assert (found.kind, found.evidence["latency_ms"]) == ("cheaper", [2.0, 5.0])
    assert [path.name for path in asked] == ["champion"]
    skipped = FOUND.model_copy(update={"skipped": "off", "latency_ms": None, "size_mb": None})
    assert change(settings, ledger, tmp_path, skipped) is None


def test_figures_of_another_day_alone_are_no_reason(
    settings: Settings, ledger: Ledger, asked: list[Path], tmp_path: Path
) -> None:
    released(ledger, FOUND)
    assert change(settings, ledger, tmp_path) is None
    assert asked == [], "it would not even look cheaper"
    released(ledger, FOUND.model_copy(update={"latency_ms": 50.0}), 2)  # the machine was busy that day
    other = FOUND.model_copy(update={"latency_ms": 4.0})
    assert change(settings, ledger, tmp_path, other) is None
    assert [path.name for path in asked] == ["champion"]
