from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.contract import Column, Contract
from pipelines.core.drift import KindVerdict, Verdict, WindowFacts
from pipelines.core.observation import PREDICTION, Answered
from pipelines.core.problem import Problem
from pipelines.core.watching.columns import judge_columns
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.core.watching.view import View
from pipelines.stores.drift.drift_quality import Tables, quality_parts, verdict_tables, window_tables

# Evidently's own import uses names that numpy and litestar have renamed.
pytestmark = [
    pytest.mark.filterwarnings("ignore:numpy.core:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:(Call to|Use of) deprecated:DeprecationWarning"),
]

START = datetime(2024, 3, 4, tzinfo=UTC)
CONTRACT = Contract(
    problem="p",
    task="multiclass",
    target="y",
    classes=["x", "y", "z"],
    class_type="text",
    columns=(
        Column(name="size [m²]", kind="numeric", low=-9, high=9),
        Column(name="town", kind="categorical", seen=["a", "b"]),
        Column(name="note", kind="text"),
        Column(name="gone", kind="numeric"),
    ),
)
PROBLEM = Problem.model_validate({"name": "p", "data": {"source": "p.csv", "target": "y"}})


def rows(n: int = 400, seed: int = 0, shift: float = 0.0) -> Answered:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size [m²]": np.where(rng.random(n) < 0.25, np.nan, rng.normal(shift, 1, n)),
            "town": pd.Series(rng.choice(np.array(["a", "b", None], dtype=object), n), dtype=object),
            "note": pd.Series(["x" * one for one in rng.integers(1, 9, n)], dtype=object),
            "gone": np.full(n, np.nan) if shift else rng.normal(size=n),
        }
    )
    scores = rng.dirichlet([1, 1, 1], n)
    moments = np.full(n, np.datetime64("NaT"), dtype="datetime64[us]")
    return Answered(frame, moments, scores, scores.argmax(axis=1).astype(float), {})


def side() -> ReleaseSide:
    return ReleaseSide(3, CONTRACT, (), rows(), {}, {"size [m²]": 1.0})


def view(shift: float = 0.0) -> View:
    sample = rows(300, 1, shift)
    versions = np.where(np.arange(300) < 200, 3, 2)
    return View(START, START + timedelta(days=7), START, 300, {3: 200, 2: 100}, [], sample, versions)


def verdict(release: ReleaseSide, seen: View) -> Verdict:
    found = judge_columns(PROBLEM, release, seen)
    facts = WindowFacts(3, seen.start, seen.end, seen.as_of, 300, 0, found.columns, found.prediction, found.quality)
    return Verdict("p", "alarm", found.kinds, facts, found.numbers)


def values(parts: list[Any], kind: str) -> dict[str, Any]:
    found = {}
    for metrics, _ in parts:
        for one in metrics.values():
            params = one.metric_value_location.metric.params
            if params["type"].endswith(f":{kind}"):
                found[params["column"]] = one
    return found


def test_tables_hold_what_is_missing() -> None:
    found = window_tables(side(), view(), 100)
    assert (len(found.reference), len(found.current)) == (100, 300)
    assert list(found.current) == ["size [m²]", "town", "note", "gone", PREDICTION]
    assert set(found.numeric) == {"size [m²]", "note", "gone"}
    assert found.current["size [m²]"].isna().mean() == pytest.approx(0.25, abs=0.1)
    assert found.current["town"].isna().any()
    assert found.current[PREDICTION].notna().sum() == 200  # of this release alone


def test_evidently_counts_missing_values_and_describes_what_the_verdict_names() -> None:
    release, seen = side(), view(shift=2.0)
    parts = quality_parts(verdict(release, seen), window_tables(release, seen, 10_000))
    counted = values(parts, "MissingValueCount")
    assert set(counted) == {"size [m²]", "town", "note", "gone"}
    assert counted["gone"].share.value == 1.0
    assert counted["size [m²]"].count.value == seen.sample.frame["size [m²]"].isna().sum()
    assert set(values(parts, "MeanValue")) == {"size [m²]"}  # named, and with values to describe
    assert sum(len(widgets) for _, widgets in parts) > 4


def test_a_calm_window_is_only_counted() -> None:
    release, seen = side(), view()
    parts = quality_parts(verdict(release, seen), window_tables(release, seen, 10_000))
    assert len(parts) == 1
    assert set(values(parts, "MissingValueCount")) == {"size [m²]", "town", "note", "gone"}


def test_a_column_that_evidently_refuses_is_left_out() -> None:
    release, seen = side(), view()
    good = window_tables(release, seen, 10_000)
    bad = Tables(good.reference.drop(columns="note"), good.current, good.numeric)
    assert set(values(quality_parts(verdict(release, seen), bad), "MissingValueCount")) == {"size [m²]", "town", "gone"}
    assert quality_parts(verdict(release, seen), Tables(pd.DataFrame(), pd.DataFrame(), [])) == []


def test_the_tables_tell_usage_harm_and_exact_shares() -> None:
    found = verdict(side(), view(shift=2.0))
    drift, quality = verdict_tables(found)
    header, first = drift.params["header"], drift.params["data"][0]
    told = dict(zip(header, first, strict=True))
    assert (told["column"], told[""], told["usage"]) == ("size [m²]", "drifted", "100.0%")
    assert float(told["distance"]) == pytest.approx(found.facts.columns[0].score or 0, rel=0.01)
    assert told["compared with"] == "the reference"
    assert quality.title == "Values, over all 300 rows"
    assert quality.params["data"][0][:2] == ["gone", "100.0% (was 0.0%)"]


def test_an_unjudged_window_has_tables_too() -> None:
    few = replace(verdict(side(), view()), kinds={"data": KindVerdict("unknown", ["few"])})
    bare = replace(few, facts=replace(few.facts, columns=[], quality=[]))
    assert [one.params["data"] for one in verdict_tables(bare)] == [[], []]
