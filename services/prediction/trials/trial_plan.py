"""Which trial is on for a problem: what was last said of its challenger, else the champion's problem file."""

from __future__ import annotations

from datetime import datetime

from pipelines.stores.trials.rollouts import RolloutLog, RolloutRow
from pipelines.stores.trials.trial_log import TrialLog
from services.prediction.live_model import LiveModel

_ACTOR = "problem file"


def planned(
    log: RolloutLog, trials: TrialLog, champion: LiveModel, version: int | None, said: RolloutRow | None, now: datetime
) -> RolloutRow | None:
    """The trial that `version`, where the alias `challenger` points, is to have; None for none.

    `said` is the last word on the problem: it counts when it is on this version. Otherwise the problem file decides,
    and its word is written down, so that the trial has one beginning in all processes.
    """
    problem = champion.info.problem
    if version is None or version == champion.info.version:
        return None
    if said is not None and said.version == version:
        return said if said.on else None
    rollout = champion.definition.serving.rollout
    if rollout is None:
        return None
    last = 0 if said is None else said.id
    log.begin(
        f"file:{problem}:{version}:{last}",
        problem,
        version,
        rollout,
        at=now,
        actor=_ACTOR,
        reason="serving.rollout of the problem file",
        evidence={"labels_after": trials.last_label()},
        after=last,
    )
    begun = log.current().get(problem)
    return begun if begun is not None and begun.version == version and begun.on else None


def unfit(champion: LiveModel, challenger: LiveModel) -> str | None:
    """Why a challenger cannot take rows that were checked by the champion's contract; None when it can."""
    ours, theirs = champion.contract, challenger.contract
    if (ours.task, ours.classes, ours.time) != (theirs.task, theirs.classes, theirs.time):
        return "its task, classes or time column are others than the champion's: promote it, or train it again"
    kinds = {column.name: column.kind for column in ours.columns}
    other = [column.name for column in theirs.columns if kinds.get(column.name) != column.kind]
    if other:
        return f"it reads columns that the champion does not ask for: {', '.join(other[:5])}"
    return None
