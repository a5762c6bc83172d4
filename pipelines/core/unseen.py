"""What data holds that the contract's own data did not: no fault, but worth a look before a model learns from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.core.schema import Column, Contract

_SHOWN = 5


@dataclass(frozen=True)
class Unseen:
    """One column with values that were never seen: in how many rows, and which."""

    column: str
    rows: int
    told: str


def unseen_values(contract: Contract, frame: pd.DataFrame) -> list[Unseen]:
    """The columns of a typed frame (n, the contract's columns) with values outside of what the contract saw.

    Categories that are new, numbers beyond the smallest and the largest. Dates are left out: they are newer each time.

    >>> columns = (Column(name="a", kind="numeric", low=0, high=2), Column(name="b", kind="categorical", seen=["x"]))
    >>> contract = Contract(problem="p", task="regression", target="y", columns=columns)
    >>> [one.told for one in unseen_values(contract, pd.DataFrame({"a": [1.0, 5.0], "b": ["x", "z"]}))]
    ['largest 5, seen were 0 to 2', '1 new value: z']
    """
    found = (_unseen(column, frame[column.name]) for column in contract.columns if column.name in frame.columns)
    return [one for one in found if one is not None]


def _unseen(column: Column, values: pd.Series) -> Unseen | None:
    if column.kind == "numeric" and column.low is not None and column.high is not None:
        return _beyond(column.name, column.low, column.high, values.to_numpy(dtype=np.float64))
    if column.kind == "categorical" and column.seen is not None:
        new = values.notna() & ~values.isin(column.seen)
        if new.any():
            counted = values[new].astype(str).value_counts()
            names = sorted(counted.index, key=lambda name: (-counted[name], name))
            shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
            return Unseen(column.name, int(new.sum()), f"{len(names)} new value{'s' * (len(names) > 1)}: {shown}")
    return None


def _beyond(name: str, low: float, high: float, values: np.ndarray) -> Unseen | None:
    below, above = values < low, values > high
    if not (below.any() or above.any()):
        return None
    told = [f"smallest {np.nanmin(values):.6g}"] if below.any() else []
    told += [f"largest {np.nanmax(values):.6g}"] if above.any() else []
    return Unseen(name, int((below | above).sum()), f"{', '.join(told)}, seen were {low:.6g} to {high:.6g}")
