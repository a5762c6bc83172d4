"""Monitor: judge a window of the prediction log, keep the verdict, ask for retraining by the policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.drift import Verdict, WindowFacts, judge_window
from pipelines.core.observation import (
    Answered,
    column_pairs,
    column_quality,
    prediction_pair,
    read_reference,
    read_window,
)
from pipelines.core.retraining import RetrainDecision, decide_retraining, wishes
from pipelines.core.settings import Settings
from pipelines.core.window_performance import Performance, window_performance
from pipelines.stores.bundle import Bundle
from pipelines.stores.champions import open_champion
from pipelines.stores.drift_reports import Comparison, Labelled, compare, save_report
from pipelines.stores.ledger import Ledger, open_ledger
from pipelines.stores.prediction_log import PredictionLog
from pipelines.stores.problem_files import LoadedProblem
from pipelines.stores.retraining_past import retraining_past
from pipelines.stores.tables import read_parquet


@dataclass(frozen=True)
class Watched:
    """The verdict on one window, and what was done about it; every value is JSON."""

    problem: str
    version: int
    start: str
    end: str
    as_of: str
    rows: int
    labels: int
    level: str
    kinds: dict[str, str]
    reasons: list[str]
    numbers: dict[str, float]
    retrain: bool
    blocked_by: list[str]
    request_id: int | None
    key: str
    report: str


@dataclass(frozen=True)
class _Desk:
    """What one monitoring works with."""

    loaded: LoadedProblem
    settings: Settings
    as_of: datetime
    log: PredictionLog
    ledger: Ledger
    bundle: Bundle

    @property
    def name(self) -> str:
        return self.loaded.problem.name


def monitor(
    loaded: LoadedProblem,
    settings: Settings,
    start: datetime | None,
    end: datetime | None,
    as_of: datetime,
) -> Watched:
    """Judge the answers of [start, end) with the labels known at `as_of`, against the champion's reference.

    Default: the problem's window that ends at `as_of`, or, when nothing was answered in it, at the last
    answer. The verdict is in the ledger and the report in the Evidently workspace when this returns; run
    again, it gives the same verdict, report and request. NotFound without a champion.
    """
    with _desk(loaded, settings, as_of) as desk:
        start, end = _window(desk, start, end)
        verdict, comparison, labelled = _look(desk, start, end)
        report = save_report(settings.evidently_workspace, desk.name, verdict, comparison, labelled)
        key = f"verdict:{desk.name}:{start.isoformat()}:{end.isoformat()}:{as_of.isoformat()}"
        decision, request_id = _act(desk, key, verdict, str(report))
    return Watched(
        problem=desk.name,
        version=verdict.facts.version,
        start=start.isoformat(),
        end=end.isoformat(),
        as_of=as_of.isoformat(),
        rows=verdict.facts.rows,
        labels=verdict.facts.labels,
        level=verdict.level,
        kinds={kind: one.level for kind, one in verdict.kinds.items()},
        reasons=verdict.reasons,
        numbers=verdict.numbers,
        retrain=decision.act,
        blocked_by=decision.blocked_by,
        request_id=request_id,
        key=key,
        report=str(report),
    )


@contextmanager
def _desk(loaded: LoadedProblem, settings: Settings, as_of: datetime) -> Iterator[_Desk]:
    bundle = open_champion(settings, loaded.problem.name)
    log, ledger = PredictionLog(settings.database), open_ledger(settings)
    try:
        yield _Desk(loaded, settings, as_of, log, ledger, bundle)
    finally:
        log.close()
        ledger.close()


def _window(desk: _Desk, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    length = desk.loaded.problem.monitoring.window
    if end is None:
        end = desk.as_of if start is None else min(desk.as_of, start + length)
        last = desk.log.last_moment(desk.name)
        if start is None and last is not None and last.replace(tzinfo=UTC) < _utc(end) - length:
            end = last.replace(tzinfo=UTC) + timedelta(seconds=1)  # answers about the past, or traffic that ceased
    start = end - length if start is None else start
    return _utc(start), _utc(end)


def _look(desk: _Desk, start: datetime, end: datetime) -> tuple[Verdict, Comparison, Labelled | None]:
    """The verdict on the window, and what its report draws."""
    bundle, watch = desk.bundle, desk.loaded.problem.monitoring
    contract, history = bundle.contract, [one.name for one in bundle.problem.features.history]
    rows = desk.log.window(desk.name, start, end, labels_as_of=desk.as_of)
    window = read_window(contract, history, rows)
    mine = window.rows((rows["version"] == bundle.version).to_numpy(dtype=bool))
    reference = _reference(bundle, history)
    pairs = column_pairs(watch, contract, history, reference, window)
    answers = prediction_pair(watch, contract, reference, mine)
    comparison = compare([*pairs, answers] if len(window) >= watch.min_rows else [])
    performance = window_performance(
        contract.task, mine.labels, mine.scores, mine.moments, bundle.problem.good_enough.confidence
    )
    facts = WindowFacts(
        version=bundle.version or 0,
        start=start,
        end=end,
        as_of=desk.as_of,
        rows=len(window),
        labels=int(np.isfinite(window.labels).sum()),
        columns=[comparison.scores[one.name] for one in pairs if one.name in comparison.scores],
        prediction=comparison.scores.get(answers.name),
        quality=column_quality(contract, history, reference, window),
        performance=performance,
        reference_loss=_reference_loss(bundle, performance),
    )
    labelled = _labelled(desk, reference, mine) if performance is not None else None
    return judge_window(desk.loaded.problem, facts), comparison, labelled


def _reference(bundle: Bundle, history: list[str]) -> Answered:
    """The release's held-out rows with the answers and labels that were kept with them."""
    frame, contract = read_parquet(bundle.reference_path), bundle.contract
    names = [f"probability_{name}" for name in contract.classes or []]
    scores = frame[names] if names else frame["prediction"]
    return read_reference(contract, history, frame, scores.to_numpy(dtype=np.float64), frame["label"])


def _reference_loss(bundle: Bundle, performance: Performance | None) -> float | None:
    """The loss that the release's scorecard promised, in the metric that the window was measured in."""
    if performance is None:
        return None
    found = bundle.scorecard["metrics"].get(performance.metric) or {}
    return found.get("value")


def _labelled(desk: _Desk, reference: Answered, window: Answered) -> Labelled | None:
    """The labelled rows of both sides for Evidently's quality report, at most `monitoring.sample` of each."""
    contract, size = desk.bundle.contract, desk.loaded.problem.monitoring.sample
    classes = contract.classes or []
    frames = []
    for side in (reference, window):
        known = side.rows(np.isfinite(side.labels) & np.isfinite(side.scores.reshape(len(side), -1)).all(axis=1))
        known = known.rows(np.unique(np.linspace(0, max(len(known) - 1, 0), size).astype(int))[: len(known)])
        if contract.task == "regression":
            frames.append(pd.DataFrame({"target": known.labels, "prediction": known.scores}))
            continue
        names = np.array(classes, dtype=object)
        texts = {"target": names[known.labels.astype(int)], "prediction": names[known.scores.argmax(axis=1)]}
        frames.append(pd.DataFrame({**texts, **dict(zip(classes, known.scores.T, strict=True))}))
    return Labelled(contract.task, classes, *frames)


def _act(desk: _Desk, key: str, verdict: Verdict, report: str) -> tuple[RetrainDecision, int | None]:
    """Write verdict and decision into the ledger, then make the request: a kill in between loses neither."""
    policy, request_key = desk.loaded.problem.retraining, f"retrain:{key}"
    mine = next((one for one in desk.ledger.requests(desk.name) if one.key == request_key), None)
    if mine is not None:  # this very verdict was acted on before
        decision = RetrainDecision(True, wishes(policy, verdict), [])
    else:
        labels = desk.log.new_labels(desk.name, _data_end(desk.bundle), desk.as_of)
        past = retraining_past(desk.ledger, desk.name, desk.as_of)
        decision = decide_retraining(policy, verdict, past, labels, _utc(desk.as_of))
    evidence = {**verdict.to_dict(), "retraining": decision.to_dict(), "report": report}
    desk.ledger.record(
        key,
        at=desk.as_of,
        problem=desk.name,
        kind="verdict",
        outcome=verdict.level,
        version=verdict.facts.version,
        run_id=desk.bundle.release.get("run_id"),
        reasons=verdict.reasons,
        evidence=evidence,
    )
    if not decision.act:
        return decision, None
    request = mine or desk.ledger.request(
        desk.name,
        request_key,
        reason="; ".join(decision.reasons),
        as_of=desk.as_of,
        at=desk.as_of,
        evidence={"verdict": key, "reasons": decision.reasons},
    )
    return decision, request.id


def _data_end(bundle: Bundle) -> datetime:
    """Until when the champion's labels reach: new ones are those that became known later."""
    told: Any = bundle.release.get("as_of") or (bundle.scorecard.get("period") or [None])[-1]
    return datetime(1970, 1, 1, tzinfo=UTC) if told is None else _utc(datetime.fromisoformat(str(told)))


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
