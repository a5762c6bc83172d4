from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.comparison import Pair, distance, make_pair
from pipelines.core.drift import ColumnQuality, KindVerdict, Verdict, WatchKind, WindowFacts
from pipelines.core.problem import Problem
from pipelines.core.window_performance import window_performance
from pipelines.stores.drift import drift_reports
from pipelines.stores.drift.drift_dashboard import project_id
from pipelines.stores.drift.drift_reports import Comparison, Labelled, column_numbers, compare, save_report

# Evidently's own import uses names that numpy and litestar have renamed.
pytestmark = [
    pytest.mark.filterwarnings("ignore:numpy.core:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:(Call to|Use of) deprecated:DeprecationWarning"),
]

PROBLEM = Problem.model_validate({"name": "p", "data": {"source": "p.csv", "target": "y"}})
START, END = datetime(2013, 3, 1, tzinfo=UTC), datetime(2013, 3, 8, tzinfo=UTC)


def samples(shift: float, n: int = 1500, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "size [m²]": rng.normal(shift, 1, n),
        "rare": rng.choice([f"k{one}" for one in range(2000)], n),
        "kind (é)": rng.choice(["a", "b"], n, p=[0.5 + shift / 4, 0.5 - shift / 4]),
        "half null": [None if one % 2 else one for one in range(n)],
        "all null": [None] * n,
        "infinite": [np.inf] * n,
        "some infinite": np.where(rng.random(n) < 0.5, np.inf, 1.0),
        "constant": [7.0] * n,
        "one class": ["a"] * n,
        "numbers as text": [str(one) for one in range(n)],
        "tiny": rng.normal(shift, 1, n) * 1e-9,
    }


CATEGORICAL = {"rare", "kind (é)", "one class"}


def pairs(shift: float = 0.0, n: int = 1500) -> list[Pair]:
    before, now = samples(0.0), samples(shift, n, seed=1)
    kinds = {name: "categorical" if name in CATEGORICAL else "numeric" for name in before}
    return [make_pair(name, kinds[name], before[name], now[name], 0.1, len(before)) for name in before]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def calm() -> Comparison:
    return compare(pairs())


def verdict(found: Comparison, **others: Any) -> Verdict:
    facts = WindowFacts(
        2,
        START,
        END,
        END,
        rows=1500,
        labels=0,
        columns=list(found.scores.values()),
        quality=[ColumnQuality("all null", 1.0, 1.0)],
    )
    names: tuple[WatchKind, ...] = ("data", "prediction", "quality", "performance")
    kinds = {kind: KindVerdict("healthy") for kind in names}
    performance = others.get("performance")
    numbers = {"rows": 1500.0, **({"loss": performance.value} if performance else {})}
    return Verdict(PROBLEM.name, "healthy", kinds, replace(facts, **others), numbers)


def test_bad_columns_never_abort_a_report(calm: Comparison) -> None:
    unjudged = {name for name, one in calm.scores.items() if one.score is None}
    assert unjudged == {"all null", "infinite"}
    assert calm.scores["all null"].note == "the reference and the window has no value"
    assert not any(one.drifted for one in calm.scores.values())


def test_evidently_measures_what_the_core_measures(calm: Comparison) -> None:
    for pair in pairs():
        assert calm.scores[pair.name].score == pytest.approx(distance(pair), abs=1e-9)
    methods = {name: one.method for name, one in calm.scores.items()}
    assert methods["size [m²]"] == "wasserstein"
    assert methods["kind (é)"] == "jensenshannon"


def test_what_moved_is_found_and_nothing_else() -> None:
    found = compare(pairs(shift=1.0))
    assert {name for name, one in found.scores.items() if one.drifted} == {"size [m²]", "kind (é)", "tiny"}


def test_the_order_of_rows_changes_no_verdict(calm: Comparison) -> None:
    rng = np.random.default_rng(5)
    mixed = [
        replace(one, reference=rng.permutation(one.reference), current=rng.permutation(one.current)) for one in pairs()
    ]
    for name, one in compare(mixed).scores.items():
        assert one.drifted == calm.scores[name].drifted
        assert one.score == pytest.approx(calm.scores[name].score, abs=1e-9)


def test_an_empty_window_compares_nothing() -> None:
    found = compare([replace(one, current=one.current[:0], note="the window has no value") for one in pairs()])
    assert found.report is None
    assert all(one.score is None for one in found.scores.values())


def test_a_column_that_evidently_refuses_is_left_out_by_name() -> None:
    good, other = pairs()[0], pairs()[2]
    bad = replace(good, name="bad", current=np.array(["no number"] * 10, dtype=object))
    broken = replace(other, name="also bad", kind="numeric", reference=np.array([], dtype=float))
    found, refused = drift_reports._run_columns([good, bad, broken])
    assert set(refused) == {"bad", "also bad"}
    assert list(drift_reports._by_column(found)) == [good.name]


def test_very_many_columns_are_all_judged_and_some_drawn() -> None:
    rng = np.random.default_rng(0)
    reference, calm, moved = (rng.normal(shift, 1, 300) for shift in (0, 0, 3))
    many = [make_pair(f"c{one}", "numeric", reference, calm, 0.1, 80) for one in range(79)]
    found = compare([*many, make_pair("moved", "numeric", reference, moved, 0.1, 80)])
    assert len(found.scores) == 80
    assert [name for name, one in found.scores.items() if one.drifted] == ["moved"]
    assert len(drift_reports._by_column(found.report)) == drift_reports.RENDERED


def test_the_report_is_dated_at_the_windows_end_and_replaced_when_run_again(calm: Comparison, tmp_path: Path) -> None:
    from evidently.ui.workspace import Workspace

    workspace = tmp_path / "evidently"
    path = save_report(workspace, "p", verdict(calm), calm)
    assert save_report(workspace, "p", verdict(calm), calm) == path
    opened = Workspace(str(workspace))
    (run,) = opened.list_runs(project_id("p"))
    found = opened.get_run(project_id("p"), run)
    assert found is not None
    assert found.timestamp == END.replace(tzinfo=None)
    assert found.tags == ["healthy", "version 2"]
    names = {result.metric_value_location.metric.params.get("name") for result in found.metric_results.values()}
    assert {"rows", "drift of size [m²]"} <= names
    assert [widget.title for widget in found.widgets[:4]] == ["data", "prediction", "quality", "performance"]
    json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_labelled_rows_get_evidentlys_quality_report(task: Any, calm: Comparison, tmp_path: Path) -> None:
    labelled, labels, scores = labelled_rows(task)
    moments = np.datetime64("2013-03-01", "us") + np.arange(len(labels)).astype("timedelta64[m]")
    found = verdict(calm, labels=400, performance=window_performance(task, labels, scores, moments))
    path = save_report(tmp_path / "evidently", "p", found, calm, labelled)
    text = path.read_text()
    assert ("RMSE" if task == "regression" else "Accuracy") in text
    assert '"name": "loss"' in text


def labelled_rows(task: str, n: int = 400) -> tuple[Labelled, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    if task == "regression":
        labels = rng.normal(size=n)
        frame = pd.DataFrame({"target": labels, "prediction": labels + rng.normal(size=n)})
        return Labelled("regression", [], frame, frame), labels, frame["prediction"].to_numpy()
    classes = ["no", "yes"] if task == "binary" else ["1", "2", "3"]
    scores = rng.dirichlet([1.0] * len(classes), n)
    labels = rng.integers(0, len(classes), n).astype(float)
    names = np.array(classes, dtype=object)
    frame = pd.DataFrame({"target": names[labels.astype(int)], "prediction": names[scores.argmax(axis=1)]})
    frame[classes] = scores
    return Labelled(task, classes, frame, frame), labels, scores  # type: ignore[arg-type]


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_one_class_or_no_labels_cost_the_drawing_only(rows: int, calm: Comparison, tmp_path: Path) -> None:
    whole, *_ = labelled_rows("binary")
    one_class = whole.current[whole.current["target"] == "yes"].head(rows)
    labelled = replace(whole, current=one_class)
    assert save_report(tmp_path / "evidently", "p", verdict(calm), calm, labelled).exists()


def test_a_columns_number_is_a_multiple_of_its_bar(calm: Comparison) -> None:
    numbers = column_numbers(calm.scores)
    one = calm.scores["size [m²]"]
    assert one.score is not None
    assert numbers["drift of size [m²]"] == pytest.approx(one.score / one.bar)
    assert "drift of all null" not in numbers
