"""A year of a problem as the ledger tells it, made in a second: for the tests of the console and its pictures.

Quiet until April; then the loss leaves its limit, an alarm asks for a training and the gate promotes; in autumn a
column breaks and is mended. Weekly windows; numbers are drawn from a fixed seed.
"""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.core.episodes import Course
from pipelines.core.settings import Settings
from pipelines.stores.alarms.notices import Cursor, News, Notices
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.logbook.prediction_log import LoggedPrediction, PredictionLog, new_id

OPENING = datetime(2025, 11, 17, tzinfo=UTC)
WEEK = timedelta(weeks=1)
PROBLEM = "arrivals"
TEXT = """name: arrivals
question: Will a flight from New York arrive more than fifteen minutes late?
data: {source: flights.csv, target: late, time: asked_at}
"""
COLUMNS = (
    "late_at_origin_6h",
    "wind_gust",
    "temp",
    "carrier",
    "pressure",
    "dest",
    "hour",
    "visib",
    "precip",
    "weekday",
)
_USED = (0.31, 0.08, 0.05, 0.14, 0.06, 0.09, 0.17, 0.04, 0.03, 0.03)
_COLLAPSE, _MENDED, _BREAK = 20, 22, 38


def write_year(
    settings: Settings, weeks: int = 52, problem: str = PROBLEM, extra: int = 0, standing: bool = False
) -> list[int]:
    """The ids of the verdicts. `extra`: so many further verdicts before; `standing`: the year ends in an alarm."""
    draw, ledger = random.Random(7), Ledger(settings.database)
    try:
        for place in range(extra):
            start = OPENING - timedelta(hours=extra - place)
            _verdict(ledger, problem, draw, start, start + timedelta(hours=1), 1, 0, False)
        _release(ledger, problem, 1, OPENING, "promote", "Ada", ["log_loss 0.502 beats the baseline (0.5583)"])
        verdicts, version = [], 1
        for week in range(weeks):
            start = OPENING + week * WEEK
            last = standing and week >= weeks - 2
            verdicts.append(_verdict(ledger, problem, draw, start, start + WEEK, version, week, last))
            version = _what_followed(ledger, problem, week, start + WEEK, version)
        if standing:
            _episode(settings, problem, verdicts[-2], OPENING + (weeks - 1) * WEEK)
    finally:
        ledger.close()
    return verdicts


def write_traffic(settings: Settings, days: int = 10, problem: str = PROBLEM, until: datetime | None = None) -> str:
    """Some answers a day up to then, each with a label but the newest ones; the id of one that has a label."""
    log, until = PredictionLog(settings.database), until or OPENING + 52 * WEEK
    rows = [
        LoggedPrediction(
            new_id(), problem, 2, "r2", moment, moment, {"carrier": "UA", "hour": 7}, True, {"false": 0.3, "true": 0.7}
        )
        for day in range(days)
        for moment in [until - timedelta(days=day, hours=hour) for hour in range(1, 8 + day % 3)]
    ]
    log.append(rows)
    known = [{"id": one.id, "label": True, "known_at": one.at + timedelta(hours=6)} for one in rows[20:]]
    log.add_labels(problem, known, until, lambda label: label)
    log.close()
    return rows[-1].id


def _what_followed(ledger: Ledger, problem: str, week: int, at: datetime, version: int) -> int:
    """What was decided at the end of a week; the version that serves from then on."""
    if week == 8:
        reason = "log_loss is not credibly better than champion 1: gain -0.0015 (-0.0194 to +0.0140) at 95%"
        _release(ledger, problem, 2, at, "keep", "calendar", [reason])
    if week == _COLLAPSE:
        reason = "performance alarms: since 6 April the loss is 0.09 above what these answers promised"
        asked = ledger.request(problem, f"retrain:{week}", reason=reason, as_of=at, at=at)
        _release(ledger, problem, 3, at, "promote", "policy", ["log_loss is credibly better than champion 1: +0.061"])
        ledger.finish(asked.id, at, "promote", {"version": 3})
        return 3
    if week == _BREAK:
        say = {"kind": "acknowledgement", "outcome": "acknowledged", "actor": "Grace"}
        ledger.record(f"ack:{week}", at=at, problem=problem, reasons=["the weather feed is being mended"], **say)
    return version


def _release(
    ledger: Ledger, problem: str, version: int, at: datetime, outcome: str, actor: str, reasons: list[str]
) -> None:
    checks = [{"name": "gain", "passed": outcome == "promote", "value": 0.06, "limit": 0.0, "reason": reasons[0]}]
    evidence = {
        "run_key": f"k{version}",
        "problem_text": TEXT,
        "learner": "linear",
        "checks": checks,
        "history": "h",
        "metrics": {"log_loss": {"value": 0.5, "low": 0.48, "high": 0.52}},
    }
    ledger.record(
        f"release:{problem}:k{version}",
        at=at,
        problem=problem,
        kind="release",
        outcome=outcome,
        version=version,
        run_id=f"r{version}",
        actor=actor,
        reasons=reasons,
        evidence=evidence,
    )


def _verdict(
    ledger: Ledger,
    problem: str,
    draw: random.Random,
    start: datetime,
    end: datetime,
    version: int,
    week: int,
    bad: bool,
) -> int:
    harm = draw.gauss(0.004, 0.011) + (0.09 if bad or _COLLAPSE - 1 <= week < _MENDED - 1 else 0.0)
    broken = _BREAK - 1 <= week <= _BREAK
    season = 0.35 + 0.3 * math.sin(week / 52 * 2 * math.pi)
    evidence = 4.0 if harm > 0.05 else max(draw.gauss(0.4, 0.3), 0.0)
    levels = {
        "performance": "alarm" if evidence > 3 else "warning" if harm > 0.02 else "healthy",
        "calibration": "warning" if harm > 0.05 else "healthy",
        "estimate": "healthy",
        "prediction": "warning" if season > 0.6 else "healthy",
        "data": "warning" if season > 0.55 else "healthy",
        "quality": "alarm" if broken else "healthy",
    }
    reasons = _reasons(levels, harm, start)
    rows = 6_000 + draw.randrange(900)
    labels = int(rows * (0.94 if not bad else 0.81))
    numbers = {
        "rows": rows,
        "labels": labels,
        "coverage": labels / rows,
        "harm": harm,
        "harm, low": harm - 0.02,
        "harm, high": harm + 0.02,
        "harm, limit": 0.05,
        "evidence": evidence,
        "evidence, limit": 3.0,
        "promised loss": 0.5 - harm / 9,
        "loss": 0.5 + harm,
        "loss, low": 0.47 + harm,
        "loss, high": 0.53 + harm,
        "calibration gap": harm / 2 - 0.002,
        "calibration gap, limit (±)": 0.03,
        "prediction drift": max(season - 0.3, 0.01),
        "prediction drift, limit": 0.3,
        "drifted columns": max(season, 0.0),
        "drifted columns, limit": 0.55,
    }
    facts: dict[str, Any] = {
        "problem": problem,
        "level": max(levels.values(), key=["healthy", "warning", "alarm"].index),
        "version": version,
        "kinds": {kind: {"level": level, "reasons": reasons.get(kind, [])} for kind, level in levels.items()},
        "start": start.isoformat(),
        "end": end.isoformat(),
        "as_of": end.isoformat(),
        "rows": rows,
        "labels": labels,
        "coverage": labels / rows,
        "newest_label": (end - timedelta(hours=9)).isoformat(),
        "numbers": numbers,
        "columns": _columns(draw, season, harm),
        "quality": _quality(draw, broken),
        "notes": [],
        "retraining": {"act": levels["performance"] == "alarm", "reasons": [], "blocked_by": []},
        "report": "/srv/ratchet/evidently/p/snapshots/bc76db57-81e6-5b0a-b4f8-9715b04bed8e.json",
    }
    key = f"verdict:{problem}:{start.isoformat()}:{end.isoformat()}"
    told = [reason for kind in levels for reason in reasons.get(kind, [])]
    return ledger.record(
        key,
        at=end,
        problem=problem,
        kind="verdict",
        outcome=facts["level"],
        version=version,
        run_id=f"r{version}",
        reasons=told,
        evidence=facts,
    ).id


def _reasons(levels: dict[str, str], harm: float, start: datetime) -> dict[str, list[str]]:
    since = f"{start:%-d %B}"
    texts = {
        "performance": f"since {since} the loss is {harm:.3f} above what these answers promised (0.502): 12 days of "
        "evidence, 1 in 4,000 by chance",
        "calibration": "answers are 0.043 too low on average (limit 0.030)",
        "prediction": "the answers drifted: wasserstein 0.31 (limit 0.30)",
        "data": "61% of what the model goes by drifted (limit 55%): temp 2.66 (limit 0.10), wind_gust 0.71",
        "quality": "wind_gust is missing in every row (61% in the reference)",
    }
    return {kind: [texts[kind]] for kind, level in levels.items() if level != "healthy" and kind in texts}


def _columns(draw: random.Random, season: float, harm: float) -> list[dict[str, Any]]:
    found = []
    for place, (name, used) in enumerate(zip(COLUMNS, _USED, strict=True)):
        score = max(draw.gauss(season * (1.6 if name in ("temp", "wind_gust") else 0.16), 0.03), 0.001)
        found.append(
            {
                "name": name,
                "method": "wasserstein" if place % 3 else "jensenshannon",
                "score": score,
                "threshold": 0.1,
                "noise": 0.07,
                "note": None,
                "drifted": score > 0.1,
                "usage": used,
                "p_value": 0.2,
                "harm": max(used * harm * (2 if place == 0 else 0.6), 0.0),
                "harm_share": max(used * harm, 0.0) / 0.5,
                "baseline": "the reference",
            }
        )
    return found


def _quality(draw: random.Random, broken: bool) -> list[dict[str, Any]]:
    before = [0.61 if name == "wind_gust" else 0.01 for name in COLUMNS]
    return [
        {
            "name": name,
            "missing": 1.0 if broken and name == "wind_gust" else share + abs(draw.gauss(0, 0.01)),
            "missing_before": share,
            "unseen": 0.0008 if name == "dest" else 0.0,
            "outside": 0.0,
            "broken": 0.0,
        }
        for name, share in zip(COLUMNS, before, strict=True)
    ]


def _episode(settings: Settings, problem: str, entry: int, at: datetime) -> None:
    """The outbox as it stands after the verdict that began the alarm."""
    notices = Notices(settings.database)
    kinds = ("performance",)
    news = News("begun", kinds, at, f"{problem}: performance alarm", {}, entry)
    assert notices.keep(problem, "health", None, Course(kinds, kinds, kinds), news, [], at, (None, Cursor(entry)))
    notices.close()
