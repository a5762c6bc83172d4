"""Whatever is sent, the answer is never a 500, and never tells more than it should."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from pipelines.core.settings import Settings
from pipelines.stores.registry.registry_reader import RestReader
from services.prediction.app import create_app

ODD = 'größe "m²" [x]'
FUZZ = profile(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

wild = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**15, 10**400)
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["", "NaN", "1e999", "-0", "car", "2020-02-30", "0000-00-00", "9999-12-31T23:59:59.9999999Z", "\x00"]
    )
    | st.sampled_from([-62135596800, 253402300800, 1e18, -1e300, 5e-324, 2**63]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["amount", "purpose", "region", "employed", "since", ODD, "id", "repaid"]) | st.text()
rows = st.dictionaries(names, wild, max_size=6) | wild
bodies = st.one_of(
    st.fixed_dictionaries({"instances": st.lists(rows, max_size=4) | wild}),
    st.fixed_dictionaries({"labels": st.lists(wild | st.fixed_dictionaries({"id": wild, "label": wild}), max_size=4)}),
    wild,
)


def clean(answer: httpx.Response) -> None:
    """A well-formed answer: JSON without NaN, never a fault of ours."""
    assert answer.status_code < 500, (answer.status_code, answer.text)
    json.loads(answer.content, parse_constant=lambda name: pytest.fail(f"{name} in an answer"))


@FUZZ
@given(body=bodies)
def test_wild_json_is_answered_or_refused(client: Any, body: Any) -> None:
    content = json.dumps(body).encode()
    for path in ("/v1/models/loans/predict", "/v1/models/trips/predict", "/v1/models/loans/labels"):
        clean(client.post(path, content=content))


@FUZZ
@given(body=st.binary(max_size=200))
def test_wild_bytes_are_refused(client: Any, body: bytes) -> None:
    answer = client.post("/v1/models/loans/predict", content=body)
    clean(answer)
    assert answer.status_code == 422


@FUZZ
@given(
    amount=st.floats(0, allow_nan=False, allow_infinity=False),
    odd=st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_valid_number_gets_finite_answers(client: Any, amount: float, odd: float) -> None:
    answer = client.post("/v1/models/loans/predict", json={"instances": [{"amount": amount, ODD: odd}]})
    clean(answer)
    assert answer.status_code == 200
    assert all(0 <= share <= 1 for share in answer.json()["predictions"][0]["probabilities"].values())


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": [{"amount": 1, "amount": 2}]}',
        ('{"instances": [{"amount": ' + "[" * 100 + "]" * 100 + "}]}").encode(),
        ('{"instances": [' + '{"a":' * 100 + "1" + "}" * 100 + "]}").encode(),
        b'{"instances": [{"amount": 1, "\\ud800": 2}]}',
        '{"instances": [{"amount": 1, "名前\\u0000": 2}]}'.encode(),
        b'\xef\xbb\xbf{"instances": [{"amount": 1}]}',
        '{"instances": [{"amount": 1}]}'.encode("utf-16"),
        b'{"instances": [{"amount": 1e308}]}',
        b'{"instances": [{"amount": 123456789012345678901234567890}]}',
    ],
)
def test_odd_bodies(client: Any, body: bytes) -> None:
    clean(client.post("/v1/models/loans/predict", content=body))


@pytest.mark.parametrize("path", ["/v1/models/%00/predict", "/v1/models/../../etc/passwd/predict", "/v1/models/%ff"])
def test_odd_paths(client: Any, path: str) -> None:
    assert client.post(path, content=b"{}").status_code in (404, 405)
    assert client.get(f"/v1/predictions/{'x' * 5000}").status_code == 404
    assert client.get("/v1/predictions/%00").status_code == 404


def test_a_log_that_takes_no_rows_is_no_answer(fresh: Any, shop: Any) -> None:
    fresh.app.state.service.writer.close()
    answer = fresh.post("/v1/models/loans/predict", json={"instances": [{"amount": 1}]})
    assert answer.status_code == 503
    assert "predictions" not in answer.json()


def test_without_a_registry_and_a_copy_it_is_alive_and_not_ready(settings: Settings, connect: Any) -> None:
    with connect(create_app(settings, RestReader("http://127.0.0.1:9"))) as alone:
        assert alone.get("/healthz").status_code == 200
        ready = alone.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
        assert alone.post("/v1/models/loans/predict", content=b"{}").status_code == 404
        assert alone.get("/v1/models").json() == {"models": []}
        assert alone.get("/docs").status_code == 200


def test_many_clients_at_once_each_get_their_own(shop: Any, loans: Any) -> None:
    app = create_app(shop.settings)
    sent = loans.rows(60)

    async def run() -> list[httpx.Response]:
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as many:
                calls = (many.post("/v1/models/loans/predict", json={"instances": [row]}) for row in sent)
                alone = await many.post("/v1/models/loans/predict", json={"instances": sent})
                return [alone, *await asyncio.gather(*calls)]

    alone, *each = asyncio.run(run())
    together = [one["probabilities"] for one in orjson.loads(alone.content)["predictions"]]
    for one, expected in zip(each, together, strict=True):
        # Linear algebra on one row and on sixty may differ in the last bit.
        assert one.json()["predictions"][0]["probabilities"] == pytest.approx(expected, abs=1e-12)
