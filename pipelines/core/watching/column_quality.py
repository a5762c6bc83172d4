"""What is wrong with the values themselves: missing, unseen, out of range, broken, gone, stuck; and how many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from scipy import special

from pipelines.core.comparison import Sample
from pipelines.core.drift import ColumnQuality, KindVerdict, Level
from pipelines.core.observation import column_quality
from pipelines.core.problem import Monitoring
from pipelines.core.watching.column_drift import alarm_rate
from pipelines.core.watching.column_harm import Harm
from pipelines.core.watching.reference_columns import ReferenceColumns, spread
from pipelines.core.watching.seasons import Season
from pipelines.core.watching.view import ColumnCounts, View

GONE = 0.99  # share of missing values from which a column is gone
_LARGE = 3.0  # times the limit: a rise that a used column does not survive
_ALWAYS = 0.02  # share of missing values up to which a column was there always
_VOLUME = 4.0  # times as many rows as usual, or as few
_EARLIER = 4  # windows that say what is usual
_NEARLY_ALL, _SCALED = 0.9, 3.0  # share out of the range, and times the spread, that another unit makes
_NARROW = 10.0  # times narrower than ever, which no season is
_JUDGED = 50  # values from which on they say that a column stands still or is far away
_COMMON = 0.5  # share of a column's most frequent value up to which it should not stand still


@dataclass(frozen=True)
class QualityFindings:
    """The level of the kind `quality`, and the shares that it was judged by."""

    verdict: KindVerdict
    columns: list[ColumnQuality]
    limit: float
    volume: float | None
    """Rows over the usual number of rows."""


def judge_quality(
    watch: Monitoring,
    reference: ReferenceColumns,
    view: View,
    samples: Mapping[str, Sample],
    harms: Mapping[str, Harm | None],
    baselines: Sequence[View] = (),
    ease: float = 1.0,
    earlier_rows: Sequence[int] = (),
) -> QualityFindings:
    """The exact shares of this window against those of the reference, of its stretches and of a year earlier.

    A rise counts when it is above the limit *and* more than chance. A used column is an alarm when it is gone, stands
    still or is far from all that training saw, when its values are missing or broken much beyond the limit though they
    hardly ever were, or when what is missing credibly costs more loss than `thresholds.loss`.
    New categories and ranges only warn, since new customers and a hot summer bring them too, and only where the model
    goes by them.
    """
    limit, season = ease * watch.thresholds.missing, reference.season(view.start, view.end)
    rows = view.rows
    if not view.counts:
        view = replace(view, rows=len(view.sample), counts=sample_counts(reference, view))
    found = [_shares(reference, view, one, harms.get(one.name)) for one in view.counts]
    rate = alarm_rate(watch, view) / max(4 * len(found), 1)
    alarms: list[str] = []
    warnings: list[str] = []
    for one in found:
        past = max([_missing_in(view_before, one.name) for view_before in baselines], default=0.0)
        costly = _costly(watch, reference, harms.get(one.name), ease)
        told = _complaints(reference, view, season, one, limit, rate, past, costly)
        spoilt = _spoilt(reference, season, one, samples.get(one.name))
        for large, text in [*told, *spoilt]:
            (alarms if large and reference.used(one.name) else warnings).append(text)
    warnings += _strange(reference, view, found, limit, rate)
    volume = usual_volume(rows, earlier_rows, view.end - view.start)
    if volume is not None and not 1 / (_VOLUME * ease) <= volume <= _VOLUME * ease:
        warnings.append(f"{rows} rows, {volume:.2g} times as many as usual")
    level: Level = "alarm" if alarms else "warning" if warnings else "healthy"
    return QualityFindings(KindVerdict(level, alarms + warnings), found, limit, volume)


def usual_volume(rows: int, earlier: Sequence[int], length: timedelta) -> float | None:
    """Rows over the median of earlier windows, of the same weekday where they are shorter than a week; None for few.

    >>> usual_volume(10, [100, 110, 90, 100], timedelta(days=7))
    0.1
    """
    cycle = round(timedelta(days=7) / length) if length > timedelta(0) else 0
    alike = list(earlier)[-cycle::-cycle] if cycle > 1 and len(earlier) >= cycle else []
    usual = alike if len(alike) >= _EARLIER else list(earlier)
    middle = float(np.median(usual)) if len(usual) >= _EARLIER else 0.0
    return rows / middle if middle > 0 else None


def sample_counts(reference: ReferenceColumns, view: View) -> list[ColumnCounts]:
    """The counts over the sample, for a view that has none over all rows."""
    found = column_quality(reference.contract, reference.history, view.sample, view.sample)
    rows, counts = len(view.sample), []
    for one in found:
        present = rows * (1 - one.missing)
        shares = (one.missing * rows, one.unseen * present, one.outside * present, one.broken * rows)
        counts.append(ColumnCounts(one.name, *(round(share) for share in shares)))
    return counts


def _shares(reference: ReferenceColumns, view: View, one: ColumnCounts, harm: Harm | None) -> ColumnQuality:
    before = reference.quality.get(one.name)
    rows, present = max(view.rows, 1), max(view.rows - one.missing, 1)
    return ColumnQuality(
        one.name,
        missing=one.missing / rows,
        missing_before=before.missing if before else _told(reference, one.name),
        unseen=one.unseen / present,
        outside=one.outside / present,
        broken=one.broken / rows,
        unseen_before=before.unseen if before else 0.0,
        outside_before=before.outside if before else 0.0,
        usage=reference.usage(one.name),
        harm=None if harm is None else reference.in_units(harm.blind)[0],
    )


def _told(reference: ReferenceColumns, name: str) -> float:
    column = reference.contract.by_name.get(name)
    return column.missing if column is not None else 0.0


def _missing_in(view: View, name: str) -> float:
    return next((one.missing / max(view.rows, 1) for one in view.counts if one.name == name), 0.0)


def _complaints(
    reference: ReferenceColumns,
    view: View,
    season: Season,
    one: ColumnQuality,
    limit: float,
    rate: float,
    past: float,
    costly: bool,
) -> list[tuple[bool, str]]:
    """What rose, each with whether it is large."""
    if one.missing >= GONE and one.missing_before < 0.5 and past < GONE:
        return [(True, f"{one.name} is missing in every row ({one.missing_before:.0%} in the reference)")]
    told = []
    before = max(one.missing_before, past)
    if _rose(reference, view, one.missing, before, limit, rate):
        if one.name in reference.columns:
            before = max(before, reference.missing(one.name, season))
        if one.missing - before > limit:
            text = f"{one.name} is missing in {one.missing:.0%} of the rows, up from {before:.0%}"
            broke = before <= _ALWAYS and one.missing - before > _LARGE * limit
            told.append((broke or costly, text + _cost(one)))
    if _rose(reference, view, one.broken, 0.0, limit, rate):
        told.append(
            (one.broken > _LARGE * limit, f"{one.name}: {one.broken:.0%} of the values are against the contract")
        )
    return told


def _strange(
    reference: ReferenceColumns, view: View, columns: Sequence[ColumnQuality], limit: float, rate: float
) -> list[str]:
    """Values that training never saw, where they are of a column that the model goes by as by others, or add up.

    They add up by how much the model goes by their columns: a hot summer in a column of little use is no warning.
    """
    found: list[tuple[float | None, float, str]] = []
    for one in columns:
        for what, share, usual in (
            ("in unseen categories", one.unseen, one.unseen_before),
            ("outside the range seen", one.outside, one.outside_before),
        ):
            if _rose(reference, view, share, usual, limit, rate):
                text = f"{one.name}: {share:.0%} of the values are {what}, up from {usual:.0%}"
                found.append((one.usage, (one.usage or 0.0) * (share - usual), text))
    many = sum(weight for _, weight, _ in found) > limit
    even = 1 / max(len(reference.columns), 1)
    return [text for usage, _, text in found if many or usage is None or usage >= even]


def _costly(watch: Monitoring, reference: ReferenceColumns, harm: Harm | None, ease: float) -> bool:
    """Whether what is missing or never seen credibly costs more loss than is allowed."""
    if harm is None:
        return False
    return reference.in_units(harm.blind - harm.blind_doubt)[1] > ease * watch.thresholds.loss


def _cost(one: ColumnQuality) -> str:
    return f" (estimated {one.harm:+.3f} loss)" if one.harm is not None and one.harm > 0 else ""


def _rose(reference: ReferenceColumns, view: View, share: float, before: float, limit: float, rate: float) -> bool:
    """Whether a share rose by more than the limit and by more than chance.

    By chance: the exact intervals of the two shares (Clopper & Pearson 1934) touch at this rate.
    """
    if share - before <= limit:
        return False
    n, m = max(view.rows, 1), max(reference.rows, 1)
    now, then = share * n, before * m
    low = special.betaincinv(now, n - now + 1, rate)
    high = special.betaincinv(then + 1, m - then, 1 - rate) if then < m else 1.0
    return bool(low > high)


def _spoilt(
    reference: ReferenceColumns, season: Season, one: ColumnQuality, now: Sample | None
) -> list[tuple[bool, str]]:
    """A column that came to stand still, or that is nowhere near where it was."""
    if now is None or len(now) < _JUDGED:
        return []
    told = []
    if now.values.min() == now.values.max() and _moved(reference, season, one.name):
        value = now.names[now.values[0]] if now.kind == "categorical" else f"{now.values[0]:g}"
        told.append((True, f"{one.name} stands still: {value} in every row"))
    elif _rescaled(reference, season, one, now):
        told.append((True, f"{one.name} is in another unit, or nowhere near what training saw, in nearly every row"))
    return told


def _rescaled(reference: ReferenceColumns, season: Season, one: ColumnQuality, now: Sample) -> bool:
    """Whether most values are far out of the range seen, or nearly all are out of it with another spread than ever.

    A hot summer is out of range too, but not by the whole width of the range. Its days may be more alike than those of
    any spring, though hardly ten times: less than that is another unit where the values themselves became smaller too.
    """
    column = reference.columns[one.name]
    if column.kind != "numeric" or column.low is None or column.high is None or one.outside_before >= 0.5:
        return False
    width = column.high - column.low
    far = float(np.mean((now.values < column.low - width) | (now.values > column.high + width)))
    if width > 0 and far > 0.5:
        return True
    usual = reference.spreads(one.name, season)
    if one.outside < _NEARLY_ALL or usual is None or usual[1] == 0:
        return False
    found = spread(now.values)
    middle, before = np.median(now.values), np.median(reference.sample(one.name, season).values)
    smaller = found < usual[0] / _SCALED and abs(middle) < abs(before) / _SCALED
    return bool(smaller or found < usual[0] / _NARROW or found > usual[1] * _SCALED)


def _moved(reference: ReferenceColumns, season: Season, name: str) -> bool:
    """Whether the column should not stand still: no value of it was common, and no stretch of the reference did."""
    before = reference.sample(name, season)
    counts = before.counts if before.kind == "categorical" else np.unique(before.values, return_counts=True)[1]
    return len(before) > 0 and counts.max() / len(before) <= _COMMON and reference.stuck(name, season) is False
