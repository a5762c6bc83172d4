from __future__ import annotations

import pyarrow as pa
import pytest

from pipelines.core.contract import Contract
from pipelines.stores.data.score_files import ScoreLayout


def contract(**others: object) -> Contract:
    base = {"problem": "p", "task": "binary", "target": "y", "classes": ["no", "yes"], "class_type": "text"}
    return Contract.model_validate({**base, "columns": (), **others})


TABLE = pa.schema([("a", pa.int64()), ("id", pa.string())])
BATCH = pa.RecordBatch.from_pydict({"a": [7, None], "id": ["x", "y"]}, schema=TABLE)
FOUND = [{"prediction": "yes", "probabilities": {"no": 0.25, "yes": 0.75}}, None]


def test_without_a_key_rows_are_numbered() -> None:
    layout = ScoreLayout.of(contract(), TABLE)
    out = layout.batch(BATCH, ["i1", None], FOUND, [None, "a: wrong"], 40).to_pydict()
    assert out == {
        "row": [40, 41],
        "id": ["i1", None],
        "prediction": ["yes", None],
        "probability_no": [0.25, None],
        "probability_yes": [0.75, None],
        "error": [None, "a: wrong"],
    }


def test_a_key_keeps_its_type_and_its_name() -> None:
    layout = ScoreLayout.of(contract(key=["id", "a", "absent"]), TABLE)
    assert layout.schema.names[:3] == ["id", "a", "id_"]
    out = layout.batch(BATCH, [None, None], FOUND, [None, None], 0)
    assert out.column(1).to_pylist() == [7, None]
    assert out.column(2).to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("kind", "classes", "label", "type_"),
    [
        ("boolean", ["false", "true"], True, pa.bool_()),
        ("integer", ["3", "4"], 4, pa.int64()),
        ("number", ["0.5", "1.5"], 1.5, pa.float64()),
        (None, None, 2.5, pa.float64()),
    ],
)
def test_answers_have_the_type_of_the_label(kind: str, classes: list[str], label: object, type_: object) -> None:
    task = "binary" if classes else "regression"
    layout = ScoreLayout.of(contract(class_type=kind, classes=classes, task=task), TABLE)
    assert layout.schema.field("prediction").type == type_
    shares = dict.fromkeys(classes or [], 0.5)
    out = layout.batch(BATCH, [None, None], [{"prediction": label, "probabilities": shares}, None], [None, None], 0)
    assert out.column("prediction").to_pylist() == [label, None]
