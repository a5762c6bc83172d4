"""One entry of the ledger as a page: what was decided and why, with its evidence in a readable order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.stores.sql.ledger_tables import Entry
from services.console.columns import ColumnLine, column_lines
from services.console.links import Links
from services.console.phrases import number, read_moment
from services.console.problem_view import KindLine, kind_lines

_SHOWN_APART = frozenset(
    {
        "kinds",
        "reasons",
        "columns",
        "quality",
        "numbers",
        "checks",
        "problem_text",
        "contract",
        "problem",
        "level",
        "start",
        "end",
        "rows",
        "labels",
        "version",
    }
)
_LONG = 400  # characters of a value


@dataclass(frozen=True)
class Check:
    """One check of the gate."""

    name: str
    passed: bool
    reason: str


@dataclass(frozen=True)
class EntryView:
    """An entry with its evidence taken apart."""

    entry: Entry
    start: datetime | None
    end: datetime | None
    kinds: Sequence[KindLine]
    columns: Sequence[ColumnLine]
    numbers: Sequence[tuple[str, str]]
    checks: Sequence[Check]
    facts: Sequence[tuple[str, str]]
    links: Sequence[tuple[str, str]]
    text: str | None


def entry_view(entry: Entry, links: Links) -> EntryView:
    """The page of an entry."""
    facts = entry.evidence
    return EntryView(
        entry=entry,
        start=read_moment(facts.get("start")),
        end=read_moment(facts.get("end")),
        kinds=kind_lines(facts) if isinstance(facts.get("kinds"), Mapping) else [],
        columns=column_lines(facts),
        numbers=[(name, number(value)) for name, value in sorted((facts.get("numbers") or {}).items())],
        checks=list(_checks(facts.get("checks"))),
        facts=list(_facts(facts)),
        links=list(_links(entry, links)),
        text=facts.get("problem_text"),
    )


def _checks(value: Any) -> Iterator[Check]:
    for one in value if isinstance(value, list) else []:
        yield Check(str(one.get("name", "")), bool(one.get("passed")), str(one.get("reason", "")))


def _facts(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The rest of the evidence, a line for each value; nested ones by their path."""
    for name, value in evidence.items():
        if name not in _SHOWN_APART:
            yield from _lines(name.replace("_", " "), value)


def _lines(name: str, value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and set(value) == {"value", "low", "high"}:
        yield name, f"{number(value['value'])} ({number(value['low'])} to {number(value['high'])})"
    elif isinstance(value, Mapping) and value and depth < 2:
        for inner, one in value.items():
            yield from _lines(f"{name}, {inner}", one, depth + 1)
    elif value not in (None, [], {}, ""):
        yield name, _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, list) and all(isinstance(one, (str, int, float)) for one in value):
        return "; ".join(_plain(one) for one in value)[:_LONG]
    return str(value)[:_LONG]


def _links(entry: Entry, links: Links) -> Iterator[tuple[str, str]]:
    """Where the rest of the stack shows what the entry is about."""
    here = f"/problems/{entry.problem}"
    found = [
        ("Evidently report", links.report(entry.problem, entry.evidence.get("report"))),
        ("MLflow run", links.run(entry.run_id)),
        ("MLflow version", links.version(entry.problem, entry.version)),
        ("Prefect run", links.flow_run(entry.evidence.get("flow_run_id"))),
    ]
    if entry.version is not None:
        found.insert(0, ("Model card", f"{here}/releases/{entry.version}/card"))
    yield from ((words, url) for words, url in found if url)
