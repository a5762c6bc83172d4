"""The label that counts of each prediction: of several, the one that became known last by then.

Of two that became known at the same moment it is the one received last. So it does not matter in which order labels
and corrections arrive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from pipelines.stores.logbook.kept_blocks import in_chunks
from pipelines.stores.logbook.log_entries import read_cell
from pipelines.stores.sql.log_tables import LABELS

if TYPE_CHECKING:
    from pipelines.stores.logbook.segment_files import SealedLabel

IN_ORDER = (LABELS.c.known_at, LABELS.c.seq)
"""The order in which labels of one prediction replace each other."""


def newest_labels(
    connection: sa.Connection,
    ids: Sequence[str],
    known_by: datetime | None,
    sealed: Sequence[Mapping[str, Sequence[SealedLabel]]] = (),
) -> dict[str, tuple[Any, datetime]]:
    """The label that counts of each id that has any, and since when it is known; `known_by` is UTC without a zone.

    `sealed`: labels of sealed answers, by id; those that came lately are in the database as any other.
    """
    columns = (LABELS.c.prediction_id, LABELS.c.label, LABELS.c.known_at, LABELS.c.seq)
    query = sa.select(*columns)
    if known_by is not None:
        query = query.where(LABELS.c.known_at <= known_by)
    found: dict[str, tuple[datetime, int, str]] = {}
    asked = set(ids) if sealed else set()
    for one in sealed:
        for name in one.keys() & asked:
            known = [(it.known_at, it.seq, it.label) for it in one[name] if known_by is None or it.known_at <= known_by]
            if known:
                found[name] = max([*known, found[name]] if name in found else known)
    for chunk in in_chunks(ids):
        for name, label, known_at, seq in connection.execute(query.where(LABELS.c.prediction_id.in_(chunk))):
            if name not in found or (known_at, seq) > found[name][:2]:
                found[name] = (known_at, seq, label)
    return {name: (read_cell(label), known_at) for name, (known_at, _, label) in found.items()}
