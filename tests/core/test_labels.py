"""Labels between the forms they have."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.core.labels import decode, encode_label, list_classes
from pipelines.core.schema import ClassType, Contract


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
def test_a_label_survives_the_way_through_its_code(contract: Contract, labels: list[Any]) -> None:
    codes = [encode_label(contract, label) for label in labels]
    again = [decode(contract, code) for code in codes]
    assert again == labels
    assert [type(one) for one in again] == [type(one) for one in labels]


@pytest.mark.parametrize("value", [1, "1", "True", True])
def test_a_boolean_label_may_come_as_it_does_in_life(value: Any) -> None:
    assert encode_label(CONTRACTS[0][0], value) == 1.0


@pytest.mark.parametrize(
    ("index", "value"), [(0, "maybe"), (1, 4), (1, None), (3, ["yes"]), (4, "x"), (4, None), (4, float("inf"))]
)
def test_what_is_no_label_says_so(index: int, value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        encode_label(CONTRACTS[index][0], value)


def test_a_list_of_classes_stays_short() -> None:
    assert list_classes(["a", "b"]) == "a, b"
    assert list_classes([str(number) for number in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
