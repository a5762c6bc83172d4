"""The champion moved by a person: back to an earlier one, or to one that the gate kept back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipelines.core.errors import NotFound, ProblemError
from pipelines.core.settings import Settings
from pipelines.stores.decisions.ledger import Ledger, open_ledger
from pipelines.stores.registry.lean_registry import LeanRegistry
from pipelines.stores.releases.champions import open_release
from pipelines.stores.releases.standing import history_digest, one_at_a_time, settle


@dataclass(frozen=True)
class Moved:
    """A champion set by a person: `version` serves now, `before` did until then."""

    problem: str
    outcome: str
    version: int
    before: int | None
    actor: str
    reason: str
    digest: str | None = None
    """Of the decision in the ledger."""


def roll_back(problem: str, settings: Settings, version: int | None, at: datetime, actor: str, reason: str) -> Moved:
    """Make an earlier version the champion again; default: the one that was it before the present one.

    It is to take effect within two seconds, so a version that was champion before is verified but not loaded here.
    """
    return _move(problem, settings, version, at, actor, reason, "roll_back")


def promote_by_hand(problem: str, settings: Settings, version: int, at: datetime, actor: str, reason: str) -> Moved:
    """Make a version the champion although the gate kept it back: recorded with name and reason."""
    return _move(problem, settings, version, at, actor, reason, "promote")


def _move(
    problem: str, settings: Settings, version: int | None, at: datetime, actor: str, reason: str, outcome: str
) -> Moved:
    if not actor.strip() or not reason.strip():
        raise ProblemError("a champion set by hand needs a name and a reason: both are recorded")
    registry, ledger = LeanRegistry(settings), open_ledger(settings)
    try:
        with one_at_a_time(settings, problem):
            champion = registry.champion(problem)
            before = None if champion is None else champion.version
            wanted = _previous(ledger, problem, before) if version is None else version
            found = registry.release(problem, wanted)
            bundle = open_release(settings, registry, found)
            if outcome == "promote" or not any(move.version == wanted for move in ledger.moves(problem)):
                bundle.check_probe()  # one that was champion before was proven then, and the service proves it again
            entry = ledger.record(
                f"{outcome}:{problem}:{wanted}:{at.isoformat()}",
                at=at,
                problem=problem,
                kind="override" if outcome == "promote" else "roll_back",
                outcome=outcome,
                version=wanted,
                run_id=found.run_id,
                actor=actor,
                reasons=[reason],
                evidence={
                    "run_key": found.run_key,
                    "before": before,
                    "model_digest": found.digest,
                    "history": history_digest(bundle.problem),
                },
            )
            settle(settings, ledger, registry, entry, settings.work(problem) / found.run_key / "history")
    finally:
        ledger.close()
    return Moved(problem, outcome, wanted, entry.evidence["before"], actor, reason, entry.digest)


def _previous(ledger: Ledger, problem: str, champion: int | None) -> int:
    """The version that was champion before the present one became it."""
    moves = [int(entry.version or 0) for entry in ledger.moves(problem)]
    if champion in moves:
        moves = moves[moves.index(champion) :]
    earlier = [version for version in moves if version != champion]
    if not earlier:
        raise NotFound(f"{problem} has no earlier champion to go back to: see `ratchet releases {problem}`")
    return earlier[0]
