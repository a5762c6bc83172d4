"""Replay: held-out rows as clients send them, and what the batch answers for each.

Rows come as they were held out, with the history that the batch joined; and some again with values missing, with
categories never seen, and without any value, whose history is looked up anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipelines.core.contract import Column, Contract, check
from pipelines.core.labels import decode
from pipelines.core.scoring import model_input, score

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from pipelines.core.history import HistoryIndex

MOST = 440  # held-out rows, and
ODD = 60  # of them again with something missing or never seen
STRANGE = "~ never seen ~"
TOLERANCE = 1e-9
"""Of a probability; of a value in units of the largest value answered."""


@dataclass(frozen=True)
class Replay:
    """Rows to send, each with its name, and what the batch answers: (n,) values or (n, k) probabilities."""

    rows: list[dict[str, Any]]
    names: list[str]
    expected: np.ndarray

    @property
    def scale(self) -> float:
        """What differences are measured in: 1 for probabilities, the largest value answered for values."""
        if self.expected.ndim == 2 or not self.expected.size:
            return 1.0
        return max(float(np.abs(self.expected).max()), 1e-300)


def make_replay(pipeline: Pipeline, contract: Contract, held_out: pd.DataFrame, index: HistoryIndex | None) -> Replay:
    """A seeded choice of `held_out` (contract-typed, history joined, `__row`, `__time`), and odd rows made of them.

    Rows without a moment are left out where there is history: a client's row without one is asked as of now.
    """
    known = held_out if index is None else held_out[held_out["__time"].notna()]
    known = known.reset_index(drop=True)
    batch = score(pipeline, contract.task, known)  # all in one batch, as they were judged
    random = np.random.default_rng(0)
    chosen = np.sort(random.choice(len(known), min(MOST, len(known)), replace=False))
    plain = known.iloc[chosen]
    rows = [as_sent(contract, row) for row in plain.to_dict("records")]
    names = [f"row {row}" for row in plain["__row"]]
    odd = [_made_odd(contract, row, random, first=not at) for at, row in enumerate(rows[:ODD])]
    odd_times = plain["__time"].to_numpy()[: len(odd)]
    expected = np.concatenate([batch[chosen], _answered(pipeline, contract, index, odd, odd_times)])
    everything = [_shuffled(row, random) for row in [*rows, *odd]]
    return Replay(everything, [*names, *(f"{name}, made odd" for name in names[: len(odd)])], expected)


def as_sent(contract: Contract, row: Mapping[str, Any]) -> dict[str, Any]:
    """One typed row as a client has it in JSON: whole numbers, true and false, texts, dates in ISO 8601, nulls.

    >>> columns = (Column(name="a", kind="numeric", integer=True), Column(name="b", kind="categorical"))
    >>> contract = Contract(problem="x", task="regression", target="y", columns=columns)
    >>> as_sent(contract, {"a": 3.0, "b": None, "y": 1.0})
    {'a': 3, 'b': None}
    """
    asked = (column for column in contract.columns if column.asked and column.name in row)
    return {column.name: _plain(column, row[column.name]) for column in asked}


def received(contract: Contract, answers: Iterable[Mapping[str, Any]]) -> np.ndarray:
    """What a service answered, as scores: NaN for a row whose label is not that of its largest probability.

    >>> columns = (Column(name="a", kind="numeric"),)
    >>> contract = Contract(problem="x", task="binary", target="y", columns=columns, classes=["n", "y"],
    ...                     class_type="text")
    >>> received(contract, [{"prediction": "n", "probabilities": {"n": 0.75, "y": 0.25}}, {"prediction": "y"}])
    array([[0.75, 0.25],
           [ nan,  nan]])
    """
    if contract.classes is None:
        return np.array([_number(one.get("prediction")) for one in answers], dtype=np.float64)
    labels = [decode(contract, float(code)) for code in range(len(contract.classes))]
    found = []
    for one in answers:
        shares = one.get("probabilities") or {}
        scores = [_number(shares.get(name)) for name in contract.classes]
        fits = one.get("prediction") == labels[int(np.argmax(scores))] and not np.isnan(scores).any()
        found.append(scores if fits else [np.nan] * len(labels))
    return np.array(found, dtype=np.float64).reshape(-1, len(labels))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else np.nan


def _plain(column: Column, value: Any) -> Any:
    if pd.isna(value):
        return None
    if column.kind == "datetime":
        return pd.Timestamp(value).isoformat()
    if column.kind != "numeric":
        return str(value)
    number = float(value)
    if column.boolean and number in (0.0, 1.0):
        return bool(number)
    return int(number) if column.integer and number.is_integer() else number


def _made_odd(contract: Contract, row: Mapping[str, Any], random: np.random.Generator, first: bool) -> dict[str, Any]:
    """The row with half of its values gone or never seen before; the `first` one loses all that it may lose."""
    changed = dict(row)
    for column in contract.columns:
        name = column.name
        if name not in changed or name == contract.time or not (first or random.random() < 0.5):
            continue
        if (
            not first
            and column.kind not in ("numeric", "datetime")
            and column.allowed is None
            and random.random() < 0.5
        ):
            changed[name] = STRANGE
        elif not column.required:
            changed[name] = None
    return changed


def _answered(
    pipeline: Pipeline,
    contract: Contract,
    index: HistoryIndex | None,
    rows: list[dict[str, Any]],
    times: np.ndarray,
) -> np.ndarray:
    """The batch's answers to rows that are in no table yet, as batch scoring gives them."""
    typed = check(contract, pd.DataFrame(rows, index=range(len(rows)), dtype=object)).frame
    return score(pipeline, contract.task, model_input(typed, index, times))


def _shuffled(row: Mapping[str, Any], random: np.random.Generator) -> dict[str, Any]:
    """The keys in another order; of values that are missing, half are left out."""
    names = [name for name, value in row.items() if value is not None or random.random() < 0.5]
    return {names[at]: row[names[at]] for at in random.permutation(len(names)).tolist()}
