"""Why rows are set aside: what the contract says of each row, its key, its time and its label."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.core.contract_rows import Checked
from pipelines.core.kinds import to_numbers
from pipelines.core.row_ids import key_hashes, row_hashes
from pipelines.core.schema import Contract


def find_reasons(contract: Contract, frame: pd.DataFrame, checked: Checked) -> NDArray[np.object_]:
    """All reasons why each row is set aside in one text, None for a row that is fine: object (n,).

    Of rows with the same key one stays: which one depends on their content, not on their order.
    """
    found: list[pd.DataFrame] = []
    issues = checked.issues
    if len(issues):
        found.append(pd.DataFrame({"row": issues["row"], "reason": issues["feature"] + ": " + issues["message"]}))
    if contract.time is not None:
        found.append(_all(checked.frame[contract.time].isna().to_numpy(), f"{contract.time}: the time is missing"))
    if contract.classes is None:
        numbers, bad = to_numbers(frame[contract.target], booleans=True)
        found.append(_all(bad | np.isinf(numbers), f"{contract.target}: the target is no finite number"))
    for name in contract.key:
        found.append(_all(frame[name].isna().to_numpy(), f"{name}: a part of the key is missing"))
    if contract.key:
        set_aside = np.zeros(len(frame), dtype=bool)
        for each in found:
            set_aside[each["row"].to_numpy(dtype=int)] = True
        found.append(_all(_repeated(contract, frame, ~set_aside), f"{', '.join(contract.key)}: the key is repeated"))
    reasons = np.full(len(frame), None, dtype=object)
    together = pd.concat(found) if found else pd.DataFrame()
    if len(together):
        texts = together.groupby("row", sort=False)["reason"].agg("; ".join)
        reasons[texts.index.to_numpy(dtype=int)] = texts.to_numpy()
    return reasons


def _all(rows: NDArray[np.bool_], reason: str) -> pd.DataFrame:
    return pd.DataFrame({"row": np.flatnonzero(rows), "reason": reason})


def _repeated(contract: Contract, frame: pd.DataFrame, fine: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All but one of the rows of each key, among those that are otherwise fine."""
    rows = np.flatnonzero(fine)
    keys = key_hashes(frame.iloc[rows], contract.key)
    order = np.lexsort([row_hashes(frame.iloc[rows], list(frame.columns)), keys]) if _any_twice(keys) else None
    repeated = np.zeros(len(frame), dtype=bool)
    if order is not None:
        ordered = keys[order]
        repeated[rows[order[1:][ordered[1:] == ordered[:-1]]]] = True
    return repeated


def _any_twice(keys: NDArray[np.uint64]) -> bool:
    return len(np.unique(keys)) < len(keys)
