"""The rows of a stream, and what is true of each: its distribution of labels, whatever the release believes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, softmax

from benchmarks.alarms.concepts import Concepts
from benchmarks.alarms.streams import STREAMS, TRAINING, Stream

START = np.datetime64("2021-01-04", "us")  # a Monday
DAY = np.timedelta64(1, "D")
NUMBERS = ("age", "load", "price", "wait", "spare")
_PLACE = np.array([40.0, 20.0, 100.0, 10.0, 5.0])
_SIZE = np.array([12.0, 5.0, 25.0, 4.0, 2.0])
REGIONS = np.array(["north", "east", "south", "west"], dtype=object)
_MIX, _OTHER_MIX = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.2, 0.2, 0.3, 0.3])
_WEEK = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.7, 0.7])
_WEATHER, _LASTS = 0.8, 0.8  # how far the days' weather lies apart, and how much of it is there the day after
_SECONDS = 86_400_000_000
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


@dataclass(frozen=True)
class Drawn:
    """n rows in order of time. `day` counts from the release (training below 0); `truth`: (n, classes) probabilities
    or (n,) means, over the luck of a day; `onset`: the day of the change, None: nothing changes."""

    stream: Stream
    seed: int
    features: pd.DataFrame
    moments: np.ndarray
    known_at: np.ndarray
    day: np.ndarray
    labels: np.ndarray
    truth: np.ndarray
    onset: int | None


def draw(stream: Stream, seed: int) -> Drawn:
    """The rows of a stream: the same for the same seed.

    >>> found = draw(STREAMS["quiet, 100 rows a day"], 1)
    >>> found.day.min(), found.day.max(), found.truth.shape[1]
    (np.int64(-90), np.int64(364), 2)
    """
    source = np.random.default_rng([seed, list(STREAMS).index(stream.name) if stream.name in STREAMS else 999])
    onset = int(source.integers(90, 150)) if stream.changes else None
    day, moments = _times(source, stream)
    values, region = _covariates(source, stream, day, onset)
    concepts = Concepts(stream, np.random.default_rng([seed, 7]))
    signal = concepts.signal(values, region, day, onset)
    luck = _luck(source, stream, day)
    truth = _truth(stream, signal)
    labels = _labels(source, stream, signal, luck, values)
    given = _broken(source, stream, _PLACE + _SIZE * values, day, onset)
    features = pd.DataFrame({name: given[:, at] for at, name in enumerate(NUMBERS)})
    features["region"] = REGIONS[region]
    return Drawn(stream, seed, features, moments, _known_at(source, stream, moments, labels), day, labels, truth, onset)


def frame(name: str, seed: int = 0) -> pd.DataFrame:
    """A stream as a table: features, `at`, `label_known_at` and the label `y`, None where it never comes.

    >>> list(frame("quiet, 100 rows a day").columns)
    ['age', 'load', 'price', 'wait', 'spare', 'region', 'at', 'label_known_at', 'y']
    """
    drawn = draw(STREAMS[name], seed)
    labels = pd.Series(drawn.labels, dtype=object)
    if drawn.stream.task != "regression":
        labels = pd.Series(np.array(classes(drawn.stream), dtype=object)[drawn.labels.astype(int)], dtype=object)
    labels = labels.where(~np.isnat(drawn.known_at), None)
    return drawn.features.assign(at=drawn.moments, label_known_at=drawn.known_at, y=labels)


def classes(stream: Stream) -> list[str]:
    """The names of the classes; none for a regression."""
    return {"binary": ["no", "yes"], "multiclass": ["a", "b", "c"], "regression": []}[stream.task]


def _times(source: np.random.Generator, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
    days = np.arange(-TRAINING, stream.days)
    busy = stream.rows * _WEEK[(days + TRAINING) % 7] * np.exp(source.normal(0, 0.1, len(days)))
    day = np.repeat(days, source.poisson(busy))
    within = source.integers(0, _SECONDS, len(day))
    moment = np.sort((day + TRAINING) * _SECONDS + within)
    return day, START + moment.astype("timedelta64[us]")


def _covariates(
    source: np.random.Generator, stream: Stream, day: np.ndarray, onset: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Standardised numbers (n, 5) and region codes (n,)."""
    rows = len(day)
    values = source.standard_normal((rows, len(NUMBERS)))
    values[:, 2] = source.exponential(1.0, rows) - 1.0
    values[:, 1] = 0.5 * values[:, 0] + np.sqrt(0.75) * values[:, 1]
    away = _away(stream, day, onset)
    if stream.covariates == "weather":
        away = _WEATHER * _states(source, TRAINING + stream.days, _LASTS)[day + TRAINING]
    values[:, 0] += away
    values[:, 3] += 0.6 * away
    mix = np.cumsum(_MIX + np.clip(np.abs(away), 0, 1)[:, None] * (_OTHER_MIX - _MIX), axis=1)
    region = np.minimum((source.random(rows)[:, None] > mix).sum(axis=1), 3)
    return values, region


def _away(stream: Stream, day: np.ndarray, onset: int | None) -> np.ndarray:
    """How far the rows have moved by each day, in standard deviations of the first column."""
    if stream.covariates == "weekly":
        return np.where((day + TRAINING) % 7 >= 5, 1.2, 0.0)
    if stream.covariates == "yearly":
        return 1.2 * np.sin(2 * np.pi * day / 365.25)
    if onset is None or stream.covariates == "still":
        return np.zeros(len(day))
    if stream.covariates == "gradual":
        return np.clip((day - onset) / 180, 0, 1) * 1.2
    return (day >= onset) * (2.5 if stream.covariates == "beyond" else 1.2)


def _luck(source: np.random.Generator, stream: Stream, day: np.ndarray) -> np.ndarray:
    """What the rows of a day have in common: normal, an autoregression of order 1."""
    return stream.luck * _states(source, TRAINING + stream.days, stream.carried)[day + TRAINING]


def _states(source: np.random.Generator, days: int, carried: float) -> np.ndarray:
    """(days,) standard normal, each with a share of the day before."""
    steps = source.standard_normal(days)
    before = steps[0]
    for at in range(1, days):
        before = steps[at] = carried * before + np.sqrt(1 - carried**2) * steps[at]
    return steps


def _truth(stream: Stream, signal: np.ndarray) -> np.ndarray:
    """The distribution of a row's label before anyone knows what luck its day has."""
    if stream.task == "regression":
        return signal
    if stream.task == "multiclass":
        return softmax(signal, axis=1)
    if not stream.luck:
        likely = expit(signal)
    else:
        likely = sum(
            weight * expit(signal + stream.luck * node) for node, weight in zip(_NODES, _WEIGHTS, strict=True)
        ) / np.sqrt(2 * np.pi)
    return np.column_stack([1 - likely, likely])


def _labels(
    source: np.random.Generator, stream: Stream, signal: np.ndarray, luck: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Class index or value; a regression's noise depends on the row and has heavy tails (Student's t, 5 degrees)."""
    if stream.task == "regression":
        noise = source.standard_t(5, len(signal)) * np.sqrt(3 / 5)
        return signal + 2.0 * (np.exp(0.25 * values[:, 3]) * noise + luck)
    if stream.task == "multiclass":
        steps = np.cumsum(softmax(signal, axis=1), axis=1)
        return np.minimum((source.random(len(signal))[:, None] > steps).sum(axis=1), 2).astype(float)
    return (source.random(len(signal)) < expit(signal + luck)).astype(float)


def _broken(
    source: np.random.Generator, stream: Stream, given: np.ndarray, day: np.ndarray, onset: int | None
) -> np.ndarray:
    """What arrives of the columns: the label knows nothing of the break."""
    if stream.broken is None or onset is None:
        return given
    there = day >= onset
    if stream.broken == "spare zeros":
        given[there, 4] = 0.0
    elif stream.broken == "unit":
        given[there, 1] = given[there, 1] * 1.8 + 32  # from degrees Celsius to Fahrenheit
    elif stream.broken == "some nulls":
        given[there & (source.random(len(day)) < 0.4), 1] = np.nan
    else:
        given[there, 1] = 0.0 if stream.broken == "zeros" else np.nan
    return given


def _known_at(source: np.random.Generator, stream: Stream, moments: np.ndarray, labels: np.ndarray) -> np.ndarray:
    wait = np.full(len(moments), stream.delay)
    if stream.labels == "any time":
        wait = source.exponential(stream.delay, len(moments))
    if stream.labels == "positives sooner":
        wait = np.where(labels == 1, 1.0, stream.delay)
    known = moments + (wait * _SECONDS).astype("timedelta64[us]")
    if stream.labels == "half":
        known = np.where(source.random(len(moments)) < 0.5, known, np.datetime64("NaT"))
    return known
