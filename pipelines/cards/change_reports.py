"""What a reviewer of a change is told, in Markdown: of data beside its contract, of a model beside the champion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.cards.document import Block, Cell, Document, Facts, Mark, Points, Section, Table
from pipelines.cards.pages import as_markdown
from pipelines.cards.shared_cells import passed_mark, points
from pipelines.cards.wording import moment, number, percent

_WORDS = {"promote": "would be promoted", "keep": "would not be promoted", "not_enough_data": "cannot be judged yet"}
_MOST_ROWS = 10


def data_report(found: Mapping[str, Any]) -> str:
    """The report of `steps.check_data`."""
    facts: list[tuple[str, Cell]] = [
        ("Checked against", found["against"]),
        ("As of", moment(found["as_of"])),
        ("Rows", f"{found['rows']:,}, {found['labelled']:,} of them labelled"),
        ("Break the contract", f"{found['set_aside']:,} ({percent(found['set_aside'] / max(found['rows'], 1))})"),
    ]
    blocks: list[Block] = [Facts(facts), *points(found["findings"])]
    sections = [Section("Result", "result", blocks)]
    if found["schema_change"]["messages"]:
        sections.append(Section("Schema", "schema", [Points(found["schema_change"]["messages"])]))
    if found["reasons"]:
        rows = [[one["column"], one["example"], f"{one['rows']:,}"] for one in found["reasons"][:_MOST_ROWS]]
        sections.append(Section("Rows set aside", "aside", [Table(("Column", "For example", "Rows"), rows, numbers=1)]))
    if found["unseen"]:
        rows = [[one["column"], one["told"], f"{one['rows']:,}"] for one in found["unseen"][:_MOST_ROWS]]
        table = Table(("Column", "What is new", "Rows"), rows, numbers=1, note="No fault, but worth a look.")
        sections.append(Section("Never seen before", "unseen", [table]))
    return as_markdown(_document("Data", found, sections, passed_mark(found["passed"])))


def model_report(found: Mapping[str, Any]) -> str:
    """The report of `steps.dry_run`."""
    champion = "none yet" if found["champion"] is None else f"version {found['champion']}"
    facts: list[tuple[str, Cell]] = [
        ("Champion", champion),
        ("Learner", found["learner"]),
        ("Rows", f"{found['rows']:,} as of {moment(found['as_of'])}; {found['held_out']:,} held out"),
        ("Over HTTP", _rehearsed(found["rehearsal"])),
    ]
    sections = [
        Section("Result", "result", [Facts(facts), *points(found["reasons"])]),
        Section("Metrics on the held-out rows", "metrics", [_metrics(found)]),
        Section("Checks of the gate", "checks", [_checks(found)]),
    ]
    if found["schema_change"]["messages"]:
        sections.append(Section("Schema", "schema", [Points(found["schema_change"]["messages"])]))
    return as_markdown(_document("Model", found, sections, _word(found)))


def _word(found: Mapping[str, Any]) -> Mark:
    if found["same"]:
        return Mark("the candidate is the champion, bit for bit", "good")
    return Mark(f"the candidate {_WORDS[found['decision']]}", "good" if found["passed"] else "bad")


def _document(kind: str, found: Mapping[str, Any], sections: list[Section], mark: Mark) -> Document:
    lead = "Nothing was released, recorded or changed."
    return Document(kind=kind, name=found["problem"], lead=lead, sections=sections, source="Ratchet", mark=mark)


def _metrics(found: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = []
    for name in sorted(found["metrics"], key=lambda name: (name != found["primary"], name)):
        theirs = found["champion_metrics"].get(name)
        rows.append([name, _spanned(found["metrics"][name]), "–" if theirs is None else _spanned(theirs)])
    compared = found["comparison"] or {}
    note = f"{found['primary']} decides."
    if compared.get("low") is not None:
        gain, ends = number(compared["difference"]), f"{number(compared['low'])} to {number(compared['high'])}"
        note += f" Gain over the champion on the same rows: {gain} ({ends}); above 0 is better."
    return Table(("Metric", "Candidate", "Champion"), rows, numbers=2, note=note)


def _checks(found: Mapping[str, Any]) -> Table:
    """Those that failed first; unharmed slices are left out, since there may be a hundred."""
    told = [one for one in found["checks"] if not (one["passed"] and one["name"].startswith("slice "))]
    rows = [[one["name"], passed_mark(one["passed"]), one["reason"]] for one in sorted(told, key=lambda x: x["passed"])]
    return Table(("Check", "Outcome", "What was found"), rows)


def _rehearsed(found: Mapping[str, Any]) -> str:
    if found["skipped"]:
        return f"not rehearsed: {found['skipped']}"
    told = f"{found['rows'] - found['wrong']:,} of {found['rows']:,} answers equal the batch"
    return told if found["latency_ms"] is None else f"{told}; one row takes {number(found['latency_ms'])} ms"


def _spanned(found: Mapping[str, float | None]) -> str:
    ends = "" if found["low"] is None else f" ({number(found['low'])} to {number(found['high'])})"
    return number(found["value"]) + ends
