"""Prepare: from a Snapshot to typed columns, encoded labels and the side of each row."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.core.contract import Contract, check, encode_target
from pipelines.core.kinds import to_datetimes
from pipelines.core.problem import Problem
from pipelines.core.row_ids import row_ids
from pipelines.core.splitting import split
from pipelines.steps.ingest import Ingested
from pipelines.steps.reading import utc
from pipelines.stores.data.tables import read_parquet, write_parquet
from pipelines.stores.problems.contracts import read_contract
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.storage.files import write_json


def prepare(loaded: LoadedProblem, ingested: Ingested, folder: Path) -> Path:
    """folder/prepared.parquet, with the contract in force beside it as folder/contract.json.

    The contract's columns as `check` types them, and `__row` (id), `__time` and `__known_at` (datetime64[us];
    NaT without a time column), `__y` (class index or value; NaN unlabelled), `__side` (train, validation,
    test, unlabelled, or older: before split.window, of use to history only).
    """
    contract = read_contract(Path(ingested.contract_path))
    prepared = prepare_frame(loaded.problem, contract, read_parquet(Path(ingested.path)))
    prepared["__side"] = split_since(loaded.problem, contract, prepared, datetime.fromisoformat(ingested.as_of))
    write_json(folder / "contract.json", contract.model_dump(mode="json"))
    write_parquet(prepared, folder / "prepared.parquet")
    return folder / "prepared.parquet"


def prepare_frame(problem: Problem, contract: Contract, frame: pd.DataFrame) -> pd.DataFrame:
    """The contract's typed columns of `frame`, with `__row`, `__time`, `__known_at`, `__y`; no side yet."""
    typed = check(contract, frame).frame
    nothing = np.full(len(frame), np.datetime64("NaT", "us"))
    times = nothing if contract.time is None else typed[contract.time].to_numpy()
    known = times
    if contract.label_known_at is not None:
        known, _ = to_datetimes(frame[contract.label_known_at])
    elif problem.data.label_delay is not None:
        known = times + np.timedelta64(problem.data.label_delay)
    keyed = frame[[name for name in contract.key if name not in typed.columns]].set_axis(typed.index)
    identified = pd.concat([typed, keyed], axis=1)
    return typed.assign(
        __row=row_ids(contract, identified),
        __time=times,
        __known_at=known,
        __y=encode_target(contract, frame[contract.target]),
    )


def split_since(problem: Problem, contract: Contract, prepared: pd.DataFrame, as_of: datetime) -> NDArray[np.object_]:
    """The side of each row, of those within split.window before `as_of`; earlier ones are "older"."""
    if problem.split.window is None or contract.time is None:
        return split(prepared, problem, contract.task)
    recent = prepared["__time"].to_numpy() > utc(as_of) - np.timedelta64(problem.split.window)
    sides = np.full(len(prepared), "older", dtype=object)
    sides[recent] = split(prepared[recent], problem, contract.task)
    return sides
