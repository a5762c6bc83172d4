"""A column in a few words, for a person who reads the draft."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from pipelines.core.kinds import category_texts, date_form, to_datetimes, to_numbers
from pipelines.core.problem import Kind, Task

_SHOWN = 5
_CODES = 20
_UNPRINTABLE = re.compile(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def one_line(text: str, limit: int = 40) -> str:
    """The text as it can stand in a comment: one line, printable, cut.

    >>> one_line("two\\nlines"), one_line("x" * 50, 10)
    ('two lines', 'xxxxxxxxx…')
    """
    text = _UNPRINTABLE.sub(" ", text).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def percent(share: float) -> str:
    """A share for reading: none of the small ones becomes 0%, none of the large ones 100%.

    >>> percent(0.204), percent(0.001), percent(0.999)
    ('20%', '<1%', '>99%')
    """
    if 0 < share < 0.01:
        return "<1%"
    return ">99%" if 0.99 < share < 1 else f"{share:.0%}"


def describe_values(series: pd.Series, kind: Kind) -> str:
    """What the values are: their range, or how many there are and the commonest; and how many are missing.

    >>> describe_values(pd.Series([1.0, 2.5, None]), "numeric")
    '1 to 2.5, 33% missing'
    >>> describe_values(pd.Series(["a", "b", "a"]), "categorical")
    '2 values: a, b'
    """
    if kind == "numeric":
        words, missing = _range_of_numbers(series)
    elif kind == "datetime":
        words, missing = _range_of_moments(series)
    else:
        words, missing = _values(series, kind)
    return f"{words}, {percent(missing)} missing" if missing else words


def describe_target(series: pd.Series, task: Task, classes: list[str] | None) -> str:
    """The target's classes with their shares, or its range; and how many labels are missing.

    >>> describe_target(pd.Series(["no", "no", "yes", None]), "binary", ["no", "yes"])
    'the positive class is yes (33%), the other no (67%); 25% missing'
    """
    missing = float(series.isna().mean())
    after = f"; {percent(missing)} missing" if missing else ""
    if classes is None:
        return describe_values(series.dropna(), "numeric") + after
    shares = pd.Series(category_texts(series)).value_counts(normalize=True)
    if task == "binary":
        other, positive = (f"{one_line(one, 20)} ({percent(shares[one])})" for one in classes)
        return f"the positive class is {positive}, the other {other}{after}"
    shown = ", ".join(f"{one_line(str(one), 20)} ({percent(share)})" for one, share in shares[:_SHOWN].items())
    rest = f" and {len(shares) - _SHOWN} more" if len(shares) > _SHOWN else ""
    return f"{len(shares)} classes: {shown}{rest}{after}"


def _range_of_numbers(series: pd.Series) -> tuple[str, float]:
    numbers = to_numbers(series, booleans=True)[0]
    fine = numbers[np.isfinite(numbers)]
    words = f"{fine.min():.6g} to {fine.max():.6g}" if len(fine) else "no number"
    distinct = len(np.unique(fine))
    if 2 < distinct <= _CODES and distinct < len(fine) and (fine == np.floor(fine)).all():
        words += f", {distinct} different"  # perhaps codes, and better categorical
    return words, float(np.isnan(numbers).mean()) if len(numbers) else 0.0


def _range_of_moments(series: pd.Series) -> tuple[str, float]:
    moments = to_datetimes(series, date_form(series))[0]
    fine = moments[~np.isnat(moments)]
    words = f"{str(fine.min())[:10]} to {str(fine.max())[:10]}" if len(fine) else "no date"
    return words, float(np.isnat(moments).mean()) if len(moments) else 0.0


def _values(series: pd.Series, kind: Kind) -> tuple[str, float]:
    texts = pd.Series(category_texts(series), dtype=object)
    missing = float(texts.isna().mean()) if len(texts) else 0.0
    counts = texts.value_counts()
    if not len(counts):
        return "no value", missing
    if kind == "text":
        words = texts.dropna().str.count(r"\S+").mean()
        return f"about {max(words, 1):.0f} words each", missing
    shown = [one_line(one, 20) or "(blank)" for one in counts.index[:_SHOWN]]
    if len(counts) == 1:
        return f"only {shown[0]}", missing
    if len(counts) <= _SHOWN:
        return f"{len(counts)} values: {', '.join(shown)}", missing
    return f"{len(counts):,} values, such as {shown[0]}", missing
