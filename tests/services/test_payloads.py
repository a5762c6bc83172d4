"""Bad bodies are refused with what is wrong; good ones come through untouched."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import PayloadError
from services.prediction.payloads import TooManyRows, read_instances, read_labels


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b'{"instances": [{"a": NaN}]}', "NaN and Infinity are no JSON: send null"),
        (b'{"instances": [{"a": -Infinity}]}', "no JSON"),
        (b"[" * 5000, "no JSON"),
        (b"null", "got null"),
        (b"3", "got a number"),
        (b"true", "got a boolean"),
        (b"[]", "got a list"),
        (b'"x"', "got a text"),
        (b"{}", 'expected an object {"instances": [...]}'),
        (b'{"instances": 3}', "'instances' is a number"),
        (b'{"instances": null}', "'instances' is null"),
        (b'{"instances": {}}', "'instances' is an object"),
        (b'{"instances": []}', "is empty"),
        (b'{"instances": [{}], "inputs": 1}', "unknown key 'inputs'"),
    ],
)
def test_a_body_of_another_shape_is_named(body: bytes, message: str) -> None:
    with pytest.raises(PayloadError) as caught:
        read_instances(body, 10)
    assert message in str(caught.value)


def test_too_many_rows_are_another_error() -> None:
    with pytest.raises(TooManyRows, match="send at most 2"):
        read_instances(b'{"instances": [{}, {}, {}]}', 2)


def test_of_a_repeated_key_the_last_counts() -> None:
    assert read_instances(b'{"instances": [{"a": 1, "a": 2}]}', 2) == [{"a": 2}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    for read in (read_instances, read_labels):
        with contextlib.suppress(PayloadError):
            read(body, 10)


def test_a_malformed_label_does_not_spoil_the_others() -> None:
    labels = [
        {"id": "a", "label": True, "known_at": "2013-03-01T12:00:00+02:00"},
        {"id": 3, "label": True},
        {"id": "b"},
        {"id": "c", "label": 1, "known_at": "soon"},
        {"id": "d", "label": 1, "known_at": 12},
        {"id": "e", "label": 1, "when": 12},
        {"id": "f", "label": None, "known_at": None},
    ]
    payload = read_labels(orjson.dumps({"labels": labels}), 10)
    assert payload.items == [
        {"id": "a", "label": True, "known_at": datetime(2013, 3, 1, 10)},
        {"id": "f", "label": None},
    ]
    assert payload.positions == [0, 6]
    assert [(one["row"], one["id"]) for one in payload.rejected] == [
        (1, None),
        (2, "b"),
        (3, "c"),
        (4, "d"),
        (5, "e"),
    ]
    assert "unknown key 'when'" in payload.rejected[-1]["reason"]
