"""Row features: what a model makes of a row's columns, by their kind and the learner's flavour.

`linear` learners get numbers imputed, clipped to the range seen and scaled, categories one-hot and texts as sparse
tf-idf; `tree` learners get numbers as they are (a missing one is theirs to handle) and everything else as few columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from sklearn.compose import ColumnTransformer
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from pipelines.core.errors import ProblemError
from pipelines.core.transformers import DatetimeParts, RawNumbers, ScaledNumbers, TextTopics, TextWords

if TYPE_CHECKING:
    from pipelines.core.contract import Column, Contract

Flavour = Literal["linear", "tree"]

_FEW: dict[Flavour, int] = {"linear": 40, "tree": 10}  # categories up to which each gets a column of its own
_MOST_ENCODED = 200  # columns that target encoding may make: one per class where there are more than two
_TOPICS = 40
_WORDS = 2**16


def build_transformer(contract: Contract, history: Sequence[str], flavour: Flavour, seed: int = 0) -> ColumnTransformer:
    """The unfitted transformer of a contract's features and history columns, for a learner of this flavour.

    Takes a frame with named columns in any order, and leaves it as it was. Raises ProblemError without any feature.
    """
    names = {kind: _names(contract, kind) for kind in ("numeric", "datetime", "categorical", "text")}
    numbers = names["numeric"] + list(history)
    if not any(names.values()) and not history:
        raise ProblemError(f"problem {contract.problem}: no column is left as a feature; list some under `features`")
    scaled: Any = ScaledNumbers() if flavour == "linear" else RawNumbers()
    parts = [("numbers", scaled, numbers)] if numbers else []
    if names["datetime"]:
        steps = [("parts", DatetimeParts(cyclic=flavour == "linear")), ("numbers", scaled)]
        parts.append(("dates", Pipeline(steps), names["datetime"]))
    parts += _category_parts(contract, flavour, seed)
    for position, name in enumerate(names["text"]):
        words: Any = TextWords(_WORDS) if flavour == "linear" else TextTopics(_TOPICS, _WORDS, seed)
        parts.append((f"text_{position}", words, [name]))
    return ColumnTransformer(parts, sparse_threshold=0.3 if flavour == "linear" else 0.0)


def width(contract: Contract, history: Sequence[str], flavour: Flavour) -> int:
    """About how many columns the transformer makes: what a learner's cost is reckoned by."""
    made = len(history)
    for column in contract.features:
        if column.kind == "categorical":
            made += distinct(column) if distinct(column) <= _FEW[flavour] else _outputs(contract)
        else:
            made += {"numeric": 1, "datetime": 5, "text": _TOPICS, "ignored": 0}[column.kind]
    return max(made, 1)


def distinct(column: Column) -> int:
    """How many categories were seen; 1001 stands for more than a thousand."""
    return 1001 if column.seen is None else len(column.seen) + int(column.nullable)


def _names(contract: Contract, kind: str) -> list[str]:
    return [column.name for column in contract.features if column.kind == kind]


def _outputs(contract: Contract) -> int:
    """Columns that target encoding makes of one column."""
    classes = len(contract.classes or [])
    return classes if classes > 2 else 1


def _category_parts(contract: Contract, flavour: Flavour, seed: int) -> list[tuple[str, Any, list[str]]]:
    columns = [column for column in contract.features if column.kind == "categorical"]
    few = [column.name for column in columns if distinct(column) <= _FEW[flavour]]
    many = [column.name for column in columns if distinct(column) > _FEW[flavour]]
    linear = flavour == "linear"
    parts: list[tuple[str, Any, list[str]]] = []
    if few:
        parts.append(("few", OneHotEncoder(handle_unknown="ignore", sparse_output=linear), few))
    if many and linear:
        frequent = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=_FEW["linear"])
        parts.append(("frequent", frequent, many))
    if many and len(many) * _outputs(contract) <= _MOST_ENCODED:
        encoder: Any = _target_encoder(contract, seed)
        if linear:
            encoder = Pipeline([("encode", encoder), ("scale", ScaledNumbers())])
        parts.append(("many", encoder, many))
    elif many and not linear:
        codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
        parts.append(("many", codes, many))
    return parts


def _target_encoder(contract: Contract, seed: int) -> TargetEncoder:
    """Cross-fitted, so that a row's own label is not in its code; folds that know no classes cope with rare ones."""
    folds = KFold(5, shuffle=True, random_state=seed)
    kind = "continuous" if contract.task == "regression" else "auto"
    return TargetEncoder(target_type=kind, cv=folds)
