from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.compilation.compiling import compile_pipeline
from pipelines.core.compilation.edge_rows import cuts, edge_rows
from pipelines.core.learners import make_pipeline
from pipelines.stores.bundles.tree_kernel import TreeKernel

KINDS = {"size": "numeric", "past": "numeric", "colour": "categorical", "at": "datetime", "note": "text"}


def test_every_kind_of_column_is_put_to_the_test(make: Callable[..., Any]) -> None:
    frame, y, contract = make("binary")
    pipeline = make_pipeline("histogram_gradient_boosting", contract, ["past"], "binary", {"max_iter": 5}, 0)
    compiled = compile_pipeline(pipeline.fit(frame, y), contract, ["past"], TreeKernel)
    before = frame.copy()
    made = edge_rows(compiled, list(KINDS), KINDS, frame)
    pd.testing.assert_frame_equal(frame, before)
    assert made.iloc[0].isna().all()
    for name in KINDS:  # each missing in turn, the others as they were
        assert (made[name].isna() & made.drop(columns=name).notna().any(axis=1)).any()
    thresholds = cuts(compiled)["size"]
    assert len(thresholds) > 3
    sizes = set(made["size"].dropna())
    for value in (*thresholds, -0.0, 1e30, -1e30, frame["size"].min(), frame["size"].max()):
        assert {
            value,
            *((np.nextafter(value, end) for end in (-np.inf, np.inf)) if value in thresholds else ()),
        } <= sizes
    assert {"red", "blue", "never seen", ""} <= set(made["colour"].dropna())
    assert {1, 1900, 2024, 2100} <= set(made["at"].dropna().map(lambda one: one.year))
    assert "" in set(made["note"])


def test_a_linear_model_is_tried_where_it_clips(make: Callable[..., Any]) -> None:
    frame, y, contract = make("regression")
    pipeline = make_pipeline("linear", contract, ["past"], "regression", {}, 0).fit(frame, y)
    found = cuts(compile_pipeline(pipeline, contract, ["past"], TreeKernel))
    assert {frame["size"].min(), frame["size"].max()} <= set(found["size"])


def test_without_any_held_out_row_there_are_still_edges(make: Callable[..., Any]) -> None:
    frame, y, contract = make("binary")
    pipeline = make_pipeline("baseline", contract, ["past"], "binary", {}, 0).fit(frame, y)
    compiled = compile_pipeline(pipeline, contract, ["past"], TreeKernel)
    made = edge_rows(compiled, list(KINDS), KINDS, frame.iloc[:0])
    assert len(made) > 30
    assert made["at"].dtype == "datetime64[us]"
