"""Ends the trial of a challenger that fails, is slow or loses: seen by any process, recorded once, ended in all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pipelines.core.challenge.trial_loss import Finding
from pipelines.core.challenge.trial_tally import ARMS, Tally, together, why_end
from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.decisions.ledger import open_ledger
from pipelines.stores.trials.trial_outcomes import Outcomes
from services.prediction.metrics import Metrics
from services.prediction.trials.rollouts import Rollouts, Trial

_log = logging.getLogger("ratchet.prediction")


class RolloutGuard:
    """A thread that counts, judges and ends the trials of this process."""

    def __init__(self, settings: Settings, rollouts: Rollouts, metrics: Metrics, watch: bool = True) -> None:
        self._settings, self._rollouts = settings, rollouts
        self._outcomes: dict[tuple[int, str], Outcomes] = {}
        self._kept: dict[tuple[int, str], dict[str, Any]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="rollout-guard", daemon=True)
        if watch:
            self._thread.start()

    def close(self) -> None:
        """Count what is left and stop watching."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            for trial in self._rollouts.trials():
                self._counted(trial)
        except Unavailable as error:
            _log.warning("the last counts of trials were not kept: %s", error)

    def look(self) -> None:
        """Judge every trial once."""
        trials = self._rollouts.trials()
        for trial in trials:
            self._judge(trial)
        on = {_key(trial) for trial in trials}
        self._outcomes = {key: one for key, one in self._outcomes.items() if key in on}
        self._kept = {key: one for key, one in self._kept.items() if key in on}

    def _judge(self, trial: Trial) -> None:
        tally = self._counted(trial)
        loss = self._labelled(trial)
        reasons = why_end(trial.row.rollout, tally, loss)
        if reasons:
            self._abort(trial, reasons, evidence_of(trial, tally, loss))

    def _counted(self, trial: Trial) -> Tally:
        """What all processes have counted, this one's share written down where it changed."""
        log, key, own = self._rollouts.trial_log, _key(trial), trial.tally().as_json()
        if self._kept.get(key) != own:
            log.keep_tally(trial.row.id, self._rollouts.worker, own, datetime.now(UTC))
            self._kept[key] = own
        return together((Tally.read(one) for one in log.tallies(trial.row.id)), trial.champion.info.run_id)

    def _labelled(self, trial: Trial) -> Finding:
        outcomes = self._outcomes.get(_key(trial))
        if outcomes is None:
            contract = trial.champion.contract
            runs = (trial.champion.info.run_id, trial.model.info.run_id)
            outcomes = self._outcomes[_key(trial)] = Outcomes(self._rollouts.trial_log, trial.row, contract, *runs)
        return outcomes.look()

    def _abort(self, trial: Trial, reasons: list[str], evidence: Mapping[str, Any]) -> None:
        """The decision in the ledger first: its key and the row's token make it one, however many processes see it."""
        row, now = trial.row, datetime.now(UTC)
        ledger = open_ledger(self._settings)
        try:
            ledger.record(
                f"rollout:{row.problem}:{row.id}:abort",
                at=now,
                problem=row.problem,
                kind="rollout",
                outcome="abort",
                version=row.version,
                run_id=trial.model.info.run_id,
                actor="guard",
                reasons=reasons,
                evidence=evidence,
            )
        finally:
            ledger.close()
        self._rollouts.log.end(row, "aborted", at=now, actor="guard", reason="; ".join(reasons), evidence=evidence)
        self._rollouts.end(trial)
        _log.error("%s: the trial of version %d is aborted: %s", row.problem, row.version, "; ".join(reasons))

    def _watch(self) -> None:
        while not self._stop.wait(self._settings.poll_seconds):
            try:
                self.look()
            except Unavailable as error:
                _log.warning("trials are not judged now: %s", error)
            except Exception:  # noqa: BLE001 - a thread that dies would leave trials unguarded
                _log.exception("could not judge the trials; trying again")


def evidence_of(trial: Trial, tally: Tally, loss: Finding) -> dict[str, Any]:
    """The numbers that a decision on a trial rests on."""
    arms = {
        name: {key: value for key, value in vars(tally.arm(name)).items() if key != "times"}
        | {"median_seconds": tally.arm(name).median, "timed": tally.arm(name).times.total()}
        for name in ARMS
    }
    row = trial.row
    about = {"trial": row.id, "mode": row.mode, "share": row.share, "champion": trial.champion.info.version}
    return {**about, "limits": row.limits, "arms": arms, "dropped": tally.dropped, "loss": asdict(loss)}


def _key(trial: Trial) -> tuple[int, str]:
    return trial.row.id, trial.champion.info.run_id
