"""The page of a run: floors, false alarms, breaks found, as tables and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.alarms.floors import floors
from benchmarks.alarms.rivals import RIVALS
from benchmarks.alarms.streams import HARMFUL, QUIET, STREAMS
from benchmarks.alarms.tallies import Tally, blamed, tally
from benchmarks.alarms.watches import LENGTHS, OURS, Watch
from benchmarks.tables import Table, markdown, plain

RULES = (OURS, *RIVALS)
_KINDS = ("performance", "calibration", "estimate", "prediction", "data", "quality")


def tables(watches: Sequence[Watch]) -> list[Table]:
    """Every table of a run."""
    makers = (_floors, _rules, _false, _breaks, _delays, _weekly, _warned)
    return [make(watches) for make in makers]


def text(watches: Sequence[Watch]) -> str:
    """For the terminal."""
    return "\n\n".join(plain(table) for table in tables(watches)).replace("**", "")


def page(about: dict[str, Any], watches: Sequence[Watch]) -> str:
    """In Markdown, for the documentation to hold."""
    years = sum(tally(watches, OURS, length).years for length in LENGTHS)
    versions = about["versions"]
    head = (
        f"Measured {about['at'][:10]} on {about['cores']} cores of {about['cpu']}, Python {about['python']}, "
        f"scikit-learn {versions['scikit-learn']}, Evidently {versions['evidently']}: {about['seeds']} seeds each, "
        f"from 0, {years:,.0f} calm years in all, {about['seconds'] / 60:.0f} minutes."
    )
    parts = [f"### {table.title}\n\n{markdown(table)}" for table in tables(watches)]
    return "\n\n".join([head, *parts]) + "\n"


def as_json(about: dict[str, Any], watches: Sequence[Watch]) -> dict[str, Any]:
    """Everything that was counted."""
    streams = [
        {"stream": name, "harm": STREAMS[name].harm, "window": LENGTHS[length], "rule": rule, **_told(found)}
        for name in STREAMS
        for length in LENGTHS
        for rule in RULES
        if (found := tally(watches, rule, length, name)).scores
    ]
    kinds = {
        LENGTHS[length]: {what: blamed(watches, what, length) for what in ("false", "found", "calm")}
        for length in LENGTHS
    }
    told = [{**asdict(one), "met": one.met} for one in floors(watches)]
    return {"about": about, "floors": told, "streams": streams, "kinds": kinds}


def _told(found: Tally) -> dict[str, Any]:
    """A tally's figures; of what there is none, none."""
    figures = {
        "seeds": len(found.scores),
        "calm_years": found.years,
        "false": found.false,
        "false_a_year": found.false_a_year,
        "alarmed": found.alarmed,
        "about_a_real_loss": found.right,
        "breaks": found.breaks,
        "found": found.found,
        "days": found.days(),
        "days, 90%": found.days(0.9),
        "labels": found.labels(),
        "labels, 90%": found.labels(0.9),
    }
    return {name: None if one is None or one != one else one for name, one in figures.items()}


def _floors(watches: Sequence[Watch]) -> Table:
    rows = [
        (one.promise, one.stream, f"at most {one.wanted:g}", f"{one.found:.2f}", "met" if one.met else "**not met**")
        for one in floors(watches)
    ]
    return Table("What was promised", ("Promise", "streams", "wanted", "found", "verdict"), rows)


def _rules(watches: Sequence[Watch]) -> Table:
    rows = []
    for rule in RULES:
        quiet, harmful, every = (tally(watches, rule, harm=harm) for harm in (False, True, None))
        shares = _share(every.right), _share(harmful.found), _share(quiet.alarmed)
        rows.append((rule, _rate(quiet), *shares, _count(harmful.days()), _count(harmful.labels())))
    names = ("false alarms a year", "alarms about a real loss", "breaks found", "calm days in alarm")
    return Table("The rules, daily windows", ("Rule", *names, "median days to find", "median labels"), rows)


def _false(watches: Sequence[Watch]) -> Table:
    rows = []
    kinds = blamed(watches, "false")
    for name in (stream.name for stream in QUIET):
        ours = tally(watches, OURS, stream=name)
        if not ours.scores:
            continue
        rates = [_rate(tally(watches, rule, stream=name)) for rule in RULES]
        which = ", ".join(f"{kind} {count}" for kind, count in kinds.get(name, {}).items())
        rows.append((name, f"{ours.years:.0f}", *rates, which))
    return Table(
        "False alarms a year, streams without harm, daily windows", ("Stream", "years", *RULES, "ours by"), rows
    )


def _breaks(watches: Sequence[Watch]) -> Table:
    rows = []
    for stream in HARMFUL:
        each = [tally(watches, rule, stream=stream.name) for rule in RULES]
        if each[0].scores:
            rows.append((stream.name, *(_share(one.found) for one in each), *(_rate(one) for one in each)))
    return Table(
        "Breaks found, and false alarms a year before them, daily windows",
        ("Stream", *(f"{rule}: found" for rule in RULES), *(f"{rule}: false" for rule in RULES)),
        rows,
    )


def _delays(watches: Sequence[Watch]) -> Table:
    rows = []
    kinds = blamed(watches, "found")
    for stream in HARMFUL:
        each = [tally(watches, rule, stream=stream.name) for rule in RULES]
        ours = each[0]
        if not ours.scores:
            continue
        first = ", ".join(kind for kind, _ in kinds.get(stream.name, {}).items())
        rows.append(
            (stream.name, f"{stream.delay:g}", _count(ours.days()), _count(ours.days(0.9)), _count(ours.labels()),
             _count(ours.labels(0.9)), *(_count(one.days()) for one in each[1:]), first)
        )  # fmt: skip
    names = ("days till a label", "median days", "90% within", "median labels", "90% within ")
    return Table(
        "How soon a break is found, daily windows (– : half, or a tenth, never was)",
        ("Stream", *names, *(f"{rule}: days" for rule in RIVALS), "ours by"),
        rows,
    )


def _weekly(watches: Sequence[Watch]) -> Table:
    rows = []
    for name, stream in STREAMS.items():
        found = tally(watches, OURS, 7, name)
        if found.scores:
            told = (_share(found.found), _count(found.days()), _count(found.labels())) if stream.harm else ("", "", "")
            rows.append((name, _rate(found), *told))
    return Table("Ratchet in weekly windows", ("Stream", "false a year", "found", "median days", "median labels"), rows)


def _warned(watches: Sequence[Watch]) -> Table:
    """Of the seeds that were judged with their columns."""
    whole = [one for one in watches if one.columns and one.length == 1]
    counts, rows = blamed(whole, "calm"), []
    for stream in QUIET:
        calm = sum(one.scores[OURS].calm_days for one in whole if one.stream == stream.name)
        if calm:
            told = counts.get(stream.name, Counter())
            rows.append((stream.name, f"{calm:,}", *(_share(told.get(kind, 0) / calm) for kind in _KINDS)))
    return Table("Share of harmless days on which each kind warned, daily windows", ("Stream", "days", *_KINDS), rows)


def _share(share: float | None) -> str:
    return "–" if share is None or share != share else f"{share:.0%}"


def _rate(found: Tally) -> str:
    return "–" if not found.years else f"{found.false_a_year:.2f}"


def _count(count: float | None) -> str:
    return "–" if count is None else f"{count:,.0f}"
