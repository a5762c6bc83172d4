"""The target column of a table as the codes that models learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.core.errors import ContractError
from pipelines.core.kinds import category_texts, describe, to_numbers
from pipelines.core.labels import BOOLEAN_TEXTS, list_classes
from pipelines.core.schema import Contract


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
            f"{list_classes(contract.classes)}"
        )
    codes[missing] = np.nan
    return codes


def _boolean_texts(texts: NDArray[np.object_]) -> NDArray[np.object_]:
    lower = pd.Series(texts, dtype=object).str.lower()
    return lower.replace(BOOLEAN_TEXTS).to_numpy(dtype=object)
