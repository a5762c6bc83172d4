"""Spread parts: a table's rows worked on piece by piece, here or on a cluster, and back in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa

from pipelines.stores.compute.cluster import Cluster

Shared = TypeVar("Shared")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Part:
    """Some rows of a table, the first of them being number `first`."""

    batch: pa.RecordBatch
    first: int


def parts(batches: Iterable[pa.RecordBatch]) -> Iterator[Part]:
    """Batches with the numbers of their rows."""
    first = 0
    for batch in batches:
        yield Part(batch, first)
        first += batch.num_rows


def spread_parts(
    cluster: Cluster | None, work: Callable[[Shared, Part], Found], shared: Shared, given: Iterable[Part]
) -> Iterator[tuple[Part, Found]]:
    """Each part with what `work` makes of it, in their order; a cluster has a few at a time, so that memory is flat."""
    if cluster is None:
        for part in given:
            yield part, work(shared, part)
        return
    held = deque[Part]()

    def hold() -> Iterator[Part]:
        for part in given:
            held.append(part)
            yield part

    for found in cluster.each(work, cluster.share(shared), hold()):
        yield held.popleft(), found
