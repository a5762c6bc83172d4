"""Approvals: a second person has the last word on a release that the gate would promote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.core.errors import Busy, NotFound, ProblemError
from pipelines.core.settings import Settings
from pipelines.stores.decisions.ledger import Entry, Ledger, approval_key, open_ledger
from pipelines.stores.registry.lean_registry import LeanRegistry
from pipelines.stores.registry.registry import Registry
from pipelines.stores.releases.champions import open_release
from pipelines.stores.releases.standing import AWAITING, one_at_a_time, settle


@dataclass(frozen=True)
class Approval:
    """A person's word on a release that waited for it; `champion` is the version that serves now."""

    problem: str
    outcome: str
    version: int
    champion: int | None
    actor: str
    reason: str
    asked_by: str
    digest: str | None


def approve(
    problem: str,
    settings: Settings,
    version: int | None,
    at: datetime,
    actor: str,
    reason: str,
    decline: bool = False,
) -> Approval:
    """Make a waiting release the champion, or decline it; default: the newest one that waits.

    ProblemError without a name and a reason, and for whoever asked for the training: it takes a second person (anybody
    may decline). Busy when the champion is no longer the one that the release was judged against. Repeated after a
    kill it ends the work.
    """
    if not actor.strip() or not reason.strip():
        raise ProblemError("an approval needs a name and a reason: both are recorded")
    registry, ledger = LeanRegistry(settings), open_ledger(settings)
    try:
        with one_at_a_time(settings, problem):
            release = _waiting(ledger, problem, version)
            outcome = "declined" if decline else "approved"
            entry = ledger.find(approval_key(release))
            if entry is None:
                if not decline:
                    _require_second_person(release, actor)
                    _require_same_champion(registry, release)
                    _require_sound(settings, registry, release)
                entry = _record(ledger, registry, release, outcome, at, actor, reason)
            elif entry.outcome != outcome:
                raise NotFound(f"version {release.version} of {problem} was {entry.outcome} by {entry.actor} already")
            history = settings.work(problem) / str(release.evidence.get("run_key")) / "history"
            champion = settle(settings, ledger, registry, entry, history)
    finally:
        ledger.close()
    asked_by = str(entry.evidence["asked_by"])
    return Approval(
        problem,
        entry.outcome,
        int(entry.version or 0),
        champion,
        entry.actor,
        entry.reasons[0],
        asked_by,
        entry.digest,
    )


def _waiting(ledger: Ledger, problem: str, version: int | None) -> Entry:
    """The release to speak of: the one named, or the newest on which nobody has spoken."""
    found = [one for one in ledger.entries(problem, "release", limit=None, version=version) if one.outcome == AWAITING]
    if version is None:
        found = [one for one in found if ledger.find(approval_key(one)) is None]
    if not found:
        which = f"{problem} has no release" if version is None else f"version {version} of {problem} is not one"
        raise NotFound(f"{which} that waits for approval: see `ratchet ledger {problem} --kind release`")
    return found[0]


def _require_second_person(release: Entry, actor: str) -> None:
    if actor.strip().casefold() == release.actor.strip().casefold():
        raise ProblemError(
            f"{actor} asked for the training of version {release.version}: a second person must approve it"
        )


def _require_same_champion(registry: Registry, release: Entry) -> None:
    """What was found against yesterday's champion says nothing about today's."""
    champion = registry.champion(release.problem)
    now = None if champion is None else champion.version
    judged = release.evidence.get("against")
    if now != judged:
        raise Busy(
            f"{release.problem}'s champion is version {now}, version {release.version} was judged against {judged}: "
            "decline it and train again"
        )


def _require_sound(settings: Settings, registry: Registry, release: Entry) -> None:
    """The bundle is what was released, and answers as it did then."""
    found = registry.release(release.problem, int(release.version or 0))
    open_release(settings, registry, found).check_probe()


def _record(
    ledger: Ledger, registry: Registry, release: Entry, outcome: str, at: datetime, actor: str, reason: str
) -> Entry:
    champion = registry.champion(release.problem)
    facts: dict[str, Any] = {name: release.evidence.get(name) for name in ("run_key", "model_digest", "history")}
    facts |= {"release": release.key, "release_digest": release.digest, "asked_by": release.actor}
    return ledger.record(
        approval_key(release),
        at=at,
        problem=release.problem,
        kind="approval",
        outcome=outcome,
        version=release.version,
        run_id=release.run_id,
        actor=actor,
        reasons=[reason],
        evidence={**facts, "before": None if champion is None else champion.version},
    )
