"""The forms of MLflow's scoring protocol are read as its own server reads them."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from mlflow.utils.proto_json_utils import dump_input_data

from pipelines.core.errors import PayloadError
from services.prediction.protocols.invocation_bodies import read_csv_table, read_json_table

NAMES = ["a", "b"]
FRAME = pd.DataFrame({"a": [1.5, np.nan], "b": ["x", None], "at": pd.to_datetime(["2024-01-01", None])})


@pytest.fixture(scope="module")
def server() -> Any:
    """MLflow's own scoring server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import warns of type hints of its own
        from mlflow.pyfunc import scoring_server
    return scoring_server


def as_frame(sent: Any) -> pd.DataFrame:
    frame = pd.DataFrame(sent.rows if sent.rows is not None else sent.columns)
    assert len(frame) == sent.count
    return frame


@pytest.mark.parametrize(
    "content",
    [
        {"dataframe_split": {"columns": NAMES, "data": [[1, "x"], [2, None]]}},
        {"dataframe_split": {"columns": NAMES, "index": [5, 6], "data": [[1, "x"], [2, None]]}},
        {"dataframe_records": [{"a": 1, "b": "x"}, {"a": 2, "b": None}]},
        {"dataframe_records": [{"a": 1, "b": "x"}, {"a": 2}]},
        {"instances": [{"a": 1, "b": "x"}, {"a": 2, "b": None}]},
        {"inputs": {"a": [1, 2], "b": ["x", None]}},
        {"inputs": [{"a": 1, "b": "x"}, {"a": 2, "b": None}]},
        {"inputs": [{"a": 1, "b": "x"}, {"a": 2, "b": None}], "params": {"x": 1}, "else": 3},
    ],
)
def test_named_forms_hold_what_mlflow_reads_in_them(server: Any, content: dict[str, Any]) -> None:
    body = orjson.dumps(content)
    ours = as_frame(read_json_table(body, NAMES))
    theirs = pd.DataFrame(server._parse_json_data(body.decode(), object(), None).data)
    for frame in (ours, theirs):
        cells = frame[NAMES].astype(object).where(frame[NAMES].notna(), None)
        assert cells.to_numpy().tolist() == [[1, "x"], [2, None]]


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ({"instances": [[1, "x"], [2, "y"]]}, {"a": [1, 2], "b": ["x", "y"]}),
        ({"inputs": [[1, "x"]]}, {"a": [1], "b": ["x"]}),
        ({"inputs": [[1, "x", 0.5]]}, {"a": [1], "b": ["x"], "h": [0.5]}),
        ({"dataframe_split": {"data": [[1, "x"]]}}, {"a": [1], "b": ["x"]}),
        ({"inputs": {"a": 1, "b": "x"}}, {"a": [1], "b": ["x"]}),
        ({"instances": {"a": [1], "b": ["x"]}}, {"a": [1], "b": ["x"]}),
    ],
)
def test_rows_without_names_have_the_features_order(content: dict[str, Any], columns: dict[str, Any]) -> None:
    assert read_json_table(orjson.dumps(content), NAMES, ["h"]).columns == columns


def test_a_single_feature_needs_no_lists() -> None:
    assert read_json_table(b'{"inputs": [1, 2]}', ["a"]).columns == {"a": [1, 2]}


def test_what_mlflow_s_client_writes_of_a_frame_is_read() -> None:
    sent = read_json_table(dump_input_data(FRAME).encode(), NAMES)
    assert sent.columns == {"a": [1.5, None], "b": ["x", None], "at": ["2024-01-01T00:00:00", "NaT"]}
    assert sent.count == 2
    array = read_json_table(dump_input_data(np.array([[1.5, 2.0]])).encode(), NAMES)
    assert array.columns == {"a": [1.5], "b": [2.0]}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[]", "exactly one of"),
        (b"{}", "none of them"),
        (b'{"messages": []}', "none of them"),
        (b'{"inputs": [1], "instances": [1]}', "got instances, inputs"),
        (b'{"inputs": []}', "at least one row"),
        (b'{"inputs": 3}', "at least one row"),
        (b'{"inputs": {}}', "at least one column"),
        (b'{"inputs": {"a": [], "b": []}}', "same number"),
        (b'{"inputs": {"a": [1], "b": [1, 2]}}', "same number"),
        (b'{"inputs": [1, 2]}', "row 0: expected a list of 2 values"),
        (b'{"instances": [[1, 2], 3]}', "row 1"),
        (b'{"dataframe_records": {"a": 1}}', "at least one row"),
        (b'{"dataframe_split": []}', "an object with data"),
        (b'{"dataframe_split": {"columns": ["a"]}}', "an object with data"),
        (b'{"dataframe_split": {"columns": ["a"], "data": [[1]], "x": 1}}', "an object with data"),
        (b'{"dataframe_split": {"columns": [1], "data": [[1]]}}', "list of names"),
        (b'{"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}', "comes twice"),
        (b'{"dataframe_split": {"columns": ["a"], "data": [[1], [1, 2]]}}', "row 1: expected 1 values"),
        (b'{"dataframe_split": {"columns": ["a"], "data": []}}', "at least one row"),
    ],
)
def test_other_json_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(PayloadError, match=says):
        read_json_table(body, NAMES)


@pytest.mark.parametrize("index", [True, False])
def test_csv_that_pandas_writes_is_read_as_pandas_reads_it(server: Any, index: bool) -> None:
    frame = pd.DataFrame({"a": [1.5, None], 'b "quoted", and\nbroken': ["x,y", "NA"]})
    text = frame.to_csv(index=index)
    sent = read_csv_table(text.encode())
    assert sent.columns == {"a": ["1.5", None], 'b "quoted", and\nbroken': ["x,y", "NA"]}
    assert sent.count == 2
    theirs = server.parse_csv_input(io.StringIO(text))
    assert [name for name in theirs if "Unnamed" not in name] == list(sent.columns)


def test_csv_may_have_a_mark_and_empty_lines() -> None:
    assert read_csv_table(b"\xef\xbb\xbfa\r\n\r\n1\r\n\r\n").columns == {"a": ["1"]}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "header row"),
        (b"a,b\n", "at least one row"),
        (b"a,b\n1\n", "row 0: expected 2 cells"),
        (b"a,b\n1,2\n1,2,3\n", "row 1: expected 2 cells"),
        (b"a,a\n1,2\n", "comes twice"),
        (b'a\n"1', "no CSV"),
        (b"a\n" + b"x" * 200_000, "no CSV"),
        (b"a\n\xff", "UTF-8"),
    ],
)
def test_other_csv_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(PayloadError, match=says):
        read_csv_table(body)
