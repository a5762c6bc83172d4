from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.core.problem import (
    CLASSIFICATION_METRICS,
    HIGHER_IS_BETTER,
    REGRESSION_METRICS,
    Problem,
    parse_duration,
    write_duration,
)

HOUSES: dict[str, Any] = {"name": "houses", "data": {"source": "houses.csv", "target": "price"}}
TIMED: dict[str, Any] = {"source": "houses.csv", "target": "price", "time": "sold"}
RICH: dict[str, Any] = {
    "name": "flights",
    "task": "binary",
    "data": {
        "source": {"files": {"flights": ["a.csv", "b.csv"], "weather": "w.csv"}, "sql": "SELECT 1"},
        "target": {"column": "late", "expression": "delay > 15", "positive": True},
        "time": "departs",
        "key": "id",
        "label_delay": "90m",
    },
    "features": {
        "numeric": "size",
        "overrides": {"size": {"minimum": 0.0, "required": True}},
        "history": [{"name": "late_1d", "by": "line", "of": "late", "window": "1d"}],
    },
    "learners": ["linear", {"name": "forest", "params": {"trees": 10}}],
    "monitoring": {"window": "2w", "thresholds": {"numeric": 0.2}},
}


def houses(**more: Any) -> Problem:
    return Problem.model_validate({**HOUSES, **more})


def turned(tree: Any) -> Any:
    """The same tree with the keys of every mapping in the opposite order."""
    if isinstance(tree, dict):
        return {key: turned(value) for key, value in reversed(tree.items())}
    return [turned(one) for one in tree] if isinstance(tree, list) else tree


@given(st.integers(0, 9_999), st.sampled_from("smhdw"))
def test_a_duration_is_read_back_as_it_was(number: int, unit: str) -> None:
    duration = parse_duration(f"{number}{unit}")
    assert duration == number * parse_duration(f"1{unit}")
    assert parse_duration(write_duration(duration)) == duration


@given(st.integers(0, 9_999_999))
def test_a_duration_is_written_shortest(number: int) -> None:
    minutes = timedelta(minutes=number)
    written = write_duration(minutes)
    assert len(written) <= len(f"{number}m")
    assert parse_duration(f" {written[:-1]} {written[-1]} ") == minutes


def test_many_odd_seconds_are_read_back_as_they_were() -> None:
    duration = timedelta(seconds=1_000_001)
    assert parse_duration(write_duration(duration)) == duration


def test_a_fraction_is_a_duration_and_a_timedelta_is_one_already() -> None:
    assert parse_duration("1.5h") == timedelta(minutes=90)
    assert parse_duration(timedelta(days=1)) == timedelta(days=1)
    assert write_duration(timedelta(seconds=0.5)) == "0.5s"
    assert write_duration(timedelta(0)) == "0s"


@pytest.mark.parametrize("text", ["", "7", 7, "d", "-7d", "7 days", "1h30m", "7D", "1e3s", None, "P7D"])
def test_what_is_no_duration_is_refused_with_examples(text: object) -> None:
    with pytest.raises(ValueError, match="is no duration: write a number and a unit, such as 30m, 6h, 7d or 4w"):
        parse_duration(text)


def test_five_lines_are_enough() -> None:
    problem = houses()
    assert problem.data.source.files == "houses.csv"
    assert problem.data.target.column == "price"
    assert (problem.data.time, problem.data.key, problem.task, problem.learners) == (None, [], None, [])
    assert (problem.split.method, problem.split.test, problem.features.others) == ("auto", 0.2, "infer")
    assert problem.retraining.on == ["performance", "calibration"]  # drift alone only warns
    assert problem.monitoring.window == problem.retraining.cooldown == timedelta(weeks=1)


def test_short_forms_mean_the_long_ones() -> None:
    long = {
        "data": {"source": {"files": "houses.csv"}, "target": {"column": "price"}, "key": ["id"]},
        "learners": [{"name": "linear"}],
        "good_enough": {"slices": ["town"]},
        "monitoring": {"window": "1w"},
    }
    short = {
        "data": {"source": "houses.csv", "target": "price", "key": "id"},
        "learners": ["linear"],
        "good_enough": {"slices": "town"},
        "monitoring": {"window": "7d"},
    }
    assert houses(**long) == houses(**short)
    assert houses(**long).digest == houses(**short).digest


def test_a_problem_is_read_back_as_it_was_written() -> None:
    problem = Problem.model_validate(RICH)
    written = problem.model_dump(mode="json")
    assert (written["data"]["label_delay"], written["monitoring"]["window"]) == ("90m", "2w")
    again = Problem.model_validate(written)
    assert again == problem
    assert again.digest == problem.digest


HISTORY = {"name": "past", "of": "price", "window": "7d"}
REFUSED = [
    ({"data": {"source": {"files": {"a": "a.csv", "b": "b.csv"}}, "target": "y"}}, "several named files need `sql`"),
    ({"data": {"source": [], "target": "y"}}, "at least one file is needed"),
    (
        {"data": {**TIMED, "label_known_at": "known", "label_delay": "1h"}},
        "give label_known_at or label_delay, not both",
    ),
    ({"data": {"source": "h.csv", "target": "y", "label_delay": "1h"}}, "label_known_at and label_delay need `time`"),
    ({"data": {"source": "h.csv", "target": "y", "label_known_at": "k"}}, "label_known_at and label_delay need `time`"),
    ({"data": {**TIMED, "label_delay": "soon"}}, "'soon' is no duration"),
    (
        {"data": TIMED, "features": {"history": [{"name": "past", "window": "7d"}]}},
        "history feature 'past': `how: mean` needs `of`, the column to aggregate",
    ),
    (
        {"features": {"numeric": ["size", "rooms"], "text": "rooms"}},
        "column 'rooms' is listed under numeric and text: keep one",
    ),
    (
        {"features": {"ignored": ["id", "id"]}},
        "column 'id' is listed under ignored and ignored: keep one",
    ),
    (
        {"data": TIMED, "features": {"history": [HISTORY, HISTORY]}},
        "history features must have different names: ['past']",
    ),
    ({"features": {"history": [HISTORY]}}, "history features need data.time"),
    ({"split": {"method": "time"}}, "split.method: time needs data.time"),
    ({"split": {"test": 0.5, "validation": 0.4}}, "leave less than a tenth of the rows to train on"),
    ({"features": {"numeric": "price"}}, "the target 'price' may not be a feature"),
    ({"good_enough": {"metric": "rsme"}}, "good_enough.metric 'rsme' is none of log_loss"),
    ({"task": "regression", "good_enough": {"metric": "f1"}}, "good_enough.metric 'f1' is none of rmse, mae, mse, r2"),
    ({"task": "binary", "good_enough": {"metric": "mae"}}, "good_enough.metric 'mae' is none of log_loss"),
    ({"task": "clustering"}, "Input should be 'binary', 'multiclass' or 'regression'"),
    ({"name": "../houses"}, "String should match pattern"),
    ({"name": "Houses"}, "String should match pattern"),
    ({"name": "h" * 64}, "String should match pattern"),
    ({"split": {"test": 1}}, "less than 1"),
    ({"search": {"trials": 0}}, "greater than or equal to 1"),
    ({"retraining": {"on": ["mood"]}}, "'prediction', 'data' or 'quality'"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_makes_no_sense_is_refused_and_explained(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        houses(**change)
    assert message in "\n".join(error["msg"] for error in refused.value.errors())


def test_what_is_near_to_a_refusal_is_allowed() -> None:
    counted = {"name": "sales", "how": "count", "window": "7d"}
    assert houses(data=TIMED, features={"history": [counted, HISTORY]}).features.history[0].of is None
    assert houses(data={"source": {"files": {"one": "a.csv"}}, "target": "y"}).data.source.sql is None
    assert houses(features={"ignored": "price"}).features.kinds() == {"price": "ignored"}
    assert houses(good_enough={"metric": "r2"}).task is None  # the task is not known yet: any metric may be meant
    assert houses(name="h" * 63).name == "h" * 63


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"colour": 1}, ("colour",)),
        ({"data": {**HOUSES["data"], "delay": "1h"}}, ("data", "delay")),
        ({"split": {"share": 0.2}}, ("split", "share")),
        ({"learners": [{"name": "linear", "parameters": {}}]}, ("learners", 0, "parameters")),
        ({"monitoring": {"thresholds": {"psi": 0.2}}}, ("monitoring", "thresholds", "psi")),
        ({"features": {"overrides": {"size": {"min": 0}}}}, ("features", "overrides", "size", "min")),
    ],
)
def test_a_key_that_does_not_exist_is_refused_wherever_it_stands(
    change: dict[str, Any], where: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        houses(**change)
    assert [(error["type"], error["loc"]) for error in refused.value.errors()] == [("extra_forbidden", where)]


def test_a_problem_does_not_change() -> None:
    problem = houses()
    with pytest.raises(ValidationError, match="frozen"):
        problem.split.seed = 1  # type: ignore[misc]


def test_listed_columns_have_their_kinds() -> None:
    features = houses(features={"numeric": "size", "text": ["note"], "datetime": "built", "ignored": "id"}).features
    assert features.kinds() == {"size": "numeric", "note": "text", "built": "datetime", "id": "ignored"}


def test_the_order_of_keys_is_no_difference_and_every_value_is() -> None:
    problem = Problem.model_validate(RICH)
    assert list(turned(RICH)) == list(reversed(RICH))
    assert Problem.model_validate(turned(RICH)).digest == problem.digest
    changes = [{"owner": "Ö"}, {"search": {"seed": 1}}, {"learners": ["forest"]}, {"task": None}]
    digests = [Problem.model_validate({**RICH, **change}).digest for change in changes]
    assert len({problem.digest, *digests}) == len(changes) + 1
    assert len(problem.digest) == 64


def test_the_primary_metric_suits_the_task_unless_one_is_named() -> None:
    assert houses().primary_metric("regression") == "rmse"
    assert houses().primary_metric("binary") == houses().primary_metric("multiclass") == "log_loss"
    assert houses(good_enough={"metric": "roc_auc"}).primary_metric("binary") == "roc_auc"


def test_every_metric_has_one_direction() -> None:
    assert not set(CLASSIFICATION_METRICS) & set(REGRESSION_METRICS)
    assert set(CLASSIFICATION_METRICS + REGRESSION_METRICS) >= HIGHER_IS_BETTER
    assert not HIGHER_IS_BETTER & {"log_loss", "brier", "rmse", "mae", "mse"}


@pytest.mark.parametrize("text", ["every monday", "0 25 * * *", "0 3 31 2 *"])
def test_a_schedule_that_is_never_due_is_told_when_the_file_is_read(text: str) -> None:
    given: dict[str, Any] = {"name": "p", "data": {"source": "p.csv", "target": "y"}, "retraining": {"schedule": text}}
    with pytest.raises(ValidationError, match=r"cron expression|never due"):
        Problem.model_validate(given)
    given["retraining"] = {"schedule": "0 3 * * mon"}
    assert Problem.model_validate(given).retraining.schedule == "0 3 * * mon"
