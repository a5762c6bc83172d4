"""The label that counts of each prediction: of several, the one that became known last by then.

Of two that became known at the same moment it is the one received last. So it does not matter in which order labels
and corrections arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pipelines.stores.logbook.kept_blocks import in_chunks
from pipelines.stores.logbook.log_entries import read_cell
from pipelines.stores.logbook.log_tables import LABELS

IN_ORDER = (LABELS.c.known_at, LABELS.c.seq)
"""The order in which labels of one prediction replace each other."""


def newest_labels(
    connection: sa.Connection, ids: Sequence[str], known_by: datetime | None
) -> dict[str, tuple[Any, datetime]]:
    """The label that counts of each id that has any, and since when it is known; `known_by` is UTC without a zone."""
    query = sa.select(LABELS.c.prediction_id, LABELS.c.label, LABELS.c.known_at).order_by(*IN_ORDER)
    if known_by is not None:
        query = query.where(LABELS.c.known_at <= known_by)
    found: dict[str, tuple[Any, datetime]] = {}
    for chunk in in_chunks(ids):
        for name, label, known_at in connection.execute(query.where(LABELS.c.prediction_id.in_(chunk))):
            found[name] = (label, known_at)
    return {name: (read_cell(label), known_at) for name, (label, known_at) in found.items()}
