"""From a problem and its table to the Contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import ProblemError
from pipelines.core.inference import infer_contract, made_from
from pipelines.core.problem import Problem

FRAME = pd.DataFrame(
    {
        "id": [f"r{one}" for one in range(30)],
        "when": pd.date_range("2013-01-01", periods=30),
        "size [m²]": np.linspace(1, 9, 30),
        "count": [1, 2, 3] * 10,
        "shop": ["a", "b", None] * 10,
        "empty": [None] * 30,
        "flag": [True, False, True] * 10,
        "arrived": pd.date_range("2013-01-02", periods=30),
        "delay": np.arange(30.0) * 2,
        "late": [True, False] * 15,
    }
)


def _problem(**more: Any) -> Problem:
    data = {"source": "x.csv", "target": "late", **more.pop("data", {})}
    return Problem.model_validate({"name": "x", "data": data, **more})


def test_five_lines_give_a_contract() -> None:
    contract = infer_contract(_problem(), FRAME)
    kinds = {column.name: column.kind for column in contract.columns}
    assert kinds == {
        "id": "categorical",
        "when": "datetime",
        "size [m²]": "numeric",
        "count": "numeric",
        "shop": "categorical",
        "flag": "categorical",
        "arrived": "datetime",
        "delay": "numeric",
    }
    assert contract.ignored == ["empty"]
    assert (contract.task, contract.classes) == ("binary", ["false", "true"])
    assert all(column.feature and column.asked for column in contract.columns)


def test_a_column_says_what_was_seen() -> None:
    columns = infer_contract(_problem(), FRAME).by_name
    size, shop, when = columns["size [m²]"], columns["shop"], columns["when"]
    assert (size.low, size.high, size.integer, size.example) == (1.0, 9.0, False, 1.0)
    assert (columns["count"].integer, columns["count"].example) == (True, 1)
    assert (shop.seen, shop.nullable, shop.missing, shop.example) == (["a", "b"], True, pytest.approx(1 / 3), "a")
    assert (when.low, when.example) == (1356998400.0, "2013-01-01T00:00:00")
    assert columns["flag"].example is True


def test_what_makes_or_tells_the_label_is_no_feature() -> None:
    target = {"column": "late", "expression": "delay > 15"}
    data = {"time": "when", "label_known_at": "arrived", "key": "id", "target": target}
    contract = infer_contract(_problem(data=data), FRAME)
    assert {column.name for column in contract.features} == {"when", "size [m²]", "count", "shop", "flag"}
    assert set(contract.ignored) == {"empty", "delay"}
    assert {"id", "delay", "late", "arrived"} <= contract.known_names


def test_history_brings_its_columns_but_asks_only_for_entities_and_time() -> None:
    history = [
        {"name": "a", "by": "shop", "of": "delay", "window": "1d", "known_at": "arrived"},
        {"name": "b", "by": ["id", "count"], "how": "count", "window": "1d"},
    ]
    features = {"numeric": "count", "others": "ignore", "history": history}
    contract = infer_contract(_problem(data={"time": "when"}, features=features), FRAME)
    asked = {column.name: (column.kind, column.feature, column.asked) for column in contract.columns}
    assert asked == {
        "count": ("numeric", True, True),
        "shop": ("categorical", False, True),
        "id": ("categorical", False, True),
        "when": ("datetime", False, True),
        "delay": ("numeric", False, False),
        "arrived": ("datetime", False, False),
    }


def test_declared_rules_are_kept() -> None:
    overrides = {"count": {"minimum": 0, "required": True}, "shop": {"categories": ["a", "b", "c"]}}
    features = {"categorical": ["shop", "count"], "others": "ignore", "overrides": overrides}
    columns = infer_contract(_problem(features=features), FRAME).by_name
    assert (columns["count"].kind, columns["count"].seen, columns["count"].required) == (
        "categorical",
        ["1", "2", "3"],
        True,
    )
    assert columns["shop"].categories == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"data": {"target": "lat"}}, "data.target names 'lat'.*did you mean 'late'"),
        ({"data": {"time": "nope"}}, "data.time names 'nope', which the data does not have; it has 'id'"),
        ({"features": {"numeric": ["cuont"]}}, "features.numeric names 'cuont'.*did you mean 'count'"),
        ({"features": {"overrides": {"x": {}}}}, "features.overrides names 'x'"),
        ({"good_enough": {"slices": ["zzz"]}}, "good_enough.slices names 'zzz'"),
        ({"good_enough": {"protected": ["zzz"]}}, "good_enough.protected names 'zzz'"),
        ({"features": {"numeric": ["shop"]}}, "'shop' is declared numeric, but 20 of its 20 values are none, 'a'"),
        ({"features": {"others": "ignore"}}, "no feature is left"),
    ],
)
def test_a_problem_that_does_not_fit_the_table_says_where(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        infer_contract(_problem(**more), FRAME)


def test_made_from_changes_with_what_the_contract_rests_on_only() -> None:
    assert made_from(_problem()) == made_from(_problem(question="why?", search={"trials": 3}))
    assert made_from(_problem()) != made_from(_problem(features={"ignored": ["id"]}))


def test_fifteen_hundred_odd_columns_are_described() -> None:
    values = {f'c{one} "ü" [{one}] (a, b)': np.arange(60.0) + one for one in range(1500)}
    frame = pd.DataFrame({**values, "late": [True, False] * 30})
    assert len(infer_contract(_problem(), frame).features) == 1498  # the first two just count the rows


def test_protected_columns_are_kept_and_never_asked_for() -> None:
    plain, kept = _problem(), _problem(good_enough={"protected": ["shop"]}, features={"ignored": ["shop"]})
    column = infer_contract(kept, FRAME).by_name["shop"]
    assert (column.feature, column.asked, column.kind) == (False, False, "categorical")
    assert infer_contract(_problem(good_enough={"protected": "shop"}), FRAME).by_name["shop"].feature
    assert made_from(kept) != made_from(_problem(features={"ignored": ["shop"]}))
    # Contracts that were made before there were protected columns stay in force.
    assert made_from(plain).startswith("dfffd70e18b3d59b")


def test_names_kept_for_what_stands_beside_the_columns_are_no_features() -> None:
    frame = FRAME.assign(__y=1.5, __label="x")
    assert not {"__y", "__label"} & set(infer_contract(_problem(), frame).by_name)
    with pytest.raises(ProblemError, match="'__y' has a name that Ratchet keeps"):
        infer_contract(_problem(features={"numeric": ["__y"]}), frame)
