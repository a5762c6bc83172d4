"""What a notice says: a subject, and a body that a program or a person can read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pipelines.core.problem import write_duration
from pipelines.stores.sql.ledger_tables import Entry
from pipelines.stores.sql.notice_tables import Episode

Words = tuple[str, dict[str, Any]]
_SAID = 8  # reasons that a notice repeats; the page has all


def about_verdict(entry: Entry, event: str, kinds: Sequence[str], console: str) -> Words:
    """What a verdict began, made worse or ended."""
    facts, named = entry.evidence, ", ".join(kinds)
    heads = {
        "begun": f"alarm: {named}",
        "worse": f"alarm now also on {named}",
        "recovered": f"healthy again: {named}",
    }
    found = facts.get("kinds", {})
    reasons = [reason for kind in kinds for reason in found.get(kind, {}).get("reasons", [])]
    body = {
        "level": entry.outcome,
        "kinds": list(kinds),
        "levels": {kind: one["level"] for kind, one in found.items()},
        "reasons": reasons[:_SAID],
        "window": {"start": facts.get("start"), "end": facts.get("end")},
        "rows": facts.get("rows"),
        "labels": facts.get("labels"),
        "version": entry.version,
        "at": entry.at.isoformat(),
        "retraining": _retraining(facts.get("retraining") or {}),
    }
    return _words(entry.problem, heads[event], body, f"{console}/problems/{entry.problem}/verdicts/{entry.id}")


def about_reminder(episode: Episode, console: str) -> Words:
    """What is still in alarm."""
    head = f"still in alarm since {episode.began:%Y-%m-%d %H:%M}: {', '.join(episode.alarming)}"
    link = f"{console}/problems/{episode.problem}"
    if episode.last_entry is not None and episode.topic == "health":
        link += f"/verdicts/{episode.last_entry}"
    reasons = [f"nobody has acknowledged it: `ratchet alarms acknowledge {episode.problem}` ends the reminders"]
    body = {"level": "alarm", "kinds": episode.alarming, "reasons": reasons, "began": episode.began.isoformat()}
    return _words(episode.problem, head, {**body, "event": "reminder"}, link)


def about_monitor(problem: str, dead: bool, last: Entry, window: timedelta, console: str) -> Words:
    """Verdicts that have ceased, or are back."""
    when = f"{last.recorded_at:%Y-%m-%d %H:%M} UTC"
    link = f"{console}/problems/{problem}/verdicts/{last.id}"
    if not dead:
        return _words(problem, "verdicts are back", {"level": "healthy", "kinds": ["monitor"], "reasons": []}, link)
    reasons = [
        f"the last verdict is of {when}, more than three windows of {write_duration(window)} ago: either the monitor "
        "does not run (`ratchet status`), or nothing is answered any more"
    ]
    body = {"level": "alarm", "kinds": ["monitor"], "reasons": reasons}
    return _words(problem, f"no verdict since {when}", body, link)


def about_labels(entry: Entry, dry: bool, labelled: str | None, console: str) -> Words:
    """Labels that have ceased, or are back."""
    facts = entry.evidence
    link = f"{console}/problems/{entry.problem}/verdicts/{entry.id}"
    body: dict[str, Any] = {"kinds": ["labels"], "rows": facts.get("rows"), "labels": facts.get("labels")}
    if not dry:
        return _words(entry.problem, "labels are back", {**body, "level": "healthy", "reasons": []}, link)
    reasons = [
        f"{facts.get('rows', 0):,} answers and no label in the window up to {facts.get('end')}; the last window with "
        f"labels ended at {labelled}: without labels nobody sees whether the model is right"
    ]
    return _words(entry.problem, "labels have ceased", {**body, "level": "warning", "reasons": reasons}, link)


def about_history(entry: Entry, known: datetime, lag: timedelta | None, console: str) -> Words:
    """History that serving looks up and that is not renewed any more, or is again."""
    link = f"{console}/problems/{entry.problem}"
    body: dict[str, Any] = {"kinds": ["history"], "known_until": known.isoformat()}
    if lag is None:
        return _words(
            entry.problem, "the history is up to date again", {**body, "level": "healthy", "reasons": []}, link
        )
    reasons = [
        f"what the service looks up ends at {known:%Y-%m-%d %H:%M} UTC, {write_duration(_whole(lag))} before what it "
        "answers: its features are as old as that. Either nothing renews it (`ratchet status`), or the source cannot "
        f"be read (`ratchet materialise {entry.problem}` says why)"
    ]
    return _words(entry.problem, "the history lags behind", {**body, "level": "alarm", "reasons": reasons}, link)


def about_retraining(entry: Entry, stuck: bool, console: str) -> Words:
    """A retraining that failed, or that nobody but a person can ask for; or the one that ended well afterwards."""
    link = f"{console}/problems/{entry.problem}/entries/{entry.id}"
    body: dict[str, Any] = {"kinds": ["retraining"], "at": entry.at.isoformat()}
    if not stuck:
        return _words(entry.problem, "retraining works again", {**body, "level": "healthy", "reasons": []}, link)
    head = "a retraining failed" if entry.outcome == "failed" else "no retraining before a person decides"
    return _words(entry.problem, head, {**body, "level": "alarm", "reasons": entry.reasons[:_SAID]}, link)


def _retraining(decision: dict[str, Any]) -> str:
    if decision.get("act"):
        return "asked for"
    if decision.get("dry_run"):
        return "would be asked for (dry run)"
    return "; ".join(decision.get("blocked_by") or []) or "not asked for"


def _whole(lag: timedelta) -> timedelta:
    """In whole hours, or whole days from two on."""
    unit = timedelta(days=1) if lag >= timedelta(days=2) else timedelta(hours=1)
    return lag // unit * unit


def _words(problem: str, head: str, body: dict[str, Any], link: str) -> Words:
    subject = f"{problem}: {head}"
    lines = [subject, *(f"- {reason}" for reason in body["reasons"]), link]
    return subject, {"problem": problem, "subject": subject, **body, "link": link, "text": "\n".join(lines)}
