"""A column of labels becomes the codes that its labels have one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import ContractError
from pipelines.core.labels import encode_label
from pipelines.core.schema import ClassType, Contract
from pipelines.core.target_codes import encode_target


def _contract(classes: list[str] | None, kind: ClassType | None) -> Contract:
    task: Any = "regression" if classes is None else "multiclass"
    return Contract(problem="x", task=task, target="y", classes=classes, class_type=kind, columns=())


CONTRACTS: list[tuple[Contract, list[Any]]] = [
    (_contract(["false", "true"], "boolean"), [False, True]),
    (_contract(["0", "3", "12"], "integer"), [0, 3, 12]),
    (_contract(["0.5", "1.5"], "number"), [0.5, 1.5]),
    (_contract(["no", "yes", "true"], "text"), ["no", "yes", "true"]),
    (_contract(None, None), [0.25, -3.0]),
]


@pytest.mark.parametrize(("contract", "labels"), CONTRACTS)
def test_labels_of_every_type_have_their_codes(contract: Contract, labels: list[Any]) -> None:
    codes = encode_target(contract, pd.Series(labels))
    assert codes.tolist() == [encode_label(contract, label) for label in labels]


def test_missing_labels_are_unlabelled_rows() -> None:
    contract = CONTRACTS[0][0]
    assert np.isnan(encode_target(contract, pd.Series([True, None, np.nan], dtype=object))).tolist() == [
        False,
        True,
        True,
    ]
    assert np.isnan(encode_target(CONTRACTS[4][0], pd.Series([None, 1.0]))).tolist() == [True, False]


def test_a_target_that_breaks_the_contract_is_named() -> None:
    with pytest.raises(ContractError, match="'maybe', none of its classes: no, yes"):
        encode_target(CONTRACTS[3][0], pd.Series(["no", "maybe"]))
    with pytest.raises(ContractError, match="no finite number"):
        encode_target(CONTRACTS[4][0], pd.Series([1.0, np.inf]))


@given(st.lists(st.sampled_from([None, "no", "yes", "true"]), max_size=20))
def test_a_column_is_encoded_as_its_labels_are(labels: list[str | None]) -> None:
    contract = CONTRACTS[3][0]
    expected = [np.nan if label is None else encode_label(contract, label) for label in labels]
    np.testing.assert_array_equal(encode_target(contract, pd.Series(labels, dtype=object)), expected)
