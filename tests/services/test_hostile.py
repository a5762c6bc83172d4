"""The service against its own document and against whatever bytes: no 5xx, no hang, nothing that it did not promise."""

from __future__ import annotations

import json
import socket
import string
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from pipelines.stores.api_keys import ApiKeys

load_all_checks()
PROMISES = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "positive_data_acceptance",
        "negative_data_rejection",
        "unsupported_method",
    ]
)
# A wrong label is told in the answer (200), so that it does not keep the others out.
ITEM_BY_ITEM = CHECKS.get_by_names(["negative_data_rejection"])
# Schemas cannot say that a tensor has as many values as its shape says, or that a text is a table with these columns.
LOOSELY_DESCRIBED = CHECKS.get_by_names(["positive_data_acceptance"])
NOT_JSON = CHECKS.get_by_names(["positive_data_acceptance", "negative_data_rejection"])
PATIENCE = 20.0
MARK = "z9Qk7"  # in everything that is sent; in nothing that is answered


def few(examples: int) -> Callable[[Any], Any]:
    return bounded(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def running(serve: Any, shop: Any, **environment: str) -> Iterator[str]:
    """The address of a real service with both toy problems; it must end well, with no fault of ours in its log."""
    limits = {"RATCHET_SEND_SECONDS": "1", "RATCHET_MAX_BODY": "100000"}
    with serve(shop.settings, **limits, **environment) as service:
        yield service.url
        assert service.stop() == 0
    log = service.log.read_text()
    assert MARK not in log
    faults = [line for line in log.splitlines() if '"exception"' in line or '"level":"critical"' in line]
    assert faults == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_the_document_holds(serve: Any, shop: Any, mode: GenerationMode) -> None:
    with running(serve, shop) as url:
        document = schemathesis.openapi.from_url(f"{url}/openapi.json")
        operations = [found.ok() for found in document.get_all_operations()]
        assert len(operations) >= 10
        for operation in operations:
            if mode is GenerationMode.POSITIVE or operation.body or operation.path_parameters:
                probe(operation, mode)


def probe(operation: Any, mode: GenerationMode) -> None:
    left_out = ITEM_BY_ITEM if operation.path.endswith("/labels") else []
    if operation.path.endswith(("/infer", "/invocations")):
        left_out = LOOSELY_DESCRIBED

    @few(10)
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        other = NOT_JSON if case.media_type not in (None, "application/json") else []
        case.call_and_validate(checks=PROMISES, excluded_checks=[*left_out, *other], timeout=PATIENCE)

    try:
        check()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, f"no request can be made for {operation.label}"


POSTS = (
    "/v1/models/loans/predict",
    "/v1/models/trips/predict",
    "/v1/models/loans/labels",
    "/v1/models/loans/explain",
    "/v2/models/loans/infer",
    "/v2/models/loans/versions/1/infer",
    "/v1/models/loans/invocations",
    f"/v1/models/{MARK}/predict",
)
MEDIA = (
    "application/json",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.parquet",
    "text/csv",
    "application/octet-stream",
    MARK,
)
NAMES = ("instances", "inputs", "outputs", "labels", "dataframe_split", "dataframe_records", "columns", "data", "name")
CELLS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text().map(lambda text: MARK + text)
)
# The name of an unknown key or feature is told, so that its caller finds it; what stands under it never is.
KEYS = st.sampled_from((*NAMES, "shape", "datatype", "amount", "purpose", "since", "id", "label", "known_at", "other"))
VALUES = st.recursive(CELLS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20)
LOOSE = st.dictionaries(KEYS, VALUES).map(lambda value: json.dumps(value).encode("utf-8", "replace"))
DEEP = st.sampled_from(["[", '{"instances":[', '{"a":']).map(lambda part: (part * 5_000).encode())
BODIES = LOOSE | DEEP | st.binary(max_size=500) | st.binary(max_size=200).map(lambda tail: b'{"instances": [' + tail)
HEADER_NAMES = (
    *("X-Request-Id", "traceparent", "tracestate", "Authorization", "Accept", "Accept-Encoding", "X-Ratchet-Key"),
    *("Content-Encoding", "Inference-Header-Content-Length", "Expect", "Range", "Cookie", "Forwarded"),
)
HEADERS = st.dictionaries(
    st.sampled_from(HEADER_NAMES),
    st.text(string.ascii_letters + string.digits + " =-,;:/*äß", max_size=60).map(lambda text: text.strip()),
    max_size=4,
)
STARTS = (
    b"",
    b"GET / HTTP/1.1\r\n",
    b"POST /v1/models/loans/predict HTTP/1.1\r\nHost: x\r\n",
    b"PRI * HTTP/2.0\r\n",
)
HEADS = (
    b"",
    b"\r\n",
    b"Content-Length: 3\r\n\r\n",
    b"Content-Length: -1\r\n\r\n",
    b"Content-Length: 99999999999999999999\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n",
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # large bodies are meant
def test_whatever_is_sent_is_answered_and_not_repeated(serve: Any, shop: Any) -> None:
    with running(serve, shop) as url, httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as client:

        @few(400)
        @given(path=st.sampled_from(POSTS), media=st.sampled_from(MEDIA), body=BODIES, headers=HEADERS)
        def send(path: str, media: str, body: bytes, headers: dict[str, str]) -> None:
            sent = {name.encode(): value.encode("utf-8") for name, value in headers.items()}
            answer = client.post(path, content=body, headers={b"content-type": media.encode(), **sent})
            assert answer.status_code < 500, answer.text
            if path.endswith("/labels") and answer.status_code == 200:
                return  # tells each item by its id
            assert MARK not in answer.text
            assert answer.headers["x-request-id"]
            if answer.status_code >= 400:
                told = answer.json()
                assert told["status"] == answer.status_code
                assert told["request_id"] == answer.headers["x-request-id"]

        send()
        assert client.get("/readyz").status_code == 200


@pytest.mark.slow
def test_whatever_bytes_arrive_nothing_hangs(serve: Any, shop: Any) -> None:
    with running(serve, shop) as url:
        port = int(url.rsplit(":", 1)[1])

        @few(60)
        @given(st.sampled_from(STARTS), st.sampled_from(HEADS), st.binary(max_size=200), st.booleans())
        def send(start: bytes, headers: bytes, rest: bytes, closes: bool) -> None:
            before = time.monotonic()
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as opened:
                try:
                    opened.sendall(start + headers + rest)
                    if closes:
                        opened.shutdown(socket.SHUT_WR)
                    answer = opened.recv(65536)
                except (ConnectionResetError, BrokenPipeError):
                    answer = b""
            assert time.monotonic() - before < PATIENCE / 2
            assert not answer or answer.startswith(b"HTTP/1.1 ")
            assert not answer.startswith(b"HTTP/1.1 5")

        send()
        assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200


@pytest.mark.slow
def test_no_made_up_key_opens_anything(serve: Any, shop: Any) -> None:
    keys = ApiKeys(shop.settings.database)
    key = keys.create("real", ["predict"], at=datetime.now(UTC), by="a test")[1]
    keys.close()
    with (
        running(serve, shop, RATCHET_REQUIRE_KEYS="always") as url,
        httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False) as client,
    ):

        @few(150)
        @given(
            method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]),
            path=st.sampled_from([*POSTS, "/v1/models", "/metrics", "/docs", "/openapi.json", "/v2", "/nothing"]),
            wrong=st.text(string.ascii_letters + string.digits + "_ ", max_size=60)
            | st.sampled_from([key[:-1], key + "a"]),
        )
        def send(method: str, path: str, wrong: str) -> None:
            answer = client.request(method, path, headers={"Authorization": f"Bearer {wrong}".strip()})
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")

        send()
        assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
        headers = {"X-API-Key": key}
        assert client.get("/metrics", headers=headers).status_code == 403
        assert client.post("/v1/models/loans/predict", headers=headers, json={}).status_code == 422
