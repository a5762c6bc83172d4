"""From the ledger's verdicts to notices: what began, got worse or is over since the last look, and what is missing.

Everything is derived from the ledger, so that a verdict whose judge was killed the moment after is told all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipelines.core.episodes import REMIND_AFTER, Course, follow, history_lag, is_dead, labels_dried_up
from pipelines.stores.alarms.alarm_acts import Silence, acknowledgements, silences
from pipelines.stores.alarms.notice_keeping import Address, Cursor, News
from pipelines.stores.alarms.notice_words import (
    Words,
    about_history,
    about_labels,
    about_monitor,
    about_reminder,
    about_retraining,
    about_verdict,
)
from pipelines.stores.alarms.notices import Notices
from pipelines.stores.decisions.ledger import Entry, Ledger
from pipelines.stores.sql.notice_tables import Episode, Topic

_DEEP = 200  # verdicts that are caught up with at once
_LAST = 20  # entries on retraining among which the last one that matters is


@dataclass(frozen=True)
class Outbox:
    """Where notices are kept and where they go; `console`: the address of the operators' pages."""

    ledger: Ledger
    notices: Notices
    to: Sequence[Address]
    console: str

    def silences(self, problem: str, now: datetime) -> list[Silence]:
        """The silences of a problem in force at `now`."""
        return silences(self.ledger, now, problem)


def catch_up(outbox: Outbox, problem: str, now: datetime) -> int:
    """Follow the problem's verdicts since the last look; how many there were. Called again it changes nothing.

    The first look takes the newest verdict alone: what was long ago is no news.
    """
    before = outbox.notices.cursor(problem)
    newest = outbox.ledger.entries(problem, "verdict", limit=1)
    if not newest or (before is not None and newest[0].id <= before.entry):
        return 0
    if before is not None:
        newest = outbox.ledger.entries(problem, "verdict", limit=_DEEP)
        newest = [entry for entry in reversed(newest) if entry.id > before.entry]
    for entry in newest:
        after = _moved(before, entry)
        if not (_follow_labels(outbox, entry, before, now) and _follow_verdict(outbox, entry, before, after, now)):
            return 0  # another process catches up just now
        before = after
    return len(newest)


def remind(outbox: Outbox, problem: str, now: datetime) -> int:
    """Tell again of episodes that are still in alarm after a day and that nobody has acknowledged; how many."""
    standing = outbox.notices.standing(problem)
    due = [one for one in standing if one.alarming and now - one.told_at >= REMIND_AFTER]
    if not due:
        return 0
    known, silenced, count = acknowledgements(outbox.ledger, problem), outbox.silences(problem, now), 0
    for episode in due:
        if episode.key in known or _withheld(silenced, episode.alarming):
            continue  # the latter is told as soon as the silence is over
        subject, body = about_reminder(episode, outbox.console)
        news = News("reminder", tuple(episode.alarming), now, subject, body, episode.last_entry)
        count += outbox.notices.keep(problem, episode.topic, episode, _course(episode), news, outbox.to, now)
    return count


def look_for_silence(outbox: Outbox, problem: str, window: timedelta, now: datetime) -> bool:
    """Whether verdicts on the problem have ceased for three windows; told once, and again when they are back."""
    last = next(iter(outbox.ledger.entries(problem, "verdict", limit=1)), None)
    if last is None or last.recorded_at is None:
        return False
    dead = is_dead(last.recorded_at, window, now)
    words = about_monitor(problem, dead, last, window, outbox.console)
    levels = {"monitor": "alarm" if dead else "healthy"}
    _follow(outbox, problem, "monitor", levels, last, words, now, now, None)
    return dead


def look_at_history(
    outbox: Outbox, problem: str, known: datetime | None, windows: Sequence[timedelta], now: datetime
) -> bool:
    """Whether the history in force, `known` up to that moment, lags behind what was judged last; told once."""
    last = next(iter(outbox.ledger.entries(problem, "verdict", limit=1)), None)
    if last is None or known is None or not last.evidence.get("rows"):
        return False
    lag = history_lag(known, datetime.fromisoformat(_end(last)), windows, now)
    words = about_history(last, known, lag, outbox.console)
    levels = {"history": "healthy" if lag is None else "alarm"}
    _follow(outbox, problem, "history", levels, last, words, now, now, None)
    return lag is not None


def look_at_retraining(outbox: Outbox, problem: str, now: datetime) -> bool:
    """Whether the last retraining failed, or the next waits for a person (the breaker); told once."""
    said = outbox.ledger.entries(problem, "retraining", limit=_LAST)
    last = next((entry for entry in said if entry.outcome in ("done", "failed") or _waits(entry)), None)
    if last is None:
        return False
    stuck = last.outcome != "done"
    levels = {"retraining": "alarm" if stuck else "healthy"}
    words = about_retraining(last, stuck, outbox.console)
    _follow(outbox, problem, "retraining", levels, last, words, last.at, now, None)
    return stuck


def _waits(entry: Entry) -> bool:
    """Whether the breaker was in the way."""
    return entry.outcome == "blocked" and "max_rejections" in entry.evidence.get("obstacles", [])


def _follow_verdict(outbox: Outbox, entry: Entry, before: Cursor | None, after: Cursor, now: datetime) -> bool:
    if before is not None and before.window_end is not None and _end(entry) < before.window_end:
        levels: dict[str, str] = {}  # an older window judged again: today's alarm is about newer ones
    else:
        levels = {kind: one["level"] for kind, one in entry.evidence.get("kinds", {}).items()}
    return _follow(outbox, entry.problem, "health", levels, entry, None, entry.at, now, (before, after))


def _follow_labels(outbox: Outbox, entry: Entry, before: Cursor | None, now: datetime) -> bool:
    facts = entry.evidence
    if before is None or "end" not in facts or _end(entry) < (before.window_end or ""):
        return True
    start, end = datetime.fromisoformat(facts["start"]), datetime.fromisoformat(facts["end"])
    labelled = None if before.labelled_end is None else datetime.fromisoformat(before.labelled_end)
    dry = labels_dried_up(facts["rows"], facts["labels"], end, labelled, end - start)
    levels = {"labels": "alarm" if dry else "healthy" if facts["labels"] else "unknown"}
    words = about_labels(entry, dry, before.labelled_end, outbox.console)
    return _follow(outbox, entry.problem, "labels", levels, entry, words, entry.at, now, None)


def _follow(
    outbox: Outbox,
    problem: str,
    topic: Topic,
    levels: dict[str, str],
    entry: Entry,
    words: Words | None,
    at: datetime,
    now: datetime,
    moved: tuple[Cursor | None, Cursor] | None,
) -> bool:
    """Whether the episode of the topic was taken one step on; `words`: what is told, if not the verdict in `entry`."""
    episode = next(iter(outbox.notices.standing(problem, topic)), None)
    course, event, kinds = follow(None if episode is None else _course(episode), levels)
    news = None
    if event is not None:
        subject, body = words or about_verdict(entry, event, kinds, outbox.console)
        news = News(event, kinds, at, subject, body | {"event": event}, entry.id)
        news = replace(news, withheld=_withheld(outbox.silences(problem, now), kinds))
    if episode is None and news is None and moved is None:
        return True
    return outbox.notices.keep(problem, topic, episode, course, news, outbox.to, now, moved)


def _withheld(silenced: Sequence[Silence], kinds: Sequence[str]) -> str | None:
    return next((one.text for one in silenced if one.covers(kinds)), None)


def _course(episode: Episode) -> Course:
    return Course(tuple(episode.kinds), tuple(episode.open), tuple(episode.alarming))


def _end(entry: Entry) -> str:
    return str(entry.evidence.get("end", ""))


def _moved(before: Cursor | None, entry: Entry) -> Cursor:
    earlier = before or Cursor(0)
    end = max(_end(entry), earlier.window_end or "") or None
    labelled = earlier.labelled_end
    if entry.evidence.get("labels"):
        labelled = max(_end(entry), labelled or "")
    return Cursor(entry.id, end, labelled)
