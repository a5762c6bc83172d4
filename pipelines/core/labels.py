"""Labels between the three forms they have: as given, as codes that models learn, as JSON answers.

One label at a time, and no pandas: this is what serving needs; `core/target_codes.py` reads whole columns.
"""

from __future__ import annotations

import math
from typing import Any

from pipelines.core.schema import Contract
from pipelines.core.values import WrongValue, category_text, to_number

BOOLEAN_TEXTS = {"1": "true", "0": "false", "1.0": "true", "0.0": "false"}
"""Other texts of true and false that a boolean class goes by."""


def decode(contract: Contract, code: float) -> Any:
    """The label of a class index in its original type (JSON), or the number itself for regression.

    >>> contract = Contract(
    ...     problem="x", task="binary", target="y", classes=["no", "yes"], class_type="text", columns=()
    ... )
    >>> decode(contract, 1.0)
    'yes'
    """
    if contract.classes is None:
        return float(code)
    return class_label(contract, contract.classes[int(code)])


def class_label(contract: Contract, text: str) -> Any:
    """A class in its original type: true, 3, 0.5 or text."""
    if contract.class_type == "boolean":
        return text == "true"
    if contract.class_type == "integer":
        return int(text)
    return float(text) if contract.class_type == "number" else text


def encode_label(contract: Contract, value: object) -> float:
    """The class index or value of one label as an application sends it; ValueError says why it is none."""
    if contract.classes is None:
        number = to_number(value)
        if not math.isfinite(number):
            raise WrongValue.unread("expected a finite number", value)
        return number
    if isinstance(value, list | dict | tuple):
        raise WrongValue.unread(f"expected one of {list_classes(contract.classes)}", value)
    text = category_text(value)
    if contract.class_type == "boolean" and text is not None:
        text = BOOLEAN_TEXTS.get(text.lower(), text.lower())
    if text is None or text not in contract.classes:
        raise WrongValue.unread(f"expected one of {list_classes(contract.classes)}", value)
    return float(contract.classes.index(text))


def list_classes(classes: list[str]) -> str:
    """The classes for a message: the first ten, and how many more."""
    shown = ", ".join(classes[:10])
    return shown if len(classes) <= 10 else f"{shown} and {len(classes) - 10} more"
