"""The columns of a window beside the same of the reference: which moved further than chance and than usual."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from pipelines.core.chance import discovery_rate
from pipelines.core.comparison import Pair, Sample, compare_samples, make_sample, with_noise
from pipelines.core.drift import ColumnScore
from pipelines.core.observation import PREDICTION, Answered, answer_values, column_values, pair_kind
from pipelines.core.problem import Monitoring
from pipelines.core.watching.column_harm import Harm, estimate_harm
from pipelines.core.watching.reference_columns import ReferenceColumns
from pipelines.core.watching.seasons import Season, same_time_of_year
from pipelines.core.watching.view import View

_LEAST, _MOST = 1e-6, 0.05
_DOUBT = 0.05  # chance that any column's harm is less than its lower bound
_LEAST_VALUES = 30  # of a baseline that may excuse a column
_A_YEAR_AGO = "the log a year earlier"


@dataclass(frozen=True)
class Moved:
    """One column beside the baseline that it is nearest to."""

    pair: Pair
    baseline: str
    harm: Harm | None = None

    @property
    def drifted(self) -> bool:
        """Further than the threshold, than chance, and than the baseline's own stretches."""
        return (self.pair.measured or 0.0) > self.pair.bar


def alarm_rate(watch: Monitoring, view: View) -> float:
    """The share of false findings that one window may have: its length within `monitoring.false_alarm_every`."""
    return float(np.clip((view.end - view.start) / max(watch.false_alarm_every, timedelta(seconds=1)), _LEAST, _MOST))


def window_samples(reference: ReferenceColumns, rows: Answered) -> dict[str, Sample]:
    """Every watched column of the rows, ready to compare; one that cannot be read is missing in every row."""
    return {
        name: make_sample(pair_kind(column), column_values(column, reference.contract, rows))
        for name, column in reference.columns.items()
    }


def answers_sample(reference: ReferenceColumns, view: View, version: int) -> Sample:
    """The answers that one release gave in the view, ready to compare."""
    scores = view.sample.scores[view.sample_versions == version]
    return make_sample(reference.answers_kind, answer_values(reference.contract, scores))


def compare_columns(
    watch: Monitoring,
    reference: ReferenceColumns,
    view: View,
    samples: dict[str, Sample],
    baselines: Sequence[View] = (),
    ease: float = 1.0,
) -> list[Moved]:
    """Every column against the reference's rows of the same season and, where it is away from those, the others.

    `ease` multiplies the thresholds: below 1 while an earlier warning has not recovered.
    """
    season, rate = reference.season(view.start, view.end), alarm_rate(watch, view)
    pairs = []
    for name, column in reference.columns.items():
        limit = ease * watch.columns.get(name, getattr(watch.thresholds, pair_kind(column)))
        pairs.append(compare_samples(name, reference.sample(name, season), samples[name], limit))

    def before(name: str) -> Iterator[Sample]:
        column = reference.columns[name]
        for one in baselines:
            yield make_sample(pair_kind(column), column_values(column, reference.contract, one.sample))

    level = discovery_rate(np.array([one.chance.p_value(one.measured or 0.0) for one in pairs if one.chance]), rate)
    return [
        replace(
            _nearest(reference, view, season, with_noise(one, level), level, samples[one.name], before(one.name)),
            harm=_harm(reference, season, one.name, samples[one.name]),
        )
        for one in pairs
    ]


def compare_answers(
    watch: Monitoring,
    reference: ReferenceColumns,
    view: View,
    version: int,
    baselines: Sequence[View] = (),
    ease: float = 1.0,
) -> Moved:
    """The release's own answers in the window beside those of the reference's rows of the same season.

    What another release answered a year earlier says nothing of this one.
    """
    season, rate = reference.season(view.start, view.end), alarm_rate(watch, view)
    now = answers_sample(reference, view, version)
    before = (answers_sample(reference, one, version) for one in baselines)
    pair = compare_samples(PREDICTION, reference.sample(PREDICTION, season), now, ease * watch.thresholds.prediction)
    return _nearest(reference, view, season, with_noise(pair, rate), rate, now, before)


def column_score(reference: ReferenceColumns, moved: Moved, score: ColumnScore) -> ColumnScore:
    """A measured score with what is known of its column besides."""
    pair = moved.pair
    harm, share = (None, None) if moved.harm is None else reference.in_units(moved.harm.whole)
    return replace(
        score,
        p_value=None if pair.chance is None else pair.chance.p_value(pair.measured or 0.0),
        usage=None if pair.name == PREDICTION else reference.usage(pair.name),
        harm=harm,
        harm_share=share,
        baseline=moved.baseline if pair.note is None else "",
    )


def _nearest(
    reference: ReferenceColumns,
    view: View,
    season: Season,
    pair: Pair,
    level: float,
    now: Sample,
    before: Iterator[Sample],
) -> Moved:
    """The pair, or the one with another baseline that the column is nearer to, if it is away from the first."""
    found = Moved(pair, season.name)
    if not found.drifted:
        return found
    found = Moved(with_noise(pair, level, reference.wander(pair.name, season)), season.name)
    if not found.drifted:
        return found
    others = [found]
    again = same_time_of_year(reference.moments, view.start, view.end)
    if again is not None:
        sample = reference.sample(pair.name, again)
        least = reference.wander(pair.name, again)
        others.append(Moved(_beside(pair, sample, now, level, least), again.name))
    for sample in before:
        if len(sample) >= _LEAST_VALUES:
            others.append(Moved(_beside(pair, sample, now, level), _A_YEAR_AGO))
    return min(others, key=lambda one: (one.pair.measured or 0.0) / one.pair.bar if one.pair.note is None else np.inf)


def _beside(pair: Pair, sample: Sample, now: Sample, level: float, least: float = 0.0) -> Pair:
    return with_noise(compare_samples(pair.name, sample, now, pair.threshold), level, least)


def _harm(reference: ReferenceColumns, season: Season, name: str, now: Sample) -> Harm | None:
    """None where no loss of the reference is known."""
    profile = reference.profile(name)
    if profile is None:
        return None
    before = reference.bins(name, profile, season)
    return estimate_harm(profile, before, profile.counts(now), _DOUBT / max(len(reference.columns), 1))
