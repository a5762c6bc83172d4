"""Tables in and out: the same verdicts as the same rows in JSON, and answers that any reader of tables takes."""

from __future__ import annotations

import io
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.contract import check_columns, check_rows
from pipelines.core.errors import PayloadError
from pipelines.core.labels import decode
from pipelines.core.schema import ClassType, Contract
from services.prediction.payloads import ARROW, PARQUET
from services.prediction.tables.columnar import decode_columns, encode_answers


def _body(table: pa.Table, media: str) -> bytes:
    sink = pa.BufferOutputStream()
    if media == PARQUET:
        pq.write_table(table, sink)
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _frame(body: bytes, media: str) -> pd.DataFrame:
    """As a client reads it."""
    return pd.read_parquet(io.BytesIO(body)) if media == PARQUET else pa.ipc.open_stream(body).read_pandas()


@pytest.mark.parametrize("media", [ARROW, PARQUET])
def test_a_table_is_judged_as_its_rows(loans: Any, media: str) -> None:
    contract = loans.contract
    frame = loans.frame[[column.name for column in contract.columns if column.asked]].head(50).copy()
    frame["region"] = frame["region"].astype("category")
    frame.loc[3, "amount"] = -5.0
    columns, count = decode_columns(_body(pa.Table.from_pandas(frame, preserve_index=False), media), media, 50)
    found = check_columns(contract, columns, count)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    expected = check_rows(contract, rows)
    assert found.issues == expected.issues
    assert [issue.row for issue in found.issues] == [3]
    for name, values in expected.columns.items():
        np.testing.assert_array_equal(np.array(found.columns[name]), np.array(values), err_msg=name)


@pytest.mark.parametrize("media", [ARROW, PARQUET])
def test_no_rows_and_odd_columns_are_refused(media: str) -> None:
    with pytest.raises(PayloadError, match="no rows"):
        decode_columns(_body(pa.table({"a": pa.array([], pa.int8())}), media), media, 10)
    with pytest.raises(PayloadError, match="column 'a': the type list"):
        decode_columns(_body(pa.table({"a": pa.array([[1]])}), media), media, 10)
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])
    with pytest.raises(PayloadError, match="twice"):
        decode_columns(_body(twice, media), media, 10)


def test_texts_that_are_no_unicode_are_refused() -> None:
    bad = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, 1], dtype="i4")), pa.py_buffer(b"\xff"))
    with pytest.raises(PayloadError):
        decode_columns(_body(pa.table({"a": bad}), ARROW), ARROW, 10)


CLASSES: list[tuple[list[str] | None, ClassType | None, Any]] = [
    (["no", "yes"], "text", "object"),
    (["false", "true"], "boolean", "bool"),
    (["0", "3", "12"], "integer", "int64"),
    (["0.5", "1.5"], "number", "float64"),
    (None, None, "float64"),
]


def _answers(classes: list[str] | None, kind: ClassType | None, by: list[int] | None = None) -> Any:
    task: Any = "regression" if classes is None else "multiclass"
    contract = Contract(problem="x", task=task, target="y", classes=classes, class_type=kind, columns=())
    labels = [decode(contract, float(code)) for code in range(len(classes or []))]
    model = SimpleNamespace(contract=contract, info=SimpleNamespace(version=4), labels=labels)
    random = np.random.default_rng(0)
    scores = random.random(3) if classes is None else random.dirichlet(np.ones(len(classes)), 3)
    given = scores.tolist() if classes is None else [labels[code] for code in scores.argmax(axis=1)]
    others = None if by is None else [SimpleNamespace(info=SimpleNamespace(version=one)) for one in by]
    return SimpleNamespace(model=model, names=["a", "b", "c"], scores=scores, by=others, predictions=lambda: given)


@pytest.mark.parametrize("media", [ARROW, PARQUET])
@pytest.mark.parametrize(("classes", "kind", "dtype"), CLASSES)
def test_answers_are_a_table(classes: list[str] | None, kind: ClassType | None, dtype: str, media: str) -> None:
    answers = _answers(classes, kind)
    frame = _frame(encode_answers(answers, media), media)
    named = [f"probability_{name}" for name in classes or []]
    assert list(frame) == ["id", "prediction", *named, "version"]
    assert frame["id"].tolist() == ["a", "b", "c"]
    assert frame["version"].tolist() == [4, 4, 4]
    assert frame["prediction"].tolist() == answers.predictions()
    assert frame["prediction"].dtype == dtype or dtype == "object"
    if classes:
        np.testing.assert_array_equal(frame[named].to_numpy(), answers.scores)


def test_each_row_names_the_version_that_answered_it() -> None:
    frame = _frame(encode_answers(_answers(None, None, by=[4, 5, 4]), ARROW), ARROW)
    assert frame["version"].tolist() == [4, 5, 4]


def test_a_table_brings_pyarrow_and_no_pandas(tmp_path: Any) -> None:
    table = pa.table(
        {
            "n": pa.array([1, None]),
            "f": pa.array([1.5, None]),
            "w": pa.array(["a", None]),
            "c": pa.array(["a", None]).dictionary_encode(),
            "v": pa.array(["a", "b"], pa.string_view()),
            "b": pa.array([True, None]),
            "t": pa.array([1, None], pa.timestamp("ns", "UTC")),
            "d": pa.array([1, None], pa.decimal128(5, 2)),
        }
    )
    for media in (ARROW, PARQUET):
        (tmp_path / media.rsplit(".", 1)[1]).write_bytes(_body(table, media))
    program = f"""
import sys
from pathlib import Path
from types import SimpleNamespace as N
import numpy as np
from services.prediction.payloads import ARROW, PARQUET
from services.prediction.tables.columnar import decode_columns, encode_answers
answers = N(model=N(contract=N(classes=["a", "b"], class_type="text"), info=N(version=1)), names=["x"], by=None,
            scores=np.ones((1, 2)), predictions=lambda: ["a"])
for media in (ARROW, PARQUET):
    columns, count = decode_columns((Path({str(tmp_path)!r}) / media.rsplit(".", 1)[1]).read_bytes(), media, 10)
    assert count == 2 and len(columns) == 8
    encode_answers(answers, media)
assert "pandas" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("media", [ARROW, PARQUET])
def test_a_table_is_answered_by_a_table_and_as_json(client: Any, loans: Any, media: str) -> None:
    rows = loans.rows(20)
    body = _body(pa.Table.from_pylist(rows), media)
    answer = client.post("/v1/models/loans/predict", content=body, headers={"content-type": media})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    frame = _frame(answer.content, media)
    told = client.post("/v1/models/loans/predict", json={"instances": rows}).json()
    assert frame["prediction"].tolist() == [one["prediction"] for one in told["predictions"]]
    for name in ("no", "yes"):
        expected = [one["probabilities"][name] for one in told["predictions"]]
        np.testing.assert_allclose(frame[f"probability_{name}"], expected, rtol=0, atol=1e-12)
    assert client.get(f"/v1/predictions/{frame['id'][0]}").status_code == 200
    plain = client.post(
        "/v1/models/loans/predict", content=body, headers={"content-type": media, "accept": "application/json"}
    )
    assert len(plain.json()["predictions"]) == 20


def test_a_body_that_kills_its_reader_is_refused_and_the_next_is_answered(client: Any, loans: Any) -> None:
    def send(body: bytes) -> Any:
        return client.post("/v1/models/loans/predict", content=body, headers={"content-type": PARQUET})

    sink = pa.BufferOutputStream()
    table = pa.table({"a": [1.0]})
    pq.write_table(table, sink, store_schema=False, compression="none", use_dictionary=False)
    deadly = bytearray(sink.getvalue().to_pybytes())
    deadly[100] = 35  # where pyarrow 25 writes the type of a field of statistics; its reader then aborts
    answer = send(bytes(deadly))
    assert answer.status_code == 422
    assert "no readable Parquet file" in answer.text
    assert send(_body(pa.Table.from_pylist(loans.rows(2)), PARQUET)).status_code == 200


@pytest.mark.parametrize("media", [ARROW, PARQUET])
def test_a_bad_table_is_told(client: Any, loans: Any, media: str) -> None:
    def send(body: bytes) -> Any:
        return client.post("/v1/models/loans/predict", content=body, headers={"content-type": media})

    assert send(b"nothing").status_code == 422
    rows = loans.rows(2)
    rows[1]["amount"] = -1.0
    answer = send(_body(pa.Table.from_pylist(rows), media))
    assert answer.status_code == 422
    assert "amount" in answer.text
    assert send(_body(pa.Table.from_pylist(rows * 101), media)).status_code == 413
