"""Rehearse: the candidate over HTTP before the gate decides, and the champion beside it where cost may decide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.core.checks.decision import Change, change_kind, cheaper
from pipelines.core.errors import RatchetError
from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.settings import Settings
from pipelines.steps.once import once
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.releases.champions import open_champion
from pipelines.stores.releases.rehearsal import rehearse

OFF = "RATCHET_REHEARSAL is off: the service was not asked"


def rehearse_candidate(
    settings: Settings, folder: Path, run_id: str, digest: str, stage: Callable[[], Path]
) -> Rehearsal:
    """What the run's release answers over HTTP; `stage` gives its bundle. Measured once: killed and run again, the
    gate sees the same numbers.
    """
    if not settings.rehearsal:
        return Rehearsal(rows=0, wrong=0, largest=None, tolerance=0.0, skipped=OFF)

    def work() -> dict[str, Any]:
        return rehearse(stage(), folder / "history", settings).model_dump(mode="json")

    inputs = {"run": run_id, "model": digest, "compile": settings.compile}
    return Rehearsal.model_validate(once(folder, "rehearse", inputs, work))


def find_change(
    settings: Settings,
    folder: Path,
    ledger: Ledger,
    problem: str,
    ours: Rehearsal,
    request: int | None,
    because: str | None,
) -> Change | None:
    """The reason to change models that lies outside the metric: the alarm that asked for the training, what a person
    stated, or that the candidate is cheaper to run than the champion, measured one after the other.
    """
    if request is not None:
        asked = ledger.find_request(request)
        alarmed = asked.evidence.get("verdict")
        evidence = {"request": request, "verdict": alarmed}
        if alarmed is None:
            return Change(kind="stated", text=asked.reason, evidence=evidence)
        return Change(kind=change_kind(asked.evidence.get("triggers", ())), text=asked.reason, evidence=evidence)
    if because is not None and because.strip():
        return Change(kind="stated", text=because.strip())
    return _cheaper(settings, folder, ledger, problem, ours)


def _cheaper(settings: Settings, folder: Path, ledger: Ledger, problem: str, ours: Rehearsal) -> Change | None:
    """Only where the champion's own rehearsal makes it likely: then the champion is measured again, here and now."""
    moves = ledger.moves(problem, limit=1)
    if not moves or ours.skipped is not None:
        return None
    version = moves[0].version
    told = next((one for one in ledger.entries(problem, "release", None) if one.version == version), None)
    recorded = None if told is None else told.evidence.get("rehearsal")
    if told is None or recorded is None or cheaper(ours, Rehearsal.model_validate(recorded)) is None:
        return None

    def work() -> dict[str, Any] | None:
        try:
            champion = open_champion(settings, problem)
            return rehearse(champion.folder, settings.history(problem), settings).model_dump(mode="json")
        except RatchetError:  # a champion that cannot be measured is no reason to change
            return None

    found = once(folder, "rehearse_champion", {"run": str(told.run_id), "version": str(version)}, work)
    return None if found is None else cheaper(ours, Rehearsal.model_validate(found))
