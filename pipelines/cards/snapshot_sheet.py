"""The datasheet of a snapshot as a document: the questions of Gebru et al., Datasheets for Datasets, CACM 2021."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.cards.document import Block, Cell, Code, Document, Facts, Figure, Heading, Listing, Section, Table, Text
from pipelines.cards.pages import as_html, as_markdown
from pipelines.cards.wording import listed, moment, number, percent
from pipelines.core.problem import Problem, write_duration
from pipelines.core.schema import Column, Contract

_MOST_COLUMNS = 300


@dataclass(frozen=True)
class ColumnFacts:
    """One column as the table has it: the share that is missing, and its values in words."""

    column: Column
    missing: float
    values: str


@dataclass(frozen=True)
class Datasheet:
    """What is known of a snapshot; None and the empty text are facts that nobody stated.

    `target`: the labels in words; `set_aside`: how many rows broke the contract, by reason.
    """

    problem: Problem
    contract: Contract
    snapshot: str | None
    as_of: datetime | str | None
    rows: int | None
    labelled: int | None
    period: str | None
    target: str | None
    columns: Sequence[ColumnFacts]
    set_aside: Mapping[str, int] | None


def datasheet_pages(sheet: Datasheet) -> dict[str, str]:
    """The datasheet as `datasheet.html` and `datasheet.md`."""
    document = datasheet_document(sheet)
    return {"datasheet.html": as_html(document), "datasheet.md": as_markdown(document)}


def datasheet_of_release(problem: Problem, contract: Contract, facts: Mapping[str, Any]) -> Datasheet:
    """What contract and release know of their snapshot, where the sheet that ingest wrote is not at hand."""
    columns = [ColumnFacts(one, one.missing, _seen(one)) for one in contract.columns]
    labels = None if contract.classes is None else f"classes: {listed(contract.classes, 20)}"
    return Datasheet(
        problem=problem,
        contract=contract,
        snapshot=facts.get("snapshot"),
        as_of=facts.get("as_of"),
        rows=facts.get("rows"),
        labelled=facts.get("labels"),
        period=None if contract.time else "no time column",
        target=labels,
        columns=columns,
        set_aside=None,
    )


def datasheet_document(sheet: Datasheet) -> Document:
    """The datasheet in Gebru's seven parts."""
    sections = [
        _motivation(sheet),
        _composition(sheet),
        _collection(sheet),
        _preparation(sheet),
        _uses(sheet),
        _distribution(),
        _maintenance(sheet),
    ]
    source = (
        "Made by Ratchet from the snapshot, its contract and the problem file. Questions as in Gebru et al., "
        "Datasheets for Datasets (CACM 2021). What nobody stated is marked so; nothing was added by hand."
    )
    figures = [Figure("rows", _count(sheet.rows) or "–"), Figure("with a label", _count(sheet.labelled) or "–")]
    figures.append(Figure("columns", f"{len(sheet.columns):,}"))
    if sheet.set_aside is not None:
        figures.append(Figure("rows set aside", f"{sum(sheet.set_aside.values()):,}"))
    return Document("Datasheet", sheet.problem.name, sheet.problem.question, sections, source, figures=figures)


def _motivation(sheet: Datasheet) -> Section:
    rows: list[tuple[str, Cell]] = [
        ("Purpose", sheet.problem.question),
        ("Made by", None),
        ("Funded by", None),
    ]
    return Section("Motivation", "motivation", [Facts(rows)])


def _composition(sheet: Datasheet) -> Section:
    contract = sheet.contract
    protected = listed(sheet.problem.good_enough.protected)
    rows: list[tuple[str, Cell]] = [
        ("Snapshot", Code(sheet.snapshot) if sheet.snapshot else None),
        ("Rows", _count(sheet.rows)),
        ("Rows with a label", _count(sheet.labelled)),
        ("What a row is", None),
        ("Key", listed(contract.key) or "none"),
        ("Period", sheet.period),
        ("Task", contract.task),
        ("Target", Code(contract.target)),
        ("Labels", sheet.target),
        ("Recommended split", _split(sheet.problem)),
        ("Protected characteristics of people", protected or "none declared in the problem file"),
        ("Confidential or offensive content", None),
        ("Whether people can be identified", None),
    ]
    shown = [
        (Code(one.column.name), one.column.kind, _use(one.column), percent(one.missing), one.values)
        for one in sheet.columns[:_MOST_COLUMNS]
    ]
    left = len(sheet.columns) - len(shown)
    names = ("column", "kind", "used as", "missing", "values")
    table = Table(names, shown, note=f"and {left:,} more." if left else "")
    return Section("Composition", "composition", [Facts(rows), Heading("Columns"), table])


def _collection(sheet: Datasheet) -> Section:
    source = sheet.problem.data.source
    files = source.files
    if isinstance(files, dict):
        named = [f"{name}: {listed([one] if isinstance(one, str) else one)}" for name, one in files.items()]
    else:
        named = [files] if isinstance(files, str) else list(files)
    rows: list[tuple[str, Cell]] = [
        ("Files", "; ".join(named)),
        ("Package", Code(source.package) if source.package else "none"),
        ("Known up to", moment(sheet.as_of)),
        ("Collected by, and how", None),
        ("Consent of the people in it", None),
        ("Ethical review", None),
    ]
    blocks: list[Block] = [Facts(rows)]
    if source.sql:
        blocks += [Heading("Query that joins the files"), Listing(source.sql.strip())]
    return Section("Collection process", "collection", blocks)


def _preparation(sheet: Datasheet) -> Section:
    problem = sheet.problem
    data, target = problem.data, problem.data.target
    if data.label_known_at is not None:
        known: Cell = f"when column {data.label_known_at} says"
    else:
        known = f"{write_duration(data.label_delay)} after {data.time}" if data.label_delay is not None else None
    rows: list[tuple[str, Cell]] = [
        ("How the label is made", Code(target.expression) if target.expression else "a column of the source"),
        ("When a label is known", known),
        ("Texts that mean a missing value", listed(repr(one) for one in data.source.null_values)),
        ("Columns not stored", listed(sheet.contract.ignored) or "none"),
        ("Raw data kept", "by whoever keeps the source; the snapshot holds the rows that keep the contract"),
    ]
    blocks: list[Block] = [Facts(rows), Heading("Rows set aside")]
    if sheet.set_aside is None:
        blocks.append(Text(""))
    elif not sheet.set_aside:
        blocks.append(Text("None: every row keeps the contract."))
    else:
        reasons = [(reason, f"{count:,}") for reason, count in list(sheet.set_aside.items())[:20]]
        blocks.append(Table(("reason", "rows"), reasons, numbers=1))
    return Section("Preprocessing, cleaning, labelling", "preparation", blocks)


def _uses(sheet: Datasheet) -> Section:
    rows: list[tuple[str, Cell]] = [
        ("Used for", f"the models of the problem {sheet.problem.name}"),
        ("Other uses", None),
        ("What it should not be used for", None),
    ]
    return Section("Uses", "uses", [Facts(rows)])


def _distribution() -> Section:
    rows: list[tuple[str, Cell]] = [("Given to third parties", None), ("Licence", None), ("Export controls", None)]
    return Section("Distribution", "distribution", [Facts(rows)])


def _maintenance(sheet: Datasheet) -> Section:
    rows: list[tuple[str, Cell]] = [
        ("Owner", sheet.problem.owner),
        ("Updates", "each ingest that finds other rows makes a new snapshot under its own digest"),
        ("Older versions", "kept by DVC under their digests"),
        ("Errata", None),
        ("How to contribute", None),
    ]
    return Section("Maintenance", "maintenance", [Facts(rows)])


def _split(problem: Problem) -> str:
    timed = problem.split.method == "time" or (problem.split.method == "auto" and problem.data.time is not None)
    return f"the {'newest' if timed else 'random'} {percent(problem.split.test)} of the labelled rows are held out"


def _use(column: Column) -> str:
    if column.feature:
        return "feature"
    return "history, time" if column.asked else "outcome, split"


def _seen(column: Column) -> str:
    """The values of a column as the contract has them."""
    if column.kind == "numeric" and column.low is not None:
        return f"{number(column.low)} to {number(column.high)}"
    if column.seen is not None:
        return f"{len(column.seen):,} different: {listed(column.seen, 5)}"
    return ""


def _count(rows: int | None) -> str | None:
    return None if rows is None else f"{rows:,}"
