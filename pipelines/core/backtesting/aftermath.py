"""What each alarm preceded: the next windows as they went, and as they would have gone had nothing been done."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.core.backtesting.candidates import Candidate
from pipelines.core.backtesting.loop import Replay
from pipelines.core.backtesting.outcomes import Aftermath, WindowOutcome
from pipelines.core.backtesting.traffic import Served
from pipelines.core.backtesting.truth import Loss, measure, pooled

NEXT = 4  # windows after an alarm that are looked at


def aftermath(replay: Replay) -> list[Aftermath]:
    """One for each time that an alarm began, or that the policy asked or was held back; oldest first.

    `left_alone` scores the next windows with the release that the alarm was about, on all labels that came in the end.
    """
    found = []
    for number, window in enumerate(replay.windows):
        before = replay.windows[number - 1] if number else None
        if not _begins(window, before):
            continue
        candidate, version = replay.champions[number]
        following = [look.served for look in replay.looks[number + 1 : number + 1 + NEXT]]
        task = replay.traffic.contract.task
        actual = pooled([measure(task, one.traffic.labels, one.scores) for one in following])
        found.append(
            Aftermath(
                at=window.end,
                kinds=tuple(kind for kind, level in window.kinds.items() if level in ("warning", "alarm")),
                reasons=tuple(window.reasons),
                answer=_answer(replay, window),
                promised=window.numbers.get("loss of the release"),
                left_alone=_left_alone(candidate, version, following, replay).value(task),
                actual=actual.value(task),
                windows=len(following),
            )
        )
    return found


def _begins(window: WindowOutcome, before: WindowOutcome | None) -> bool:
    """An alarm that goes on is told once; what the policy did is told each time."""
    if window.asked == "asked":
        return True
    fresh = before is None or before.version != window.version
    if window.asked == "blocked":
        return fresh or (before is not None and before.asked != "blocked")
    return window.level == "alarm" and (fresh or (before is not None and before.level != "alarm"))


def _answer(replay: Replay, window: WindowOutcome) -> str:
    """What became of the retraining that the window asked for, if it did."""
    outcome = next((one.outcome for one in replay.trainings[1:] if one.at == window.end), None)
    return outcome or ("blocked" if window.asked == "blocked" else "nothing")


def _left_alone(candidate: Candidate, version: int, following: Sequence[Served], replay: Replay) -> Loss:
    task = replay.traffic.contract.task
    losses = []
    for one in following:
        mine = bool((one.answered_by == version).all())
        scores = one.scores if mine else candidate.score(one.traffic.frame)
        losses.append(measure(task, one.traffic.labels, scores))
    return pooled(losses)
