"""The source as it was known at a moment: later rows are gone, later labels are not known yet."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.core.errors import ProblemError
from pipelines.core.kinds import date_form, to_datetimes
from pipelines.core.problem import Problem
from pipelines.core.settings import Settings
from pipelines.stores.data.source_cache import read_cached
from pipelines.stores.problems.problem_files import LoadedProblem


def read_as_of(loaded: LoadedProblem, settings: Settings, as_of: datetime) -> pd.DataFrame:
    """The source's rows up to `as_of` (time zone needed), with labels and outcomes only where known by then.

    A row without a time is kept: ingest quarantines it. Where the problem has no time, everything is known.
    """
    data = loaded.problem.data
    frame = read_cached(data.source, loaded.folder, data.target, settings.home / "cache" / loaded.problem.name)
    if data.time is None:
        return frame
    now = utc(as_of)
    times = moments_of(frame, data.time, "data.time")
    kept = np.isnat(times) | (times <= now)
    if not kept.all():
        frame, times = frame[kept].reset_index(drop=True), times[kept]
    return _as_known(loaded.problem, frame, times, now)


def utc(moment: datetime) -> np.datetime64:
    """A moment with a time zone as datetime64[us] in UTC."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: pass as_of in UTC")
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def _as_known(problem: Problem, frame: pd.DataFrame, times: NDArray[np.datetime64], now: np.datetime64) -> pd.DataFrame:
    data, features = problem.data, problem.features.kinds()
    known: dict[str, NDArray[np.bool_]] = {}
    if data.label_known_at is not None:
        label = moments_of(frame, data.label_known_at, "data.label_known_at") <= now
        known |= {data.target.column: label, data.label_known_at: label}
    elif data.label_delay is not None:
        known[data.target.column] = times + np.timedelta64(data.label_delay) <= now
    for feature in problem.features.history:
        if feature.known_at is not None:
            moment = moments_of(frame, feature.known_at, f"history feature {feature.name!r}: known_at") <= now
            known[feature.known_at] = moment
            if feature.of is not None and feature.of not in features and feature.of not in known:
                known[feature.of] = moment
    hidden = {name: seen for name, seen in known.items() if name in frame.columns and not seen.all()}
    if hidden:
        frame = frame.assign(**{name: _where(frame[name], seen) for name, seen in hidden.items()})
    return frame


def _where(series: pd.Series, known: NDArray[np.bool_]) -> pd.Series:
    if series.dtype == bool:
        series = series.astype(object)
    return series.where(known, None) if series.dtype == object else series.where(known)


def moments_of(frame: pd.DataFrame, name: str, place: str) -> NDArray[np.datetime64]:
    """A column as datetime64 in UTC; ProblemError, which names `place`, when it is not there or holds other things."""
    if name not in frame.columns:
        shown = ", ".join(repr(one) for one in frame.columns[:20])
        raise ProblemError(f"{place} names {name!r}, which the data does not have; it has {shown}")
    series = frame[name]
    moments, bad = to_datetimes(series, date_form(series) if series.dtype == object else None)
    if bad.sum() > 0.5 * max(len(series), 1):
        raise ProblemError(f"{place}: {series[bad].iloc[0]!r} in column {name!r} is no date or time")
    return moments
