from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.serving.ours import MEDIA, check_guarded, columnar, generic, ratchet, table_rows
from benchmarks.serving.release import Release
from benchmarks.serving.servers import NotServing, Running


def test_ours_is_asked_with_a_key_and_its_own_rows(release: Release) -> None:
    server = generic(release, "k")
    body = server.encode([1, 3])
    assert body is not None
    assert json.loads(body) == {"instances": [release.rows[1], release.rows[0]]}  # round and round
    assert server.headers["Authorization"] == "Bearer k"
    assert (server.environment["RATCHET_COMPILE"], server.environment["RATCHET_HOME"]) == ("off", str(release.home))
    assert server.read is not None
    assert server.read({"predictions": [{"probabilities": {"false": 0.4, "true": 0.6}}]}) == [0.6]


@pytest.mark.parametrize("format", ["arrow", "parquet"])
def test_columnar_bodies_are_tables(release: Release, format: str) -> None:
    server = columnar(ratchet(release, "k"), release, format)
    body = server.encode(range(4))
    assert body is not None
    table = pa.ipc.open_stream(body).read_all() if format == "arrow" else pq.read_table(io.BytesIO(body))
    assert table.column_names == ["a", "b", "at"]
    assert table["b"].to_pylist() == ["x", None, "z", "x"]
    assert server.headers["Content-Type"] == MEDIA[format]
    assert table_rows(release, range(2), format) != b""


def test_a_service_that_answers_strangers_is_not_measured(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}

    def ask(one: Running, positions: list[int]) -> Any:
        told["headers"] = one.server.headers
        if told["refuses"]:
            raise NotServing("Ratchet answered 401: ...")
        return {}

    monkeypatch.setattr(Running, "ask", ask)
    one = Running(ratchet(release, "k"), 1, None, 1.0)  # type: ignore[arg-type]
    told["refuses"] = True
    check_guarded(one)
    assert "Authorization" not in told["headers"]
    told["refuses"] = False
    with pytest.raises(NotServing, match="the key check is off"):
        check_guarded(one)
