"""From a fitted pipeline to a compiled model: the plan of its columns and its model, or the reason why there is none.

What is not known here exactly is never guessed: it raises CannotCompile, and the pipeline itself serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from pipelines.core.compilation.compiled import FORMAT, Compiled, LoadKernel
from pipelines.core.compilation.compiling_models import CannotCompile, plan_model, require
from pipelines.core.transformers import DatetimeParts, RawNumbers, ScaledNumbers, TextTopics, TextWords

if TYPE_CHECKING:
    from pipelines.core.schema import Contract

__all__ = ["CannotCompile", "compile_pipeline"]

_MOST_CELLS = 3_000_000  # of all tables of categories and topics
_UNLIKE = (AttributeError, LookupError, TypeError, ValueError)  # of another version's fitted state
_ENCODERS = (OneHotEncoder, TargetEncoder, OrdinalEncoder)


def compile_pipeline(pipeline: Pipeline, contract: Contract, history: Sequence[str], load: LoadKernel) -> Compiled:
    """The compiled form of a pipeline that `make_pipeline` made; `load` makes a kernel of trees.

    Raises CannotCompile with the reason where there is none, ModelFileError where the kernel refuses the trees.
    """
    require(type(pipeline) is Pipeline and [name for name, _ in pipeline.steps] == ["features", "learner"], pipeline)
    transformer, learner = (step for _, step in pipeline.steps)
    known = {column.name: column.kind for column in contract.features} | dict.fromkeys(history, "numeric")
    try:
        blocks = _plan_columns(transformer, known)
        model, classes, trees = plan_model(learner, contract.task)
    except _UNLIKE as error:
        raise CannotCompile(f"a part that is not as it was ({type(error).__name__}: {error})") from error
    document = {"format": FORMAT, "blocks": blocks, "model": model, "classes": classes}
    return Compiled(document, trees, load)


def _plan_columns(transformer: Any, known: Mapping[str, str]) -> list[dict[str, Any]]:
    require(type(transformer) is ColumnTransformer, transformer)
    if transformer.remainder != "drop" or transformer.transformer_weights:
        raise CannotCompile("a transformer of columns that weighs them or lets others through")
    blocks: list[dict[str, Any]] = []
    for name, fitted, columns in transformer.transformers_:
        if name == "remainder" and fitted == "drop":
            continue
        if not isinstance(columns, list) or not all(column in known for column in columns):
            raise CannotCompile(f"columns that the contract does not name: {columns}")
        blocks += _plan_part(fitted, columns, [known[column] for column in columns])
    if sum(_cells(block) for block in blocks) > _MOST_CELLS:
        raise CannotCompile(f"tables of more than {_MOST_CELLS:,} numbers")
    return blocks


def _cells(block: dict[str, Any]) -> int:
    if block["kind"] == "categories":
        return len(block["values"]) * len(block["missing"])
    return len(block["topics"] or []) * len(block["used"]) if block["kind"] == "words" else 0


def _plan_part(fitted: Any, columns: list[str], kinds: list[str]) -> list[dict[str, Any]]:
    steps = [step for _, step in fitted.steps] if type(fitted) is Pipeline else [fitted]
    shape = [type(step) for step in steps]
    if set(kinds) == {"numeric"} and shape in ([RawNumbers], [ScaledNumbers]):
        return [{"kind": "numbers", "columns": columns, **_plan_numbers(steps[0])}]
    if set(kinds) == {"datetime"} and shape in ([DatetimeParts, RawNumbers], [DatetimeParts, ScaledNumbers]):
        cyclic = bool(steps[0].cyclic)
        return [{"kind": "numbers", "columns": columns, "cyclic": cyclic, **_plan_numbers(steps[1])}]
    if set(kinds) == {"categorical"} and shape[0] in _ENCODERS and shape[1:] in ([], [ScaledNumbers]):
        return _plan_categories(fitted, steps, columns)
    if kinds == ["text"] and shape in ([TextWords], [TextTopics]):
        return [_plan_words(steps[0], columns[0])]
    raise CannotCompile(f"columns of kind {', '.join(sorted(set(kinds)))} through {_names(steps)}")


def _plan_numbers(step: RawNumbers | ScaledNumbers) -> dict[str, Any]:
    if type(step) is RawNumbers:
        return {"empty": np.flatnonzero(step.empty_).tolist()}
    fields = {name: getattr(step, f"{name}_").tolist() for name in ("fill", "low", "high", "mean", "scale")}
    return fields | {"flagged": step.flagged_.tolist()}


def _plan_categories(fitted: Any, steps: list[Any], columns: list[str]) -> list[dict[str, Any]]:
    """The numbers of every category, by asking the fitted encoder itself; each column goes its own way through it."""
    encoder = steps[0]
    if len(steps) == 2 and len(steps[1].flagged_):
        raise CannotCompile("codes of categories that may be missing, through ScaledNumbers")
    if getattr(encoder, "drop", None) is not None:
        raise CannotCompile("a OneHotEncoder that drops categories")
    known = [[one for one in found.tolist() if isinstance(one, str)] for found in encoder.categories_]
    others = [[one for one in found.tolist() if not _plain(one)] for found in encoder.categories_]
    if any(others):
        raise CannotCompile(f"categories that are no text: {[one for some in others for one in some][:3]}")
    everything = {one for some in known for one in some}
    stranger = "?"
    while stranger in everything:
        stranger += "?"
    asked = [[*some, None, stranger] for some in known]
    longest = max(len(some) for some in asked)
    frame = pd.DataFrame({name: pd.Series(some + [None] * (longest - len(some)), dtype=object)
                          for name, some in zip(columns, asked, strict=True)})  # fmt: skip
    made = fitted.transform(frame)
    table = np.asarray(made.toarray() if hasattr(made, "toarray") else made, dtype=np.float64)
    widths = _widths(encoder, len(columns))
    if sum(widths) != table.shape[1]:
        raise CannotCompile(f"an encoder that makes {table.shape[1]} columns, where {sum(widths)} are due")
    blocks, start = [], 0
    for name, some, width in zip(columns, known, widths, strict=True):
        values = table[: len(some) + 2, start : start + width].tolist()
        block = {"kind": "categories", "column": name, "categories": some, "values": values[:-2]}
        blocks.append(block | {"missing": values[-2], "unknown": values[-1]})
        start += width
    return blocks


def _plain(category: Any) -> bool:
    return category is None or isinstance(category, str) or category != category


def _widths(encoder: Any, columns: int) -> list[int]:
    """How many numbers the encoder makes of each column."""
    if type(encoder) is OneHotEncoder:
        return [int(width) for width in encoder._n_features_outs]
    several = type(encoder) is TargetEncoder and encoder.target_type_ == "multiclass"
    return [len(encoder.classes_) if several else 1] * columns


def _plan_words(step: TextWords | TextTopics, column: str) -> dict[str, Any]:
    words = step.words_ if isinstance(step, TextTopics) else step
    topics = step.components_.tolist() if isinstance(step, TextTopics) else None
    require(type(words) is TextWords, words)
    if words.size < 1 or words.size & (words.size - 1):
        raise CannotCompile("hashed words whose number of columns is no power of two")
    part = {"kind": "words", "column": column, "size": words.size, "used": words.used_.tolist()}
    return part | {"rarity": words.idf_.tolist(), "topics": topics}


def _names(steps: Sequence[Any]) -> str:
    return ", ".join(type(step).__name__ for step in steps)
