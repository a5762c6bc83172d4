"""Our own doors: the content type says how rows are read, the accept header how answers are written."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
PATH = "/v1/models/loans/predict"


def table(loans: Any, count: int = 4) -> pa.Table:
    return pa.Table.from_pylist(loans.rows(count))


def as_arrow(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue()


def as_parquet(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink)
    return sink.getvalue()


@pytest.mark.parametrize(("media", "write"), [(ARROW, as_arrow), (PARQUET, as_parquet)])
def test_a_table_is_answered_as_json_rows_are(client: Any, loans: Any, media: str, write: Any) -> None:
    by_json = client.post(PATH, json={"instances": loans.rows(4)}).json()["predictions"]
    answer = client.post(PATH, content=write(table(loans)), headers={"content-type": media})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    source = io.BytesIO(answer.content)
    found = pa.ipc.open_stream(source).read_all() if media == ARROW else pq.read_table(source)
    assert found["prediction"].to_pylist() == [one["prediction"] for one in by_json]
    shares = [one["probabilities"]["yes"] for one in by_json]
    assert found["probability_yes"].to_pylist() == pytest.approx(shares, abs=1e-12)
    for one in found["id"].to_pylist():
        assert client.get(f"/v1/predictions/{one}").status_code == 200


def test_the_answer_comes_as_it_is_asked_for(client: Any, loans: Any) -> None:
    rows = {"instances": loans.rows(2)}
    arrow = client.post(PATH, json=rows, headers={"accept": ARROW})
    assert pa.ipc.open_stream(io.BytesIO(arrow.content)).read_all().num_rows == 2
    content = as_arrow(table(loans, 2))
    plain = client.post(PATH, content=content, headers={"content-type": ARROW, "accept": "application/json"})
    assert len(plain.json()["predictions"]) == 2


def test_other_media_types_are_refused(client: Any) -> None:
    answer = client.post(PATH, content=b"<a/>", headers={"content-type": "application/xml"})
    assert answer.status_code == 415
    assert ARROW in answer.json()["detail"]


def test_a_damaged_table_is_a_clear_error(client: Any) -> None:
    for media in (ARROW, PARQUET):
        answer = client.post(PATH, content=b"nonsense", headers={"content-type": media})
        assert answer.status_code == 422, answer.text


def test_labels_are_taken(client: Any, loans: Any) -> None:
    ids = [one["id"] for one in client.post(PATH, json={"instances": loans.rows(2)}).json()["predictions"]]
    sent = {"labels": [{"id": one, "label": "yes"} for one in ids] + [{"id": "none", "label": "yes"}]}
    answer = client.post("/v1/models/loans/labels", json=sent)
    assert answer.json()["accepted"] == ids
    assert answer.json()["rejected"][0]["row"] == 2
