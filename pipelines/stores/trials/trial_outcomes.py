"""The losses of both arms of a trial, as labels arrive: what the guard judges and the command shows."""

from __future__ import annotations

from pipelines.core.challenge.trial_loss import Finding, PairedLoss, TwoArmLoss, row_loss
from pipelines.core.labels import encode_label
from pipelines.core.schema import Contract
from pipelines.stores.trials.rollouts import RolloutRow
from pipelines.stores.trials.trial_log import Labelled, Said, TrialLog


class Outcomes:
    """Labels of one trial against one champion; the first label of an answer counts, however it is corrected.

    Shadow: pairs of the same rows. Canary: rows by the release that answered them.
    """

    def __init__(self, log: TrialLog, trial: RolloutRow, contract: Contract, champion: str, challenger: str) -> None:
        self._log, self._trial, self._contract = log, trial, contract
        self._champion, self._challenger = champion, challenger
        limit = trial.rollout.max_loss
        self._loss: PairedLoss | TwoArmLoss = PairedLoss(limit) if trial.mode == "shadow" else TwoArmLoss(limit)
        self._seen: set[str] = set()
        self._cursor = int(trial.evidence.get("labels_after", 0))

    def look(self) -> Finding:
        """Take in the labels that came since the last look, and say what is credible."""
        more = True
        while more:
            look = self._log.labelled(self._trial.problem, self._challenger, self._trial.at, self._cursor)
            for one in look.found:
                if one.id not in self._seen:
                    self._take(one)
            more, self._cursor = look.more, max(look.cursor, self._cursor)
        return self._loss.finding()

    def _take(self, one: Labelled) -> None:
        try:
            code = encode_label(self._contract, one.label)
        except ValueError:  # a class that these releases do not know
            return
        label = None if self._contract.classes is None else code
        if isinstance(self._loss, PairedLoss):
            if one.shadow is not None and one.answered.run_id == self._champion:
                self._seen.add(one.id)
                self._loss.add(self._row_loss(one.answered, code), self._row_loss(one.shadow, code), label)
        elif one.answered.run_id in (self._champion, self._challenger):
            self._seen.add(one.id)
            arm = "champion" if one.answered.run_id == self._champion else "challenger"
            self._loss.add(arm, self._row_loss(one.answered, code), label)

    def _row_loss(self, said: Said, code: float) -> float:
        classes = self._contract.classes
        if classes is None or said.probabilities is None:
            return row_loss("regression", code, [float(said.prediction)])
        return row_loss(self._contract.task, code, [said.probabilities.get(name, 0.0) for name in classes])
