from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.alarms.rivals import evidently_defaults, loss_rose, psi_rule, share_drifted, too_large, wasserstein

NAMES = ("a", "b", "few", "kind", "flag")


def columns(rows: int, moved: float, seed: int, empty: float = 0.0) -> dict[str, np.ndarray]:
    source = np.random.default_rng(seed)
    first = source.standard_normal(rows) + moved
    first[source.random(rows) < empty] = np.nan
    kinds = np.minimum(source.integers(0, 4, rows) + (source.random(rows) < moved), 3)
    return {
        "a": first,
        "b": source.exponential(1 + moved, rows),
        "few": source.integers(0, 3, rows).astype(float),
        "kind": kinds,
        "flag": (source.random(rows) < 0.4 + moved / 4).astype(int),
    }


@pytest.mark.slow
@pytest.mark.parametrize("reference", [400, 1000, 1001, 3000])
def test_the_fast_rule_flags_what_evidently_flags(reference: int) -> None:
    before = columns(reference, 0.0, 0)
    rule = evidently_defaults(before)
    for seed, (rows, moved, empty) in enumerate(((80, 0.0, 0.0), (300, 0.1, 0.3), (1500, 0.2, 0.0))):
        now = columns(rows, moved, seed + 1, empty)
        assert dict(zip(NAMES, rule(now), strict=True)) == asked(before, now)


def asked(before: Mapping[str, np.ndarray], now: Mapping[str, np.ndarray]) -> dict[str, bool]:
    """What Evidently itself says, by column."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        definition = DataDefinition(numerical_columns=["a", "b", "few"], categorical_columns=["kind", "flag"])
        sides = [
            Dataset.from_pandas(pd.DataFrame({**one, "kind": one["kind"].astype(str), "flag": one["flag"].astype(str)}),
                                data_definition=definition)
            for one in (now, before)
        ]  # fmt: skip
        metrics = Report([DataDriftPreset()]).run(*sides).dict()["metrics"]
    found = {}
    for one in metrics:
        if "column" in one["config"]:
            tested = "p_value" in one["config"]["method"]
            value, limit = float(one["value"]), one["config"]["threshold"]
            found[one["config"]["column"]] = value < limit if tested else value >= limit
    return {name: found[name] for name in NAMES}


def test_the_distance_is_that_of_scipy() -> None:
    source = np.random.default_rng(0)
    for rows in (1, 7, 300):
        before, now = np.sort(source.normal(size=501)), np.sort(source.normal(0.3, 2, rows))
        integral = np.concatenate([[0.0], np.cumsum(before)]) / len(before)
        assert wasserstein(before, integral, now) == pytest.approx(stats.wasserstein_distance(before, now))


def test_half_of_the_columns_make_a_drifted_window() -> None:
    assert share_drifted([True, False])
    assert not share_drifted([True, False, False])


def test_an_index_counts_the_missing_too() -> None:
    before = columns(2000, 0.0, 0)
    index = psi_rule(before)
    assert not too_large(index(columns(2000, 0.0, 1)))
    assert too_large(index(columns(2000, 0.0, 1, empty=0.5)))


def test_a_tenth_more_is_a_rise() -> None:
    assert loss_rose(0.56, 0.5)
    assert not loss_rose(0.54, 0.5)
