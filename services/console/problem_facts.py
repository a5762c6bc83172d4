"""What Prometheus is told of a problem: its champion, the last verdict on it, labels, and what waits for somebody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from pipelines.core.errors import NotFound
from pipelines.core.settings import Settings
from pipelines.stores.alarms.alarm_acts import Silence, silences
from pipelines.stores.data.history_store import POINTER
from pipelines.stores.decisions.ledger_pages import Move
from pipelines.stores.sql.ledger_tables import State
from pipelines.stores.sql.notice_tables import Episode, Topic
from pipelines.stores.storage.files import read_json
from services.console.attention import waiting_releases
from services.console.desk import Desk
from services.console.health import Window, read_window
from services.console.phrases import read_moment

LEVELS = {"unknown": -1, "healthy": 0, "warning": 1, "alarm": 2}
"""The value of `ratchet_verdict_level`."""
TOPICS: tuple[Topic, ...] = ("health", "monitor", "labels", "retraining", "history")
_STATES: tuple[State, ...] = ("open", "running")
_MOST_COLUMNS = 50


@dataclass(frozen=True)
class ProblemFacts:
    """One problem as the database tells it now."""

    name: str
    champion: Move | None
    verdict: Window | None
    evidence: Mapping[str, Any]
    """Of that verdict."""
    silent: Sequence[Silence]
    standing: Mapping[str, int]
    """Episodes that have not ended, by topic."""
    asked: Mapping[str, int]
    """Requests to retrain, by state."""
    asked_since: datetime | None
    waiting: int
    """Releases on which a second person has the last word."""
    newest: datetime | None
    """The newest moment that an answer speaks of."""
    history: datetime | None
    """Up to when the history in force knows."""


def gather_problems(desk: Desk) -> list[ProblemFacts]:
    """Every problem; Unavailable where the database does not answer."""
    silent, standing = silences(desk.ledger, desk.clock()), desk.notices.standing()
    return [_gather(desk, name, silent, standing) for name in desk.problems()]


def problem_families(problems: Sequence[ProblemFacts]) -> Iterable[Metric]:
    """The metrics of all problems."""
    yield from _champions(problems)
    yield from _verdicts(problems)
    yield from _what_verdicts_say(problems)
    yield from _work(problems)


def _gather(desk: Desk, name: str, silent: Sequence[Silence], standing: Sequence[Episode]) -> ProblemFacts:
    marks = desk.windows.last(name)
    evidence: Mapping[str, Any] = {}
    if marks is not None:
        entry = desk.pages.entry(marks.id)
        marks, evidence = read_window(entry), entry.evidence
    moves = desk.pages.moves(name, limit=1)
    asked = desk.ledger.requests(name, _STATES)
    newest = desk.log.last_moment(name)
    return ProblemFacts(
        name=name,
        champion=moves[0] if moves else None,
        verdict=marks,
        evidence=evidence,
        silent=[one for one in silent if one.problem == name],
        standing={topic: sum(one.problem == name and one.topic == topic for one in standing) for topic in TOPICS},
        asked={state: sum(one.state == state for one in asked) for state in _STATES},
        asked_since=min((one.created_at for one in asked), default=None),
        waiting=len(waiting_releases(desk, name)),
        newest=None if newest is None else newest.replace(tzinfo=UTC),
        history=known_until(desk.settings, name),
    )


def known_until(settings: Settings, problem: str) -> datetime | None:
    """Up to when the problem's history in force knows; None where there is none to be seen from here."""
    try:
        return read_moment(read_json(settings.history(problem) / POINTER).get("as_of"))
    except (NotFound, AttributeError, OSError):
        return None


def _champions(problems: Sequence[ProblemFacts]) -> Iterable[Metric]:
    version = _gauge("champion_version", "Champion by the ledger (0: none)", "problem")
    since = _gauge("champion_since_timestamp_seconds", "When it became the champion", "problem")
    for one in problems:
        version.add_metric([one.name], 0 if one.champion is None else one.champion.version)
        if one.champion is not None:
            since.add_metric([one.name], one.champion.at.timestamp())
    return version, since


def _verdicts(problems: Sequence[ProblemFacts]) -> Iterable[Metric]:
    level = _gauge("verdict_level", "Last verdict: -1 unknown, 0 healthy, 1 warning, 2 alarm", "problem", "kind")
    quiet = _gauge("verdict_silenced", "Whether somebody has silenced this kind (1) or not (0)", "problem", "kind")
    given = _gauge("verdict_timestamp_seconds", "When the last verdict was given", "problem")
    ends = _gauge("verdict_window_end_timestamp_seconds", "End of the window that it judged", "problem")
    length = _gauge("verdict_window_seconds", "Length of that window", "problem")
    for one in problems:
        if one.verdict is None:
            continue
        for kind, word in one.verdict.kinds.items():
            level.add_metric([one.name, kind], LEVELS.get(word, -1))
            quiet.add_metric([one.name, kind], any(held.covers([kind]) for held in one.silent))
        given.add_metric([one.name], (one.verdict.recorded or one.verdict.at).timestamp())
        ends.add_metric([one.name], one.verdict.end.timestamp())
        length.add_metric([one.name], (one.verdict.end - one.verdict.start).total_seconds())
    return level, quiet, given, ends, length


def _what_verdicts_say(problems: Sequence[ProblemFacts]) -> Iterable[Metric]:
    rows = _gauge("verdict_rows", "Answers in the window that was judged", "problem")
    labels = _gauge("verdict_labels", "Labels among them", "problem")
    coverage = _gauge("label_coverage_ratio", "Share of those answers whose label is known", "problem")
    newest = _gauge("label_newest_timestamp_seconds", "Moment of the newest answer that has a label", "problem")
    number = _gauge("verdict_number", "Numbers of the last verdict, by their names", "problem", "name")
    drift = _gauge("column_drift_score", "How far a column has moved, by the last verdict", "problem", "column")
    moved = _gauge("columns_drifted", "Columns that have drifted, by the last verdict", "problem")
    for one in problems:
        if one.verdict is None:
            continue
        rows.add_metric([one.name], one.verdict.rows)
        labels.add_metric([one.name], one.verdict.labels)
        known, seen = one.evidence.get("coverage"), read_moment(one.evidence.get("newest_label"))
        if isinstance(known, int | float):
            coverage.add_metric([one.name], known)
        if seen is not None:
            newest.add_metric([one.name], seen.timestamp())
        for name, value in one.verdict.numbers.items():
            number.add_metric([one.name, name], value)
        columns = _columns(one.evidence)
        moved.add_metric([one.name], sum(bool(column.get("drifted")) for column in columns))
        for column in columns[:_MOST_COLUMNS]:
            drift.add_metric([one.name, str(column["name"])], float(column["score"]))
    return rows, labels, coverage, newest, number, drift, moved


def _work(problems: Sequence[ProblemFacts]) -> Iterable[Metric]:
    standing = _gauge("episodes_standing", "Episodes of alarm that last, by what they are about", "problem", "topic")
    asked = _gauge("requests_to_retrain", "Requests to retrain that are not done, by state", "problem", "state")
    since = _gauge("requests_to_retrain_since_timestamp_seconds", "When the oldest of them was made", "problem")
    waiting = _gauge("releases_waiting", "Releases that wait for a second person's word", "problem")
    newest = _gauge("prediction_newest_timestamp_seconds", "Newest moment that an answer speaks of", "problem")
    history = _gauge("history_known_until_timestamp_seconds", "Up to when the history in force knows", "problem")
    for one in problems:
        for topic, count in one.standing.items():
            standing.add_metric([one.name, topic], count)
        for state, count in one.asked.items():
            asked.add_metric([one.name, state], count)
        waiting.add_metric([one.name], one.waiting)
        for family, at in ((since, one.asked_since), (newest, one.newest), (history, one.history)):
            if at is not None:
                family.add_metric([one.name], at.timestamp())
    return standing, asked, since, waiting, newest, history


def _columns(evidence: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The columns that a verdict scored, those that moved most first."""
    found = [
        one
        for one in evidence.get("columns") or ()
        if isinstance(one, Mapping) and "name" in one and isinstance(one.get("score"), int | float)
    ]
    return sorted(found, key=lambda one: -float(one["score"]))


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ratchet_{name}", text, labels=labels)
