"""Recall: the source's rows as they would have been asked about, one by one, with what was known at each moment."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from pipelines.core.backtesting.traffic import Traffic, naive
from pipelines.core.contract import Contract, check, encode_target
from pipelines.core.errors import ContractError
from pipelines.core.history import HistoryIndex
from pipelines.core.kinds import to_datetimes, to_numbers
from pipelines.core.problem import Problem
from pipelines.core.row_ids import key_hashes, row_ids
from pipelines.core.scoring import model_input

_NOT_YET = np.datetime64("NaT", "us")


def recall_rows(problem: Problem, contract: Contract, frame: pd.DataFrame, start: datetime) -> Traffic:
    """The traffic of a table as read up to a moment: its rows from `start` on, and earlier ones still unlabelled then.

    History features are joined to each row as they were known at its own time, so that one table serves every moment.
    Rows without a time or against the contract are refused, as the service would; nothing here depends on later rows.
    """
    times, _ = to_datetimes(frame[str(contract.time)])
    frame = frame.iloc[np.argsort(times, kind="stable")].reset_index(drop=True)
    checked = check(contract, frame)
    good = checked.frame[contract.time].notna().to_numpy()
    good[checked.issues["row"].to_numpy(dtype=int)] = False
    typed, raw = checked.frame[good].reset_index(drop=True), frame[good].reset_index(drop=True)
    labels, known = _labels(contract, raw[contract.target]), _known(problem, contract, raw, typed)
    known = np.where(np.isnan(labels), _NOT_YET, known)
    keyed = raw[[name for name in contract.key if name not in typed.columns]]
    ids = row_ids(contract, pd.concat([typed, keyed], axis=1))
    moments = typed[contract.time].to_numpy()
    table = typed.assign(__time=moments, __known_at=known, __y=labels)
    entered = _with_history(problem, contract, table, raw)
    kept = np.flatnonzero((moments >= naive(start)) | (known > naive(start)))
    columns = [one.name for one in contract.columns]
    history = [one.name for one in problem.features.history]
    return Traffic(
        contract=contract,
        history=tuple(history),
        frame=entered.iloc[kept][list(dict.fromkeys([*columns, *history]))].reset_index(drop=True),
        moments=moments[kept],
        known=known[kept],
        labels=labels[kept],
        ids=ids[kept],
        order=pd.util.hash_array(ids[kept]),
        refused=int((~good).sum()),
    )


def _with_history(problem: Problem, contract: Contract, table: pd.DataFrame, raw: pd.DataFrame) -> pd.DataFrame:
    """Of rows with one key the first counts: a later one was not there yet."""
    if not problem.features.history:
        return table
    once = np.ones(len(table), dtype=bool)
    if contract.key:
        once = ~pd.Series(key_hashes(raw, contract.key)).duplicated().to_numpy()
        once &= raw[contract.key].notna().all(axis=1).to_numpy()
    index = HistoryIndex.build(table[once].reset_index(drop=True), problem.features.history, problem, contract.task)
    return model_input(table, index, table["__time"].to_numpy())


def _labels(contract: Contract, series: pd.Series) -> np.ndarray:
    """Class index or value; NaN where there is none, or one that the first contract does not know."""
    if contract.classes is None:
        numbers, bad = to_numbers(series, booleans=True)
        return np.where(bad | np.isinf(numbers), np.nan, numbers)
    codes, distinct = pd.factorize(series, use_na_sentinel=True)
    found = np.full(len(distinct) + 1, np.nan)  # the last one stands for a missing label
    for place, label in enumerate(distinct):
        try:
            found[place] = encode_target(contract, pd.Series([label], dtype=object))[0]
        except ContractError:  # a class that came later: this contract cannot judge it
            continue
    return found[codes]


def _known(problem: Problem, contract: Contract, raw: pd.DataFrame, typed: pd.DataFrame) -> np.ndarray:
    """When each label became known; at once where the problem says nothing of it."""
    if contract.label_known_at is not None:
        return to_datetimes(raw[contract.label_known_at])[0].astype("datetime64[us]")
    times = typed[contract.time].to_numpy()
    delay = problem.data.label_delay
    return times if delay is None else times + np.timedelta64(delay)
