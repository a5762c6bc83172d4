from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax

from pipelines.core.observation import Answered
from pipelines.core.watching.expected_loss import Terms, make_promise

TASKS = ["binary", "rare", "multiclass", "regression"]


def answered(kind: str, n: int, seed: int = 0, harder: float = 0.0) -> Answered:
    """Rows whose labels follow the answers; `harder` moves the rows towards answers that are less sure."""
    source = np.random.default_rng(seed)
    x = source.standard_normal(n) * (1 - harder)
    frame = pd.DataFrame({"x": x})
    moments = np.datetime64("2021-01-01", "us") + np.arange(n) * np.timedelta64(300, "s")
    if kind == "regression":
        return Answered(frame, moments, x, x + np.exp(0.4 * x) * source.standard_normal(n), {})
    scores = softmax(np.column_stack([x, -x, 0 * x]), axis=1)
    if kind != "multiclass":
        likely = expit((-3.5 if kind == "rare" else 0.0) + 1.5 * x)
        scores = np.column_stack([1 - likely, likely])
    labels = (source.random(n)[:, None] > np.cumsum(scores, axis=1)).sum(axis=1).clip(max=scores.shape[1] - 1)
    return Answered(frame, moments, scores, labels.astype(float), {})


def terms(kind: str, rows: Answered, reference: Answered | None = None) -> Terms:
    task: Any = "binary" if kind == "rare" else kind
    promise = make_promise(task, answered(kind, 2000, 7) if reference is None else reference)
    return promise.terms(rows.scores, rows.labels, promise.expected(rows))


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("harder", [0.0, 0.6])
def test_excess_and_harm_have_mean_zero_while_the_answers_are_right(kind: str, harder: float) -> None:
    """Whatever the rows: harder ones lose more, and were expected to."""
    n = 20_000
    found = terms(kind, answered(kind, n, 1, harder), answered(kind, n, 7))
    for values, variance in ((found.excess, found.variance), (found.harm, found.harm_variance)):
        assert abs(values.mean()) < 4 * np.sqrt(2 * variance.mean() / n) + 0.02 * found.expected.mean()
    assert np.abs(found.gap.mean(axis=0)).max() < 4 * np.sqrt(2 * found.gap_variance.mean() / n) + 0.005


@pytest.mark.parametrize("kind", TASKS)
def test_variance_and_skew_are_those_promised(kind: str) -> None:
    found = terms(kind, answered(kind, 20_000, 1), answered(kind, 20_000, 7))
    assert found.excess.var() == pytest.approx(found.variance.mean(), rel=0.3 if kind == "regression" else 0.1)
    assert found.harm.var() == pytest.approx(found.harm_variance.mean(), rel=0.1)
    assert found.gap[:, 0].var() == pytest.approx(found.gap_variance[:, 0].mean(), rel=0.1)
    if kind != "regression":  # cubes of errors that grow with the answer settle down too slowly to compare
        assert (found.harm**3).mean() == pytest.approx(found.harm_skew.mean(), rel=0.4, abs=0.03)


def test_another_base_rate_is_excess_but_next_to_no_harm() -> None:
    rows = answered("rare", 50_000, 1)
    source = np.random.default_rng(2)
    more = (source.random(50_000) < expit(np.log(rows.scores[:, 1] / rows.scores[:, 0]) + 0.4)).astype(float)
    found = terms("rare", Answered(rows.frame, rows.moments, rows.scores, more, {}))
    assert found.excess.mean() > 0.03
    assert abs(found.harm.mean()) < found.excess.mean() / 4
    assert found.gap.mean() < -0.01


def test_answers_that_mean_nothing_any_more_are_harm() -> None:
    rows = answered("binary", 20_000, 1)
    mixed = np.random.default_rng(0).permutation(rows.labels)
    found = terms("binary", Answered(rows.frame, rows.moments, rows.scores, mixed, {}))
    assert found.harm.mean() > 0.2


@pytest.mark.parametrize("kind", TASKS)
def test_rows_without_label_or_answer_have_no_terms(kind: str) -> None:
    rows = answered(kind, 10)
    rows.labels[0] = np.nan
    rows.scores[1] = np.nan
    found = terms(kind, rows)
    assert np.isfinite(found.expected).tolist() == [True, False, *[True] * 8]
    for values in (found.loss, found.excess, found.harm, found.gap[:, 0], found.came[:, 0]):
        assert np.isfinite(values).tolist() == [False, False, *[True] * 8]


@pytest.mark.parametrize("kind", TASKS)
def test_a_reference_without_labels_gives_a_promise_too(kind: str) -> None:
    reference = answered(kind, 300)
    reference.labels[:] = np.nan
    task: Any = "binary" if kind == "rare" else kind
    promise = make_promise(task, reference, 1.0)
    rows = answered(kind, 50, 1)
    assert np.isfinite(promise.terms(rows.scores, rows.labels, promise.expected(rows)).excess).all()
    if kind == "regression":
        assert np.isnan(make_promise(task, reference).expected(rows)).all()


def test_one_sure_mistake_is_one_mistake() -> None:
    rows = answered("binary", 1000)
    rows.scores[0], rows.labels[0] = (1.0, 0.0), 1.0
    found = terms("binary", rows)
    assert found.loss[0] > 30
    assert found.excess[0] < 10
