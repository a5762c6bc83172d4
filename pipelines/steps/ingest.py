"""Ingest: from the source, as known at a moment, to a Snapshot that keeps the Contract, and a quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.contract import Contract, SchemaChange, check, infer_contract, made_from, schema_change
from pipelines.core.errors import ContractError, NotEnoughData
from pipelines.core.quarantine import find_reasons
from pipelines.core.row_ids import canonical_order
from pipelines.core.settings import Settings
from pipelines.steps.datasheet import write_datasheet
from pipelines.steps.reading import read_as_of
from pipelines.stores.data.snapshots import content_digest, store
from pipelines.stores.data.tables import write_parquet
from pipelines.stores.problems.contracts import contract_in_force, put_in_force
from pipelines.stores.problems.problem_files import LoadedProblem


@dataclass(frozen=True)
class Ingested:
    """What one ingest left behind; every field is JSON."""

    problem: str
    as_of: str
    snapshot: str
    path: str
    rows: int
    labelled: int
    quarantined: int
    quarantine_path: str | None
    contract_path: str
    contract_digest: str
    datasheet_path: str
    schema_change: dict[str, Any]


def ingest(loaded: LoadedProblem, settings: Settings, as_of: datetime, accept_schema: bool = False) -> Ingested:
    """The snapshot of the source as of a moment; the same source gives the same snapshot.

    ContractError when the schema has changed in a breaking way, unless `accept_schema` lets the contract be
    made anew; NotEnoughData when no row is left.
    """
    frame = read_as_of(loaded, settings, as_of)
    if frame.empty:
        raise NotEnoughData(f"the source of {loaded.problem.name!r} has no row up to {as_of.isoformat()}")
    contract, change = _agree(loaded, settings, frame, accept_schema)
    checked = check(contract, frame)
    reasons = find_reasons(contract, frame, checked)
    bad = pd.notna(reasons)
    if bad.all():
        raise NotEnoughData(f"all {len(frame)} rows break the contract; the first one: {reasons[0]}")
    table = _table(contract, frame, checked.frame)[~bad].reset_index(drop=True)
    table = table.iloc[canonical_order(contract, table)].reset_index(drop=True)
    contract_path = put_in_force(contract, settings)
    identity = content_digest(table)
    quarantine = _set_aside(frame, reasons, settings, contract.problem, identity) if bad.any() else None
    snapshot = store(table, contract.problem, settings, identity)
    datasheet = settings.home / "datasheets" / contract.problem / f"{identity[:16]}.md"
    write_datasheet(datasheet, loaded, contract, table, identity, as_of, reasons[bad])
    return Ingested(
        problem=contract.problem,
        as_of=as_of.isoformat(),
        snapshot=identity,
        path=str(snapshot.path),
        rows=len(table),
        labelled=int(table[contract.target].notna().sum()),
        quarantined=int(bad.sum()),
        quarantine_path=None if quarantine is None else str(quarantine),
        contract_path=str(contract_path),
        contract_digest=contract.digest,
        datasheet_path=str(datasheet),
        schema_change={"kind": change.kind, "messages": change.messages},
    )


def _agree(
    loaded: LoadedProblem, settings: Settings, frame: pd.DataFrame, accept_schema: bool
) -> tuple[Contract, SchemaChange]:
    """The contract in force, or a new one: at first, after a change of the problem file, or as accepted."""
    problem = loaded.problem
    old = contract_in_force(problem.name, settings)
    if old is None:
        return infer_contract(problem, frame), SchemaChange("none", [])
    if old.made_from != made_from(problem):
        told = "the problem file's data or features have changed: the contract was made anew"
        return infer_contract(problem, frame), SchemaChange("compatible", [told])
    change = schema_change(old, frame)
    if change.kind != "breaking":
        return old, change
    if not accept_schema:
        raise ContractError(
            f"the source of {problem.name!r} has changed in a way that breaks its contract: "
            f"{'; '.join(change.messages)}. Mend the source, or accept the new schema (--accept-schema)"
        )
    return infer_contract(problem, frame), change


def _table(contract: Contract, frame: pd.DataFrame, typed: pd.DataFrame) -> pd.DataFrame:
    """What the snapshot holds: key, time, target, the contract's columns; ignored columns are not stored."""
    others = [contract.label_known_at, contract.target, *contract.key]
    names = [name for name in dict.fromkeys(others) if name is not None and name not in typed.columns]
    return pd.concat([typed, frame[names].set_axis(typed.index)], axis=1)


def _set_aside(
    frame: pd.DataFrame, reasons: np.ndarray[Any, Any], settings: Settings, problem: str, identity: str
) -> Path:
    """The quarantine table: the rows as they came, with the reason."""
    bad = pd.notna(reasons)
    column = "reason" if "reason" not in frame.columns else "quarantine_reason"
    path = settings.home / "quarantine" / problem / f"{identity[:16]}.parquet"
    write_parquet(frame[bad].assign(**{column: reasons[bad]}), path)
    return path
