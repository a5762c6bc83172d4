"""What the draft makes of a table's columns."""

import numpy as np
import pandas as pd
import pytest

from pipelines.core.drafting import LOOKED_AT, Draft, draft
from pipelines.core.errors import NotEnoughData, ProblemError

RNG = np.random.default_rng(1)
ROWS = 120


def table(rows: int = ROWS, **extra: object) -> pd.DataFrame:
    columns: dict[str, object] = {
        "order_id": np.arange(rows) * 3 + 1000,
        "size": RNG.normal(size=rows),
        "colour": RNG.choice(["red", "green"], rows),
        "sold_on": pd.date_range("2024-01-01", periods=rows, freq="h"),
        "remark": [f"this one was number {n} of the lot" for n in range(rows)],
        "maker": "one and the same",
        "nothing": None,
        "target": RNG.choice(["no", "yes"], rows),
    }
    return pd.DataFrame({**columns, **extra})


def kinds(drafted: Draft) -> dict[str, str]:
    return {column.name: column.kind for column in drafted.columns}


def test_kinds_key_task_and_time_candidate() -> None:
    drafted = draft(table(), "target")
    assert (drafted.task, drafted.key, drafted.time) == ("binary", "order_id", None)
    assert kinds(drafted) == {
        "size": "numeric",
        "colour": "categorical",
        "sold_on": "datetime",
        "remark": "text",
        "maker": "ignored",
        "nothing": "ignored",
    }
    assert [column.name for column in drafted.time_candidates] == ["sold_on"]
    assert drafted.suspicions == []


def test_time_and_drop_are_taken_over() -> None:
    drafted = draft(table(), "target", time="sold_on", drop=["size", "order_id"])
    assert drafted.time == "sold_on"
    assert drafted.time_candidates == ()
    assert drafted.key is None
    assert kinds(drafted)["size"] == kinds(drafted)["order_id"] == "ignored"
    assert kinds(drafted)["sold_on"] == "datetime"


@pytest.mark.parametrize(
    ("target", "task"),
    [
        (RNG.normal(size=ROWS), "regression"),
        (RNG.integers(0, 3, ROWS), "multiclass"),
        (RNG.choice(["a", "b", "c"], ROWS), "multiclass"),
        (RNG.random(ROWS) > 0.5, "binary"),
        (np.where(RNG.random(ROWS) > 0.5, RNG.integers(0, 2, ROWS), np.nan), "binary"),
    ],
)
def test_the_task_follows_the_target(target: np.ndarray, task: str) -> None:
    assert draft(table(target=target), "target").task == task


def test_suspects_stay_listed_with_the_reason() -> None:
    frame = table()
    frame["refunded"] = (frame["target"] == "yes").astype(int)
    drafted = draft(frame, "target")
    assert kinds(drafted)["refunded"] == "numeric"
    assert [one.column for one in drafted.suspicions] == ["refunded"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "Target "}, "did you mean 'target'"),
        ({"target": "zzz"}, "it has 'order_id', 'size'"),
        ({"target": "target", "time": "soldon"}, "--time names 'soldon'.*'sold_on'"),
        ({"target": "target", "time": "colour"}, "holds no dates"),
        ({"target": "target", "time": "nothing"}, "holds no dates"),
        ({"target": "target", "drop": ["colou"]}, "--drop names 'colou'.*'colour'"),
        ({"target": "target", "drop": ["target"]}, "may not be"),
        ({"target": "target", "time": "sold_on", "drop": ["sold_on"]}, "may not be dropped"),
    ],
)
def test_wrong_names_are_said_clearly(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        draft(table(), **arguments)


@pytest.mark.parametrize("target", ["same", None])
def test_a_target_without_two_values_is_refused(target: object) -> None:
    with pytest.raises(NotEnoughData, match="nothing can be learned"):
        draft(table(target=target), "target")


def test_a_name_as_target_is_refused() -> None:
    with pytest.raises(ProblemError, match="too many for classes"):
        draft(table(), "remark")


def test_ids_by_name_become_categories_or_are_left_out() -> None:
    frame = table(shop_id=RNG.integers(0, 5, ROWS), customer_id=np.arange(ROWS) // 2 + 7)
    found = draft(frame, "target")
    assert kinds(found)["shop_id"] == "categorical"
    assert kinds(found)["customer_id"] == "ignored"


def test_a_large_table_is_sampled_and_read_in_full_where_it_matters() -> None:
    rows = LOOKED_AT + 50_000
    target = RNG.integers(0, 2, rows)
    frame = pd.DataFrame({"n": np.arange(rows), "leak": target, "x": RNG.normal(size=rows), "target": target})
    drafted = draft(frame, "target")
    assert kinds(drafted) == {"n": "ignored", "leak": "numeric", "x": "numeric"}
    assert [one.column for one in drafted.suspicions] == ["leak"]
    assert drafted.rows == rows


def test_the_same_table_gives_the_same_draft() -> None:
    frame = table()
    before = frame.copy()
    assert draft(frame, "target") == draft(frame, "target")
    pd.testing.assert_frame_equal(frame, before)


def test_the_class_asked_about_is_named_where_it_is_not_the_last_one() -> None:
    left = np.where(np.arange(90) % 3 == 0, "churned", "stayed")
    drafted = draft(pd.DataFrame({"x": RNG.normal(size=90), "y": left}), "y")
    assert drafted.positive == "churned"
    assert drafted.target_facts.startswith("the positive class is churned (33%)")
    assert draft(pd.DataFrame({"x": RNG.normal(size=90), "y": left == "churned"}), "y").positive is None


def test_what_no_model_can_use_is_left_out_with_the_reason() -> None:
    rows = np.arange(60)
    frame = pd.DataFrame(
        {
            "x": RNG.normal(size=60),
            "basket": [f"[{one}, 2]" for one in rows % 5],
            "address": ["{'city': a}"] * 30 + ["{'city': b}"] * 30,
            "__y": rows % 7,
            "y": rows % 2,
        }
    )
    facts = {column.name: column.facts for column in draft(frame, "y").of_kind("ignored")}
    assert set(facts) == {"basket", "address", "__y"}
    assert "nested" in facts["basket"]
    assert "nested" in facts["address"]
    assert "keeps this name" in facts["__y"]


def test_numbers_that_may_be_moments_are_told() -> None:
    seconds = 1_640_000_000 + 3_600 * np.arange(60)
    frame = pd.DataFrame({"at": seconds, "ms": seconds * 1000, "price": seconds % 7919, "y": np.arange(60) % 2})
    told = {column.name for column in draft(frame, "y").columns if "moments since 1970" in column.facts}
    assert told == {"at", "ms"}


def test_a_task_may_be_told() -> None:
    frame = pd.DataFrame({"x": RNG.normal(size=60), "stars": np.arange(60) % 5 + 1})
    assert draft(frame, "stars").task == "multiclass"
    assert draft(frame, "stars", task="regression").task == "regression"


def test_spellings_and_repeated_rows_are_told() -> None:
    answer = np.tile(["Yes", "yes ", "No"], 30)
    frame = pd.DataFrame({"x": RNG.normal(size=90), "shop": np.tile(["Bern", "bern", "Genf"], 30), "y": answer})
    drafted = draft(pd.concat([frame, frame.head(9)], ignore_index=True), "y")
    assert drafted.variants == ("Yes", "yes ")
    assert drafted.repeated == 9
    assert "case or spaces" in next(column.facts for column in drafted.columns if column.name == "shop")
