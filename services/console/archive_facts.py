"""What Prometheus is told of the sealed log: how much of it there is, and up to when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC

from prometheus_client.core import GaugeMetricFamily, Metric

from pipelines.stores.sql.segment_tables import Segment


def archive_families(segments: Sequence[Segment]) -> Iterable[Metric]:
    """The metrics of the archive, by problem."""
    files = _gauge("sealed_segments", "Segments of the prediction log that are sealed")
    rows = _gauge("sealed_rows", "Predictions in them")
    size = _gauge("sealed_bytes", "Bytes of their files")
    until = _gauge("sealed_until_timestamp_seconds", "Newest moment that a sealed prediction speaks of")
    for name in sorted({one.problem for one in segments}):
        ours = [one for one in segments if one.problem == name]
        files.add_metric([name], len(ours))
        rows.add_metric([name], sum(one.rows for one in ours))
        size.add_metric([name], sum(one.size for one in ours))
        until.add_metric([name], max(one.last_moment for one in ours).replace(tzinfo=UTC).timestamp())
    return files, rows, size, until


def _gauge(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ratchet_{name}", text, labels=("problem",))
