from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pipelines.steps.spread_parts import Part, parts, spread_parts


def batches() -> Iterator[pa.RecordBatch]:
    for values in ([1, 2], [3], [4, 5, 6]):
        yield pa.RecordBatch.from_pydict({"a": values})


def scaled(by: int, part: Part) -> list[int]:
    return [by * one for one in part.batch.column("a").to_pylist()]


def test_parts_come_back_in_their_order_with_their_numbers(dask_clusters: Any) -> None:
    for cluster in (None, dask_clusters.OnePickle()):
        found = [(part.first, values) for part, values in spread_parts(cluster, scaled, 10, parts(batches()))]
        assert found == [(0, [10, 20]), (2, [30]), (3, [40, 50, 60])]


def test_a_table_without_rows_has_no_parts(dask_clusters: Any) -> None:
    assert list(spread_parts(dask_clusters.OnePickle(), scaled, 1, parts(iter(())))) == []
