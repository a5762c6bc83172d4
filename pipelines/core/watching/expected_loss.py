"""What a release promised of each answer: the loss to be expected of it, were the answer right.

A window's loss rises when its rows are harder or another class is more frequent, without the model being wrong. What
tells harm from that is the loss *beyond* the one that each row's own answer foretells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipelines.core.observation import Answered
from pipelines.core.problem import Task
from pipelines.core.watching.error_model import ErrorModel, fit_error_model
from pipelines.core.watching.reliability import Reliability, fit_reliability

_SMALLEST = 1e-15  # probabilities are kept this far from 0, as scikit-learn does
_MOST_CLASSES = 20  # classes whose shares are watched one by one
_CAPS = (3.0, 14.0)  # a log loss counts as no more than something between these: one sure mistake is one mistake
_USUAL_CAP = 5.3  # where no label says what is usual: the loss of an answer of one in 200
_TAIL = 0.995


@dataclass(frozen=True)
class Terms:
    """What n rows say of the promise; rows without a label or an answer have NaN in `loss` and what follows it.

    `gap`, `gap_variance`, `gap_skew` and `came` are (n, g): one column for each class watched, or one alone.
    """

    expected: np.ndarray
    """(n,) the loss to be expected of the answer; NaN where there is none."""
    loss: np.ndarray
    """(n,) the loss that came: log loss, or squared error."""
    excess: np.ndarray
    """(n,) loss - expected, both winsorised alike: its mean is 0 where the promise holds."""
    variance: np.ndarray
    """(n,) of the excess, were the promise true."""
    skew: np.ndarray
    """(n,) third central moment of the excess, were the promise true."""
    harm: np.ndarray
    """(n,) what the differences between the answers cost beyond the promise: the excess less that of an answer which is
    always the same. Another base rate or level, which is calibration's to judge, moves its mean as little as harder
    rows do; where the answers no longer tell rows apart as they did, it is about twice what that costs."""
    harm_variance: np.ndarray
    harm_skew: np.ndarray
    gap: np.ndarray
    """What was said less what came."""
    gap_variance: np.ndarray
    gap_skew: np.ndarray
    came: np.ndarray
    """1 for the class that came (classification), the label and its square (regression)."""


@dataclass(frozen=True)
class Promise:
    """How a release's answers are turned into expectations, as learnt from its reference rows."""

    task: Task
    classes: tuple[int, ...]
    """Classes whose shares are watched; empty for regression."""
    cap: float
    """A loss above this counts as this."""
    reliability: Reliability | None = None
    errors: ErrorModel | None = None
    same: np.ndarray | None = None
    """(classes,) losses of the answer that is always the same, or (1,) its value: the one that is nearest to the
    answers of the reference, so that a shift of the level leaves their difference as it is."""
    reference: np.ndarray | None = None
    """(rows,) the losses expected of the reference rows, for regression by a model that did not see them."""

    def expected(self, rows: Answered) -> np.ndarray:
        """(n,) the loss to be expected of each row; NaN for a row without an answer.

        Of classes it is a function of the answer alone; of values one of the features too.
        """
        if self.task != "regression":
            return self._of_classes(rows.scores, np.full(len(rows.scores), np.nan)).expected
        if self.errors is None:
            return np.full(len(rows.scores), np.nan)
        return np.where(np.isfinite(rows.scores), self.errors.expected(rows), np.nan)

    def terms(self, scores: np.ndarray, labels: np.ndarray, expected: np.ndarray) -> Terms:
        """The terms of n rows; `expected` is that of `expected()`, which may have been kept from earlier."""
        return (
            self._of_values(scores, labels, expected) if self.task == "regression" else self._of_classes(scores, labels)
        )

    def _of_classes(self, scores: np.ndarray, labels: np.ndarray) -> Terms:
        """Of a log loss, mean, variance and skew under the recalibrated answer are exact sums over the classes."""
        answered = np.isfinite(scores).all(axis=1)
        said = _shares(scores)
        true = said if self.reliability is None else self.reliability.recalibrated(said)
        whole = -np.log(np.clip(said, _SMALLEST, 1.0))
        losses = np.minimum(whole, self.cap)
        expected = np.where(answered, (true * losses).sum(axis=1), np.nan)
        away = losses - expected[:, None]
        apart = losses if self.same is None else losses - self.same
        worse = apart - (true * apart).sum(axis=1)[:, None]
        known = answered & np.isfinite(labels)
        place = np.where(known, labels, 0).astype(int)
        every = np.arange(len(scores))
        watched = true[:, list(self.classes)]
        came = (place[:, None] == np.array(self.classes)).astype(np.float64)
        nothing = np.where(known, 0.0, np.nan)
        return Terms(
            expected,
            loss=whole[every, place] + nothing,
            excess=away[every, place] + nothing,
            variance=(true * away**2).sum(axis=1) + nothing,
            skew=(true * away**3).sum(axis=1) + nothing,
            harm=worse[every, place] + nothing,
            harm_variance=(true * worse**2).sum(axis=1) + nothing,
            harm_skew=(true * worse**3).sum(axis=1) + nothing,
            gap=watched - came + nothing[:, None],
            gap_variance=watched * (1 - watched) + nothing[:, None],
            gap_skew=-watched * (1 - watched) * (1 - 2 * watched) + nothing[:, None],
            came=came + nothing[:, None],
        )

    def always_the_same(self, scores: np.ndarray) -> np.ndarray:
        """(classes,) losses a that come nearest to these answers': least squares of their differences, under what the
        answers promise of the classes."""
        said = _shares(scores)
        true = said if self.reliability is None else self.reliability.recalibrated(said)
        losses = np.minimum(-np.log(np.clip(said, _SMALLEST, 1.0)), self.cap)
        matrix = np.diag(true.sum(axis=0)) - true.T @ true
        target = (true * losses).sum(axis=0) - true.T @ (true * losses).sum(axis=1)
        return np.linalg.lstsq(matrix, target, rcond=1e-9)[0]

    def _of_values(self, scores: np.ndarray, labels: np.ndarray, expected: np.ndarray) -> Terms:
        known = np.isfinite(scores) & np.isfinite(labels) & np.isfinite(expected)
        spread, skew = (self.errors.spread, self.errors.skew) if self.errors is not None else (2.0, 8.0)
        nothing = np.where(known, 0.0, np.nan)
        error = np.where(known, scores - labels, 0.0)
        likely = np.where(known, expected, 1.0)
        gap = np.clip(error, -np.sqrt(self.cap), np.sqrt(self.cap)) + nothing
        # (y - f)² - (y - c)² less its expectation, were y about f: linear in y, so that louder noise is no harm
        apart = 2 * (np.where(known, scores, 0.0) - (0.0 if self.same is None else self.same[0]))
        return Terms(
            expected,
            loss=error**2 + nothing,
            excess=np.minimum(error**2, self.cap) - likely + nothing,
            variance=spread * likely**2 + nothing,
            skew=skew * likely**3 + nothing,
            harm=gap * apart,
            harm_variance=likely * apart**2 + nothing,
            harm_skew=nothing,
            gap=gap[:, None],
            gap_variance=(likely + nothing)[:, None],
            gap_skew=nothing[:, None],
            came=np.column_stack([labels, labels**2]) + nothing[:, None],
        )


def make_promise(task: Task, reference: Answered, loss: float | None = None) -> Promise:
    """The promise of a release by its reference rows; `loss`: its scorecard's, for a reference without labels.

    Without labels the answers are taken at their word (classes), or every error is taken to be as large as the
    scorecard's (values); without that either, no loss is expected of values.
    """
    table = reference.scores.reshape(len(reference.scores), -1)
    known = np.isfinite(reference.labels) & np.isfinite(table).all(axis=1)
    if task == "regression":
        return _of_errors(reference, known, loss)
    y = reference.labels[known].astype(int)
    said = _shares(table[known])
    cap = _USUAL_CAP
    if len(y):
        usual = float(np.quantile(-np.log(np.clip(said[np.arange(len(y)), y], _SMALLEST, 1.0)), _TAIL))
        cap = min(max(1.25 * usual, _CAPS[0]), _CAPS[1])
    classes = _watched(y, table.shape[1])
    promise = Promise(task, classes, cap, fit_reliability(said, y))
    answered = np.isfinite(table).all(axis=1)
    promise = replace(promise, same=promise.always_the_same(table[answered]))
    return replace(promise, reference=promise.expected(reference))


def _shares(scores: np.ndarray) -> np.ndarray:
    """(n, classes) every row over its sum."""
    total = scores.sum(axis=1, keepdims=True)
    shares: np.ndarray = scores / np.where(total > 0, total, 1.0)
    return shares


def _watched(y: np.ndarray, count: int) -> tuple[int, ...]:
    """The second of two classes, or the most frequent of several."""
    if count == 2:
        return (1,)
    often = np.bincount(y, minlength=count)[:count]
    return tuple(sorted(int(one) for one in np.argsort(-often, kind="stable")[:_MOST_CLASSES]))


def _of_errors(reference: Answered, known: np.ndarray, loss: float | None) -> Promise:
    if not known.any():
        if loss is None:
            return Promise("regression", (), np.inf)
        constant, answers = ErrorModel(loss**2, 2.0, 8.0), reference.scores[np.isfinite(reference.scores)]
        same = np.array([answers.mean()]) if len(answers) else None
        return Promise("regression", (), 25 * loss**2, None, constant, same, np.full(len(known), loss**2))
    rows = reference.rows(known)
    squares = (rows.scores - rows.labels) ** 2
    cap = float(np.quantile(squares, _TAIL)) or float(squares.max()) or 1.0
    errors, apart = fit_error_model(rows, np.minimum(squares, cap))
    expected = np.full(len(known), np.nan)
    expected[known] = apart
    return Promise("regression", (), cap, None, errors, np.array([np.average(rows.scores, weights=apart)]), expected)
