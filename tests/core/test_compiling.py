from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from pipelines.core.compilation.compiled import Compiled
from pipelines.core.compilation.compiling import CannotCompile, compile_pipeline
from pipelines.core.compilation.contributions import linked
from pipelines.core.compilation.proving import prove
from pipelines.core.learners import make_pipeline
from pipelines.core.problem import Task
from pipelines.core.schema import Column, Contract
from pipelines.core.scoring import score
from pipelines.stores.bundles.tree_kernel import TreeKernel

PARAMS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "linear": {},
    "random_forest": {"n_estimators": 8},
    "histogram_gradient_boosting": {"max_iter": 12, "min_samples_leaf": 5},
    "lightgbm": {"n_estimators": 12, "min_child_samples": 5},
}
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
Built = tuple[Compiled, Pipeline, Contract, pd.DataFrame]


@pytest.fixture(scope="module")
def build(make: Callable[..., Any]) -> Callable[[str, Task], Built]:
    """A fitted pipeline of a learner and a task over columns of every kind, and its compiled form; made once."""
    made: dict[tuple[str, Task], Built] = {}

    def one(learner: str, task: Task) -> Built:
        if (learner, task) not in made:
            frame, y, contract = make(task)
            pipeline = make_pipeline(learner, contract, ["past"], task, PARAMS[learner], 0).fit(frame, y)
            compiled = compile_pipeline(pipeline, contract, ["past"], TreeKernel)
            made[learner, task] = (compiled, pipeline, contract, frame)
        return made[learner, task]

    return one


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("learner", PARAMS)
def test_every_learner_of_the_catalogue_compiles_and_is_proven(
    build: Callable[[str, Task], Built], learner: str, task: Task
) -> None:
    compiled, pipeline, contract, frame = build(learner, task)
    proof = prove(compiled, pipeline, contract, frame)
    assert proof.rows > len(frame) + 150
    assert proof.largest <= (1e-12 if task != "regression" else 1e-12 * max(1.0, proof.tolerance / 1e-9))
    assert compiled.kernel == {"baseline": "constant", "linear": "linear"}.get(learner, "trees")


_NUMBER = st.one_of(st.floats(allow_infinity=False), st.sampled_from([0.0, -0.0, 1e30, 1e-36, 3.0]))
_ROW = st.fixed_dictionaries(
    {
        "size": _NUMBER,
        "gap [m²]": _NUMBER,
        "empty": _NUMBER,
        "constant": _NUMBER,
        "past": _NUMBER,
        "colour": st.sampled_from([None, "red", "blue", "green", ""]),
        "nothing": st.sampled_from([None, "something"]),
        "town": st.one_of(st.none(), st.sampled_from([f"town {n}" for n in range(62)]), st.text(max_size=5)),
        "at": st.one_of(st.none(), st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)),
        "note": st.one_of(st.none(), st.text(max_size=12), st.sampled_from(["late fog", "Late, LATE snow", "calm"])),
    }
)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("learner", PARAMS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_ROW, min_size=1, max_size=6))
def test_the_compiled_model_is_the_pipeline_for_any_valid_row(
    build: Callable[[str, Task], Built], learner: str, task: Task, rows: list[dict[str, Any]]
) -> None:
    compiled, pipeline, _, _ = build(learner, task)
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    moments = ["NaT" if one is None else one for one in columns["at"]]
    columns["at"] = np.array([np.datetime64(one, "us") for one in moments])
    typed = {name: columns[name] if name == "at" else pd.Series(columns[name]) for name in columns}
    frame = pd.DataFrame(typed).astype(dict.fromkeys(("colour", "nothing", "town", "note"), object))
    expected = score(pipeline, task, frame)
    arrays = {name: frame[name].to_numpy() for name in columns}
    scale = 1.0 if task != "regression" else max(1.0, float(np.abs(expected).max()))
    for form in (columns, arrays):
        np.testing.assert_allclose(compiled.score(form, len(rows)), expected, rtol=0, atol=1e-11 * scale)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("learner", PARAMS)
def test_contributions_add_up_and_the_base_is_the_same_for_every_row(
    build: Callable[[str, Task], Built], learner: str, task: Task
) -> None:
    compiled, _, _, frame = build(learner, task)
    columns = {name: frame[name].to_numpy() for name in compiled.reads}
    found = compiled.contributions(columns, len(frame))
    scores = compiled.score(columns, len(frame))
    total = found.base + found.values.sum(axis=1)
    scale = max(1.0, float(np.abs(total).max()))
    np.testing.assert_allclose(total, linked(scores, found.link), rtol=0, atol=1e-12 * scale)
    assert found.values.shape[1] == len(compiled.reads)
    if found.link == "identity":  # nothing is left over that a column should have been given
        assert np.ptp(found.base, axis=0).max() < 1e-9 * scale
    if learner != "baseline":
        assert np.abs(found.values[:, compiled.reads.index("size")]).max() > 1e-3
    assert (found.values[:, compiled.reads.index("empty")] == 0).all()


def test_categories_that_become_plain_codes() -> None:
    source = np.random.default_rng(0)
    names = [f"c{number}" for number in range(45)]
    values = source.choice(np.array([*(f"v{n}" for n in range(15)), None], dtype=object), (300, 45))
    frame = pd.DataFrame({name: pd.Series(values[:, place], dtype=object) for place, name in enumerate(names)})
    seen = [f"v{n}" for n in range(15)]
    columns = tuple(Column(name=name, kind="categorical", seen=seen) for name in names)
    classes = ["a", "b", "c", "d", "e"]
    contract = Contract(problem="x", task="multiclass", target="y", classes=classes, class_type="text", columns=columns)
    pipeline = make_pipeline("histogram_gradient_boosting", contract, [], "multiclass", {"max_iter": 3}, 0)
    pipeline.fit(frame, source.integers(0, 5, 300).astype(float))
    assert isinstance(pipeline.steps[0][1].transformers_[0][1], OrdinalEncoder)
    compiled = compile_pipeline(pipeline, contract, [], TreeKernel)
    assert prove(compiled, pipeline, contract, frame).largest < 1e-12


def test_what_is_not_known_exactly_is_refused(make: Callable[..., Any]) -> None:
    frame, y, contract = make("binary")

    class Mine(LogisticRegression):
        pass

    def refused(change: Callable[[Pipeline], None], why: str) -> None:
        pipeline = make_pipeline("linear", contract, ["past"], "binary", {}, 0).fit(frame, y)
        change(pipeline)
        with pytest.raises(CannotCompile, match=why):
            compile_pipeline(pipeline, contract, ["past"], TreeKernel)

    def learner(fitted: Any) -> Callable[[Pipeline], None]:
        return lambda pipeline: setattr(pipeline.steps[1][1], "estimator_", fitted)

    table = np.random.default_rng(0).random((50, 3))
    label = np.arange(50) % 2
    split = HistGradientBoostingClassifier(categorical_features=[0], max_iter=2).fit(np.round(table * 5), label)
    refused(learner(split), "categorical columns of its own")
    refused(learner(Mine().fit(table, label)), "Mine")
    refused(learner(ExtraTreesClassifier(2).fit(table, label)), "ExtraTrees")
    refused(lambda pipeline: setattr(pipeline.steps[0][1], "remainder", "passthrough"), "lets others through")
    refused(lambda pipeline: pipeline.steps.append(("more", "passthrough")), "platform's own")
    refused(lambda pipeline: delattr(pipeline.steps[1][1].estimator_, "coef_"), "not as it was")


def test_a_model_too_large_is_refused(make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    frame, y, contract = make("binary")
    monkeypatch.setattr("pipelines.core.compilation.compiling_trees._MOST_NODES", 100)
    for name in ("random_forest", "histogram_gradient_boosting", "lightgbm"):
        pipeline = make_pipeline(name, contract, ["past"], "binary", PARAMS[name], 0).fit(frame, y)
        with pytest.raises(CannotCompile, match="100 are the most"):
            compile_pipeline(pipeline, contract, ["past"], TreeKernel)
    monkeypatch.setattr("pipelines.core.compilation.compiling._MOST_CELLS", 100)
    with pytest.raises(CannotCompile, match="100 numbers"):
        compile_pipeline(pipeline, contract, ["past"], TreeKernel)
