"""Check data: new rows beside the contract in force, before anything is made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.core.contract import Contract, SchemaChange, check, infer_contract, made_from, schema_change
from pipelines.core.problem import Source
from pipelines.core.quarantine import find_reasons
from pipelines.core.settings import Settings
from pipelines.core.unseen import unseen_values
from pipelines.steps.reading import read_as_of
from pipelines.stores.problems.contracts import contract_in_force
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.releases.champions import find_champion

MOST_SET_ASIDE = 0.05
"""Share of rows that may break the contract: some always do, and ingest sets them aside."""


@dataclass(frozen=True)
class DataCheck:
    """What was found; every field is JSON. `against`: whose contract it was, `findings`: why it did not pass."""

    problem: str
    as_of: str
    against: str
    contract_digest: str | None
    rows: int
    labelled: int
    set_aside: int
    reasons: list[dict[str, Any]]
    unseen: list[dict[str, Any]]
    schema_change: dict[str, Any]
    findings: list[str]
    passed: bool


def check_data(
    loaded: LoadedProblem,
    settings: Settings,
    as_of: datetime,
    table: Path | None = None,
    accept_schema: bool = False,
    most_set_aside: float = MOST_SET_ASIDE,
) -> DataCheck:
    """The rows of the source (or of the file `table`) as of a moment, judged as the next ingest would judge them.

    Not passed: a breaking change of the schema that nobody accepts, no row, or more than the share `most_set_aside` of
    the rows set aside.
    """
    frame = read_as_of(_reading(loaded, table), settings, as_of)
    old, against = governing_contract(loaded.problem.name, settings)
    contract, change = _compare(loaded, old, frame)
    findings = [f"the schema breaks the contract: {one}" for one in change.messages if change.kind == "breaking"]
    if change.kind == "breaking" and accept_schema:
        contract, findings = infer_contract(loaded.problem, frame), []
    if frame.empty:
        findings.append(f"there is no row up to {as_of.isoformat()}")
    judged = _Judged() if findings or contract is None else _judge(contract, frame)
    share = judged.set_aside / max(len(frame), 1)
    if share > most_set_aside:
        findings.append(f"{share:.1%} of the rows break the contract, {most_set_aside:.1%} may")
    return DataCheck(
        problem=loaded.problem.name,
        as_of=as_of.isoformat(),
        against=against,
        contract_digest=None if old is None else old.digest,
        rows=len(frame),
        labelled=_labelled(loaded, frame),
        set_aside=judged.set_aside,
        reasons=list(judged.reasons),
        unseen=list(judged.unseen),
        schema_change={"kind": change.kind, "messages": change.messages},
        findings=findings,
        passed=not findings,
    )


def governing_contract(problem: str, settings: Settings) -> tuple[Contract | None, str]:
    """The contract that new rows must keep, and whose it is: the one in force here, else the champion's.

    The latter is what a machine sees that has only the registry in common with production.
    """
    here = contract_in_force(problem, settings)
    if here is not None:
        return here, "the contract in force here"
    champion = find_champion(settings, problem)
    if champion is None:
        return None, "no contract: nothing of this problem is in force yet"
    return champion.contract, f"the contract of champion {champion.version}"


@dataclass(frozen=True)
class _Judged:
    """Row by row; nothing where the columns themselves do not fit."""

    set_aside: int = 0
    reasons: Sequence[dict[str, Any]] = ()
    unseen: Sequence[dict[str, Any]] = ()


def _reading(loaded: LoadedProblem, table: Path | None) -> LoadedProblem:
    """The problem with the file in place of its source: a table that is already joined."""
    if table is None:
        return loaded
    source = Source(files=str(table.expanduser().absolute()), null_values=loaded.problem.data.source.null_values)
    data = loaded.problem.data.model_copy(update={"source": source})
    return replace(loaded, problem=loaded.problem.model_copy(update={"data": data}))


def _compare(loaded: LoadedProblem, old: Contract | None, frame: pd.DataFrame) -> tuple[Contract | None, SchemaChange]:
    """The contract that the rows are judged by, as ingest would choose it, and what has changed."""
    if old is None:
        return (None if frame.empty else infer_contract(loaded.problem, frame)), SchemaChange("none", [])
    if old.made_from != made_from(loaded.problem) and not frame.empty:
        new = infer_contract(loaded.problem, frame)
        told = "the problem file's data or features have changed: the contract will be made anew"
        return new, SchemaChange("compatible", [told, *_for_callers(old, new)])
    return old, schema_change(old, frame)


def _for_callers(old: Contract, new: Contract) -> Iterator[str]:
    """What whoever sends rows must know of a new contract."""
    before = {column.name: column for column in old.columns if column.asked}
    after = {column.name: column for column in new.columns if column.asked}
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"column {name!r} is no longer asked for"
        elif name not in before:
            yield f"column {name!r} is asked for now"
        elif before[name].kind != after[name].kind:
            yield f"column {name!r} is {after[name].kind} now, it was {before[name].kind}"
        elif after[name].required and not before[name].required:
            yield f"column {name!r} is required now"
    if old.classes != new.classes:
        yield f"the classes are {new.classes} now, they were {old.classes}"


def _judge(contract: Contract, frame: pd.DataFrame) -> _Judged:
    checked = check(contract, frame)
    reasons = find_reasons(contract, frame, checked)
    told = pd.Series(reasons, dtype=object).dropna()
    fine = checked.frame[pd.isna(reasons)]
    unseen = [asdict(one) for one in unseen_values(contract, fine)]
    return _Judged(len(told), _by_column(told), unseen)


def _by_column(told: pd.Series) -> list[dict[str, Any]]:
    """How many rows each column spoils, with one of its complaints; the worst first."""
    found: dict[str, dict[str, Any]] = {}
    for part in told.str.split("; ").explode():
        column, _, example = str(part).partition(": ")
        known = found.setdefault(column, {"column": column, "rows": 0, "example": example})
        known["rows"] += 1
    return sorted(found.values(), key=lambda one: (-one["rows"], one["column"]))


def _labelled(loaded: LoadedProblem, frame: pd.DataFrame) -> int:
    target = loaded.problem.data.target.column
    return int(frame[target].notna().sum()) if target in frame.columns else 0
