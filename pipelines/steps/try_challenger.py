"""Try a challenger: put a version on trial beside the champion, end the trial, say how it goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from pipelines.core.challenge.trial_tally import ARMS, Tally, together
from pipelines.core.errors import NotFound, ProblemError
from pipelines.core.problem import Rollout
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.bundles.release_info import ReleaseInfo
from pipelines.stores.decisions.ledger import Ledger, open_ledger
from pipelines.stores.registry.lean_registry import LeanRegistry
from pipelines.stores.releases.champions import open_release
from pipelines.stores.releases.standing import CHALLENGER, one_at_a_time
from pipelines.stores.trials.rollouts import RolloutLog, RolloutRow, limits_of
from pipelines.stores.trials.trial_log import TrialLog
from pipelines.stores.trials.trial_outcomes import Outcomes


@dataclass(frozen=True)
class Wanted:
    """What a person asks for; None is what the problem file says, else the default."""

    mode: Literal["shadow", "canary"]
    version: int | None = None
    share: float | None = None
    key: str | None = None


@dataclass(frozen=True)
class _Desk:
    """What is open while a word on a challenger is given."""

    problem: str
    settings: Settings
    registry: LeanRegistry
    ledger: Ledger
    log: RolloutLog
    trials: TrialLog

    def champion(self) -> tuple[ReleaseInfo, Bundle]:
        """The champion and its bundle."""
        release = self.registry.champion(self.problem)
        if release is None:
            raise NotFound(f"{self.problem} has no champion yet: run `ratchet train {self.problem}`")
        return release, open_release(self.settings, self.registry, release)

    def challenger(self, version: int | None) -> ReleaseInfo:
        """The version asked for, else the one that the alias points to."""
        if version is not None:
            return self.registry.release(self.problem, version)
        found = self.registry.by_alias(self.problem, CHALLENGER)
        if found is None:
            raise NotFound(f"{self.problem} has no challenger: name one with --version, see `ratchet releases`")
        return found


def begin_trial(
    problem: str, settings: Settings, wanted: Wanted, at: datetime, actor: str, reason: str
) -> dict[str, Any]:
    """Put a version on trial and make it the challenger; what the trial is.

    NotFound for an unknown version, ProblemError for the champion itself, a share that is none, an unknown column.
    """
    _require_word(actor, reason)
    with _at_desk(problem, settings) as desk, one_at_a_time(settings, problem):
        champion, bundle = desk.champion()
        challenger = desk.challenger(wanted.version)
        if challenger.version == champion.version:
            raise ProblemError(f"version {champion.version} of {problem} is the champion: name another one to try")
        rollout = _rollout(bundle, wanted)
        about = {"mode": rollout.mode, "share": rollout.share, "key": rollout.key, "limits": limits_of(rollout)}
        evidence = about | {"champion": champion.version, "labels_after": desk.trials.last_label()}
        token = f"rollout:{problem}:{at.isoformat()}"
        _record(desk, f"{token}:{rollout.mode}", rollout.mode, challenger, at, actor, reason, evidence)
        desk.registry.set_alias(problem, CHALLENGER, challenger.version)
        said: dict[str, Any] = {"at": at, "actor": actor, "reason": reason, "evidence": evidence}
        desk.log.begin(token, problem, challenger.version, rollout, **said)
    return {"problem": problem, "version": challenger.version, **about, "actor": actor, "reason": reason}


def stop_trial(problem: str, settings: Settings, at: datetime, actor: str, reason: str) -> dict[str, Any]:
    """End the trial that is on; the challenger keeps its alias. NotFound when none is on."""
    _require_word(actor, reason)
    with _at_desk(problem, settings) as desk, one_at_a_time(settings, problem):
        row = desk.log.current().get(problem)
        challenger = desk.registry.by_alias(problem, CHALLENGER)
        if challenger is not None and (row is None or row.version != challenger.version):
            row = _begin_by_file(desk, challenger, row, at)
        if row is None or not row.on:
            raise NotFound(f"no challenger of {problem} is on trial: see `ratchet rollout {problem}`")
        release = desk.registry.release(problem, row.version)
        _record(desk, f"rollout:{problem}:{row.id}:stop", "stop", release, at, actor, reason, {"trial": row.id})
        desk.log.end(row, "stopped", at=at, actor=actor, reason=reason)
    return {"problem": problem, "version": row.version, "mode": "stopped", "actor": actor, "reason": reason}


def trial_status(problem: str, settings: Settings) -> dict[str, Any]:
    """How the last trial of the problem goes or went: rows, errors, time and loss of both arms."""
    with _at_desk(problem, settings) as desk:
        champion, bundle = desk.champion()
        waiting = desk.registry.by_alias(problem, CHALLENGER)
        row = desk.log.current().get(problem)
        about: dict[str, Any] = {
            "problem": problem,
            "champion": champion.version,
            "challenger": None if waiting is None else waiting.version,
        }
        if row is None:
            return about | {"mode": "none"}
        begun = _begun_by(desk, row)
        said = asdict(begun)
        about |= {name: said[name] for name in ("version", "share", "key", "limits")}
        about |= {"since": said["at"], "actor": row.actor, "reason": row.reason, "mode": row.mode}
        about["in_effect"] = row.on and waiting is not None and waiting.version == row.version
        release = desk.registry.release(problem, row.version)
        tally = together(map(Tally.read, desk.trials.tallies(begun.id)), champion.run_id)
        loss = Outcomes(desk.trials, begun, bundle.contract, champion.run_id, release.run_id).look()
        return about | {"arms": _arms(tally), "dropped": tally.dropped, "loss": asdict(loss)}


def _begun_by(desk: _Desk, row: RolloutRow) -> RolloutRow:
    """The row that began the trial of which `row` is the last word."""
    if row.on:
        return row
    number = row.token.removeprefix("end:")
    return next((one for one in desk.log.rows(row.problem) if str(one.id) == number), row)


def _arms(tally: Tally) -> dict[str, dict[str, Any]]:
    arms = {name: tally.arm(name) for name in ARMS}
    return {
        name: {"answers": arm.answers, "failed": arm.failed, "rows": arm.rows, "median_seconds_per_row": arm.median}
        for name, arm in arms.items()
    }


def _rollout(bundle: Bundle, wanted: Wanted) -> Rollout:
    if wanted.share is not None and not 0 < wanted.share <= 1:
        raise ProblemError(f"the share is {wanted.share:g}: it lies above 0 and at most at 1")
    asked = [column.name for column in bundle.contract.columns if column.asked]
    if wanted.key is not None and wanted.key not in asked:
        raise ProblemError(f"{wanted.key!r} is no column that callers send: choose among {', '.join(asked)}")
    base = bundle.problem.serving.rollout or Rollout(mode=wanted.mode)
    given = {"mode": wanted.mode, "share": wanted.share, "key": wanted.key}
    return base.model_copy(update={name: value for name, value in given.items() if value is not None})


def _begin_by_file(desk: _Desk, challenger: ReleaseInfo, row: RolloutRow | None, at: datetime) -> RolloutRow | None:
    """The trial that the problem file asks for, where no service has begun it yet: so that it can be stopped."""
    rollout = desk.champion()[1].problem.serving.rollout
    if rollout is None:
        return None
    last = 0 if row is None else row.id
    token = f"file:{desk.problem}:{challenger.version}:{last}"
    desk.log.begin(
        token, desk.problem, challenger.version, rollout, at=at, actor="problem file", reason="stopped", after=last
    )
    return desk.log.current().get(desk.problem)


def _record(
    desk: _Desk,
    key: str,
    outcome: str,
    release: ReleaseInfo,
    at: datetime,
    actor: str,
    reason: str,
    evidence: Mapping[str, Any],
) -> None:
    desk.ledger.record(
        key,
        at=at,
        problem=desk.problem,
        kind="rollout",
        outcome=outcome,
        version=release.version,
        run_id=release.run_id,
        actor=actor,
        reasons=[reason],
        evidence=evidence,
    )


def _require_word(actor: str, reason: str) -> None:
    if not actor.strip() or not reason.strip():
        raise ProblemError("a trial set by hand needs a name and a reason: both are recorded")


@contextmanager
def _at_desk(problem: str, settings: Settings) -> Iterator[_Desk]:
    ledger, log, trials = open_ledger(settings), RolloutLog(settings.database), TrialLog(settings.database)
    try:
        yield _Desk(problem, settings, LeanRegistry(settings), ledger, log, trials)
    finally:
        ledger.close()
        log.close()
        trials.close()
