"""What a first look at a table tells beside its columns' kinds."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from pipelines.core.kinds import category_texts, date_form, to_datetimes, to_numbers
from pipelines.core.row_ids import row_hashes

_EPOCHS = ((946_684_800, 4_102_444_800), (946_684_800_000, 4_102_444_800_000))
_MOST_CELLS = 20_000_000
_MOST_CATEGORIES = 1000
_FEW = 5


def rows_a_week(times: pd.Series) -> float | None:
    """The median of the weeks that have rows: months without any say nothing of the others."""
    moments = to_datetimes(times, date_form(times))[0]
    moments = np.sort(moments[~np.isnat(moments)])
    week = np.timedelta64(7, "D")
    if not len(moments) or moments[-1] - moments[0] < week:
        return None
    counts = np.unique((moments - moments[0]) // week, return_counts=True)[1]
    return float(np.median(counts[:-1]))  # the last week is hardly ever whole


def is_nested(series: pd.Series) -> bool:
    """Whether the values are lists or records: they come as texts, and a caller of the API could not send them."""
    texts = [one for one in series.dropna().iloc[:200] if isinstance(one, str)]
    pairs = {(one[:1], one[-1:]) for one in texts}
    return bool(pairs) and pairs <= {("{", "}"), ("[", "]")}


def may_be_moments(series: pd.Series) -> bool:
    """Whether whole numbers lie where seconds or milliseconds since 1970 of the years 2000 to 2100 do."""
    numbers = to_numbers(series.dropna())[0]
    if len(numbers) < 2 or not any(low <= numbers.min() and numbers.max() <= high for low, high in _EPOCHS):
        return False
    return bool((numbers == np.floor(numbers)).all()) and len(np.unique(numbers)) >= 0.1 * len(numbers)


def repeated_rows(frame: pd.DataFrame, left_out: Collection[str | None] = ()) -> int:
    """How many rows equal an earlier one in all columns but those left out.

    0 where they are few, or where no column has many different values: rows are alike then without having come twice.

    >>> frame = pd.DataFrame({"x": [*range(90), *range(10)], "shop": "a", "id": range(100)})
    >>> repeated_rows(frame, ["id"]), repeated_rows(frame)
    (10, 0)
    """
    names = [str(name) for name in frame.columns if name not in left_out]
    if len(names) < 2 or len(names) * len(frame) > _MOST_CELLS:
        return 0
    repeated = int(pd.Series(row_hashes(frame, names)).duplicated().sum())
    if repeated < max(_FEW, 0.02 * len(frame)) or max(frame[name].nunique() for name in names) <= 0.1 * len(frame):
        return 0
    return repeated


def spelling_variants(series: pd.Series) -> list[str]:
    """Values that are one but for case and spaces around them; none where all differ in more than that.

    >>> spelling_variants(pd.Series(["Yes", "yes ", "no", "Yes"]))
    ['Yes', 'yes ']
    """
    distinct = pd.unique(category_texts(series.dropna()))
    if not 1 < len(distinct) <= _MOST_CATEGORIES:
        return []
    spelt: dict[str, list[str]] = {}
    for one in sorted(distinct):
        spelt.setdefault(one.strip().casefold(), []).append(one)
    return next((variants for variants in spelt.values() if len(variants) > 1), [])
