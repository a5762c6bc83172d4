"""Featurize: history features joined to every row as they were known, and the history that serving looks up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pipelines.core.contract import Contract, check, schema_change
from pipelines.core.errors import ContractError, NotFound, ProblemError
from pipelines.core.history import HistoryIndex
from pipelines.core.problem import Problem
from pipelines.core.quarantine import find_reasons
from pipelines.core.reach import sides_in_reach
from pipelines.core.scoring import model_input
from pipelines.core.settings import Settings
from pipelines.steps.prepare import prepare_frame
from pipelines.steps.reading import read_as_of
from pipelines.stores.data import history_store
from pipelines.stores.data.tables import read_parquet, write_parquet
from pipelines.stores.problems.contracts import contract_in_force, read_contract
from pipelines.stores.problems.problem_files import LoadedProblem


@dataclass(frozen=True)
class Materialised:
    """What one materialisation left behind; every field is JSON."""

    problem: str
    as_of: str
    features: list[str]
    rows: int


def featurize(loaded: LoadedProblem, folder: Path) -> Path:
    """folder/features.parquet: the prepared rows with their history columns; folder/history: their store.

    Each row sees what was known strictly before its own time. Without history features no store is written. Where
    rows from before a break teach what no longer holds (split.forget), `__side` is "older" for them.
    """
    contract = read_contract(folder / "contract.json")
    prepared = read_parquet(folder / "prepared.parquet")
    index = _index(loaded.problem, contract, prepared)
    if index is not None:
        history_store.save(index, folder / "history", _newest(prepared))
        prepared = model_input(prepared, index, prepared["__time"].to_numpy())
    with threadpool_limits({"blas": 1}):  # sums depend on the number of threads
        sides = sides_in_reach(prepared, loaded.problem, contract)
    write_parquet(prepared.assign(__side=sides), folder / "features.parquet")
    return folder / "features.parquet"


def materialise(loaded: LoadedProblem, settings: Settings, as_of: datetime) -> Materialised:
    """Read the source as of a moment and make its history the one that serving looks up.

    NotFound before the first ingest; ContractError when the source no longer fits the contract in force.
    """
    problem = loaded.problem
    contract = contract_in_force(problem.name, settings)
    if contract is None:
        raise NotFound(f"problem {problem.name!r} has no contract yet: train it first")
    names = [feature.name for feature in problem.features.history]
    if not names:
        return Materialised(problem.name, as_of.isoformat(), [], 0)
    frame = read_as_of(loaded, settings, as_of)
    change = schema_change(contract, frame)
    if change.kind == "breaking":
        raise ContractError(
            f"the source of {problem.name!r} breaks its contract ({'; '.join(change.messages)}): "
            "the history in force is left as it is"
        )
    bad = pd.notna(find_reasons(contract, frame, check(contract, frame)))
    prepared = prepare_frame(problem, contract, frame[~bad].reset_index(drop=True))
    index = _index(problem, contract, prepared)
    assert index is not None  # there are names
    history_store.save(index, settings.history(problem.name), as_of)
    return Materialised(problem.name, as_of.isoformat(), names, len(prepared))


def _index(problem: Problem, contract: Contract, prepared: pd.DataFrame) -> HistoryIndex | None:
    features = problem.features.history
    taken = sorted({feature.name for feature in features} & set(contract.by_name))
    if taken:
        raise ProblemError(f"history feature {taken[0]!r} has the name of a column: give it another one")
    return HistoryIndex.build(prepared, features, problem, contract.task) if features else None


def _newest(prepared: pd.DataFrame) -> datetime:
    """The last moment at which anything in the table happened or became known."""
    labelled = prepared["__y"].notna().to_numpy()
    moments = np.concatenate([prepared["__time"].to_numpy(), prepared["__known_at"].to_numpy()[labelled]])
    newest = moments[~np.isnat(moments)].max()
    return pd.Timestamp(newest).to_pydatetime().replace(tzinfo=UTC)
