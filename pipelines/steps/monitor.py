"""Monitor: judge a window of the prediction log, keep the verdict, ask for retraining by the policy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.core.drift import ColumnScore, Verdict
from pipelines.core.retraining import RetrainDecision
from pipelines.core.settings import Settings
from pipelines.steps.judge import Judgement, Stretch, judge
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.decisions.ledger import Ledger, open_ledger
from pipelines.stores.decisions.retraining_asks import ask_now, decide_now
from pipelines.stores.decisions.verdicts_past import levels_before
from pipelines.stores.logbook.prediction_log import PredictionLog, open_log
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.releases.champion_labels import champion_labels
from pipelines.stores.releases.champions import open_champion
from pipelines.stores.releases.watched_release import watched_release


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
    why: dict[str, list[str]] = field(default_factory=dict)
    """The reasons of each kind, those of healthy ones among them."""
    coverage: float | None = None
    """Share of the release's answers whose label is known."""
    notes: list[str] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    """Columns by estimated harm, the worst first."""


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
        before = levels_before(desk.ledger, desk.name, desk.bundle.version or 0, start, end)
        stretch = Stretch(start, end, _utc(as_of))
        folder = settings.home / "cache" / "windows" / desk.name
        side, run_id = watched_release(desk.bundle), str(desk.bundle.release.get("run_id"))
        judged = judge(loaded.problem, side, run_id, desk.log, folder, stretch, before)
        report = judged.save_report(settings.evidently_workspace, loaded.problem)
        key = _key(desk.name, stretch, judged)
        decision, request_id = _act(desk, key, judged.verdict, str(report))
    return _watched(judged.verdict, decision, request_id, key, str(report))


def _key(problem: str, stretch: Stretch, judged: Judgement) -> str:
    """The same look at the same content is one verdict; labels that came meanwhile, also late ones, make another."""
    moments = (stretch.start, stretch.end, stretch.as_of)
    return ":".join(["verdict", problem, *(one.isoformat() for one in moments), judged.content[:16]])


def _watched(verdict: Verdict, decision: RetrainDecision, request_id: int | None, key: str, report: str) -> Watched:
    facts = verdict.facts
    return Watched(
        problem=verdict.problem,
        version=facts.version,
        start=facts.start.isoformat(),
        end=facts.end.isoformat(),
        as_of=facts.as_of.isoformat(),
        rows=facts.rows,
        labels=facts.labels,
        level=verdict.level,
        kinds={kind: one.level for kind, one in verdict.kinds.items()},
        reasons=verdict.reasons,
        numbers=verdict.numbers,
        retrain=decision.act,
        blocked_by=decision.blocked_by,
        request_id=request_id,
        key=key,
        report=report,
        why={kind: one.reasons for kind, one in verdict.kinds.items()},
        coverage=facts.coverage,
        notes=list(facts.notes),
        columns=[_column(one) for one in facts.columns],
    )


def _column(one: ColumnScore) -> dict[str, Any]:
    shown = {"name": one.name, "drifted": one.drifted, "score": one.score, "limit": one.bar}
    return {**shown, "usage": one.usage, "harm": one.harm}


@contextmanager
def _desk(loaded: LoadedProblem, settings: Settings, as_of: datetime) -> Iterator[_Desk]:
    bundle = open_champion(settings, loaded.problem.name)
    log, ledger = open_log(settings), open_ledger(settings)
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


def _act(desk: _Desk, key: str, verdict: Verdict, report: str) -> tuple[RetrainDecision, int | None]:
    """Write verdict and decision into the ledger, then make the request: a kill in between loses neither."""
    labels = champion_labels(desk.log, desk.bundle, desk.name, desk.as_of)
    decision = decide_now(desk.ledger, desk.loaded.problem, key, verdict, labels, desk.as_of)
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
    request = ask_now(desk.ledger, desk.name, key, decision, desk.as_of)
    return decision, None if request is None else request.id


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
