"""Fairness: what a model does to the groups of people that a protected column names.

The values are Fairlearn's; the intervals come of the same draws of blocks of dependent rows as every other interval.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipelines.core.evaluation.group_gaps import GroupRates, largest_gap
from pipelines.core.metrics import Metric, per_row_loss
from pipelines.core.resampling import interval, resample, wilson

if TYPE_CHECKING:
    from pipelines.core.evaluation.subject import Subject

FEWEST = 20
"""Groups with fewer rows are shown, and not compared with others: their rates are mostly noise."""
FEWEST_OF_A_KIND = 10
"""Rows of the class, and rows of none, that a group needs for its rates of right and false alarms to be compared."""
_MOST_CLASSES = 5


class Group(BaseModel):
    """One group's rates; for regression only `loss` (primary metric) and `mean_answer`."""

    model_config = ConfigDict(frozen=True)

    value: str
    rows: int
    rates: dict[str, Metric]


class Fairness(BaseModel):
    """The groups of one protected column and the gaps between them, each with its interval."""

    model_config = ConfigDict(frozen=True)

    column: str
    groups: list[Group]
    gaps: dict[str, Metric]
    notes: list[str] = []


def judge_fairness(subject: Subject, column: str, texts: np.ndarray) -> Fairness:
    """The groups of a column, given as one text per row, (n,), and the gaps between the largest and smallest rate.

    Demographic parity: how often each group gets the class; equalised odds: how often it gets it rightly, and wrongly
    (Hardt, Price, Srebro 2016). Several classes: the worst one against the rest, of the five commonest. A gap is never
    below 0, and noise alone makes one, a large one among many groups: its interval knows of all the pairs.
    """
    tally = _Tally(subject, texts)
    big = [place for place, rows in enumerate(tally.rows) if rows >= FEWEST]
    small = [f"{tally.names[place]} ({rows:.0f})" for place, rows in enumerate(tally.rows) if rows < FEWEST]
    notes = [f"too few rows to be compared: {', '.join(small)}"] if small else []
    rates = _rates(subject, tally)
    notes.append(f"loss: {_loss_name(subject)} per group")
    if subject.task == "regression":
        gaps = {f"{name}_difference": tally.gap([rates[name]], big) for name in rates}
    else:
        gaps = _classification_gaps(subject, tally, rates, big)
    groups = [
        Group(value=name, rows=int(tally.rows[place]), rates={one: tally.rate(rates[one], place) for one in rates})
        for place, name in enumerate(tally.names)
    ]
    return Fairness(column=column, groups=groups, gaps=gaps, notes=notes)


class _Tally:
    """Sums per group: row 0 of all rows, the others of each draw; shape (1 + draws, groups)."""

    def __init__(self, subject: Subject, texts: np.ndarray) -> None:
        self.names, self.group = np.unique(texts.astype(str), return_inverse=True)
        self._drawn = resample(len(subject), subject.clusters, subject.seed)
        self._confidence = subject.confidence
        self._weights = np.vstack([np.ones(self._drawn.count), self._drawn.weights])
        self.rows = np.bincount(self.group).astype(np.float64)

    def mean(self, values: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
        """The mean of values per row, (n,), in each group, of the rows `among`; NaN where a draw has none."""
        among = np.ones(len(values)) if among is None else among.astype(np.float64)
        above, below = self._sums(values * among), self._sums(among)
        return np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)

    def _sums(self, values: np.ndarray) -> np.ndarray:
        groups, blocks = len(self.names), self._drawn.count
        cells = np.bincount(self._drawn.block * groups + self.group, weights=values, minlength=blocks * groups)
        return self._weights @ cells.reshape(blocks, groups)

    def rate(self, rates: np.ndarray, place: int) -> Metric:
        """One group's rate with its interval."""
        value, rows = float(rates[0, place]), self.rows[place]
        if not np.isfinite(value):
            return Metric(value=None, reason="no row of the group tells")
        ends = interval(value, rates[1:, place], min(self._drawn.worth, rows), self._confidence)
        if ends is not None and ends[0] == ends[1] and value in (0.0, 1.0):
            ends = wilson(value * rows, rows, self._confidence)
        if ends is None:
            return Metric(value=value, reason="too few rows for an interval")
        return Metric(value=value, low=ends[0], high=ends[1])

    def gap(self, tables: Sequence[np.ndarray], among: Sequence[int], rows: np.ndarray | None = None) -> Metric:
        """The largest gap between the groups `among`; `rows`: of which each group's rates are shares."""
        told = None if rows is None else rows[list(among)]
        return self.gaps([GroupRates(rates[:, list(among)], told) for rates in tables])

    def gaps(self, tables: Sequence[GroupRates]) -> Metric:
        """The largest gap in any of the tables."""
        return largest_gap(tables, self._drawn.worth, self._confidence)

    def ratio(self, rates: np.ndarray, among: Sequence[int]) -> Metric:
        """The smallest rate by the largest, with its basic interval (Davison and Hinkley 1997)."""
        if len(among) < 2:
            return Metric(value=None, reason="fewer than two groups have enough rows to be compared")
        high, low = rates[:, among].max(axis=1), rates[:, among].min(axis=1)
        found = np.where(high > 0, low / np.where(high > 0, high, 1.0), 1.0)
        value = float(found[0])
        ends = interval(value, 2 * value - found[1:], self._drawn.worth, self._confidence)
        if ends is None or ends[0] == ends[1]:
            reason = "too few rows for an interval" if ends is None else "every draw of rows gives the same"
            return Metric(value=value, reason=reason)
        return Metric(value=value, low=max(0.0, ends[0]), high=min(1.0, ends[1]))


def _loss_name(subject: Subject) -> str:
    if subject.task == "regression":
        return subject.metric if subject.metric in ("mae", "rmse") else "mse"
    share = subject.metric in ("accuracy", "precision", "recall", "f1")
    return "share of wrong answers" if share else "brier" if subject.metric == "brier" else "log_loss"


def _rates(subject: Subject, tally: _Tally) -> dict[str, np.ndarray]:
    """Rate by name: (1 + draws, groups)."""
    loss = tally.mean(per_row_loss(subject.task, subject.y, subject.scores, subject.metric))
    if subject.task == "regression":
        loss = np.sqrt(loss) if _loss_name(subject) == "rmse" else loss
        return {"mean_answer": tally.mean(subject.scores), "loss": loss}
    answer = subject.scores.argmax(axis=1)
    found = {"accuracy": tally.mean((answer == subject.y).astype(np.float64)), "loss": loss}
    if subject.task == "binary":
        chosen, true = (answer == 1).astype(np.float64), subject.y == 1
        found = {
            "selection_rate": tally.mean(chosen),
            "base_rate": tally.mean(true.astype(np.float64)),
            "true_positive_rate": tally.mean(chosen, true),
            "false_positive_rate": tally.mean(chosen, ~true),
            **found,
        }
    _replace_by_fairlearn(subject, tally, found)
    return found


def _replace_by_fairlearn(subject: Subject, tally: _Tally, found: dict[str, np.ndarray]) -> None:
    """The values of all rows as Fairlearn's MetricFrame has them."""
    from fairlearn import metrics as fairlearn
    from sklearn.metrics import accuracy_score

    named: dict[str, Any] = {"accuracy": accuracy_score}
    if subject.task == "binary":
        named |= {"selection_rate": fairlearn.selection_rate}
        named |= {name: getattr(fairlearn, name) for name in ("true_positive_rate", "false_positive_rate")}
    answer, truth = subject.scores.argmax(axis=1), subject.y.astype(np.int64)
    groups = tally.names[tally.group]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of groups without one of the classes: those are told apart below
        frame = fairlearn.MetricFrame(metrics=named, y_true=truth, y_pred=answer, sensitive_features=groups)
    for name in named:
        values = frame.by_group[name].reindex(tally.names).to_numpy(dtype=np.float64)
        found[name][0] = np.where(np.isfinite(found[name][0]), values, np.nan)


def _classification_gaps(
    subject: Subject, tally: _Tally, rates: dict[str, np.ndarray], big: list[int]
) -> dict[str, Metric]:
    answer = subject.scores.argmax(axis=1)
    codes = [1]
    if subject.task == "multiclass":
        counts = np.bincount(subject.y.astype(np.int64), minlength=subject.scores.shape[1])
        codes = np.argsort(-counts, kind="stable")[:_MOST_CLASSES].tolist()
    chosen = [(answer == code).astype(np.float64) for code in codes]
    shares = [tally.mean(one) for one in chosen]
    gaps = {
        "demographic_parity_difference": tally.gap(shares, big, tally.rows),
        "demographic_parity_ratio": _worst([tally.ratio(one, big) for one in shares]),
        "equalized_odds_difference": _odds(subject, tally, codes, big),
        "accuracy_difference": tally.gap([rates["accuracy"]], big, tally.rows),
    }
    return gaps | {"loss_difference": tally.gap([rates["loss"]], big)}


def _odds(subject: Subject, tally: _Tally, codes: list[int], big: list[int]) -> Metric:
    """The larger gap of the two rates, between groups that have enough rows of either kind."""
    answer, tables = subject.scores.argmax(axis=1), []
    for code in codes:
        chosen, true = (answer == code).astype(np.float64), subject.y == code
        rows = np.bincount(tally.group, weights=true, minlength=len(tally.names))
        enough = (rows >= FEWEST_OF_A_KIND) & (tally.rows - rows >= FEWEST_OF_A_KIND)
        told = [place for place in big if enough[place]]
        if len(told) >= 2:
            for among, count in ((true, rows), (~true, tally.rows - rows)):
                tables.append(GroupRates(tally.mean(chosen, among)[:, told], count[told]))
    if not tables:
        return Metric(value=None, reason=f"fewer than two groups have {FEWEST_OF_A_KIND} rows of either kind")
    return tally.gaps(tables)


def _worst(found: list[Metric]) -> Metric:
    known = [one for one in found if one.value is not None]
    return min(known, key=lambda one: one.value or 0.0) if known else found[0]
