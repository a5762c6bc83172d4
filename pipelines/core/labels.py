"""Labels between the three forms they have: as given, as codes that models learn, as JSON answers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.core.errors import ContractError
from pipelines.core.kinds import category_text, category_texts, describe, to_number, to_numbers
from pipelines.core.schema import Contract

_BOOLEAN_TEXTS = {"1": "true", "0": "false", "1.0": "true", "0.0": "false"}


def encode_target(contract: Contract, series: pd.Series) -> NDArray[np.float64]:
    """The target as the model learns it: class index or value, float64 (n,); NaN where there is no label.

    ContractError when a label is no class, no number or infinite.
    """
    if contract.classes is None:
        numbers, bad = to_numbers(series, booleans=True)
        bad |= np.isinf(numbers)
        if bad.any():
            raise ContractError(
                f"the target {contract.target!r} holds {describe(series[bad].iloc[0])}, no finite number"
            )
        return numbers
    texts = category_texts(series)
    if contract.class_type == "boolean":
        texts = _boolean_texts(texts)
    codes = pd.Index(contract.classes, dtype=object).get_indexer(pd.Index(texts, dtype=object)).astype(np.float64)
    missing = pd.isna(texts)
    unknown = (codes < 0) & ~missing
    if unknown.any():
        raise ContractError(
            f"the target {contract.target!r} holds {describe(texts[unknown][0])}, none of its classes: "
            f"{_list(contract.classes)}"
        )
    codes[missing] = np.nan
    return codes


def decode(contract: Contract, code: float) -> Any:
    """The label of a class index in its original type (JSON), or the number itself for regression.

    >>> contract = Contract(
    ...     problem="x", task="binary", target="y", classes=["no", "yes"], class_type="text", columns=()
    ... )
    >>> decode(contract, 1.0)
    'yes'
    """
    if contract.classes is None:
        return float(code)
    return class_label(contract, contract.classes[int(code)])


def class_label(contract: Contract, text: str) -> Any:
    """A class in its original type: true, 3, 0.5 or text."""
    if contract.class_type == "boolean":
        return text == "true"
    if contract.class_type == "integer":
        return int(text)
    return float(text) if contract.class_type == "number" else text


def encode_label(contract: Contract, value: object) -> float:
    """The class index or value of one label as an application sends it; ValueError says why it is none."""
    if contract.classes is None:
        number = to_number(value)
        if not math.isfinite(number):
            raise ValueError(f"expected a finite number, got {describe(value)}")
        return number
    if isinstance(value, list | dict | tuple):
        raise ValueError(f"expected one of {_list(contract.classes)}, got {describe(value)}")
    text = category_text(value)
    if contract.class_type == "boolean" and text is not None:
        text = _BOOLEAN_TEXTS.get(text.lower(), text.lower())
    if text is None or text not in contract.classes:
        raise ValueError(f"expected one of {_list(contract.classes)}, got {describe(value)}")
    return float(contract.classes.index(text))


def _boolean_texts(texts: NDArray[np.object_]) -> NDArray[np.object_]:
    lower = pd.Series(texts, dtype=object).str.lower()
    return lower.replace(_BOOLEAN_TEXTS).to_numpy(dtype=object)


def _list(classes: list[str]) -> str:
    shown = ", ".join(classes[:10])
    return shown if len(classes) <= 10 else f"{shown} and {len(classes) - 10} more"
