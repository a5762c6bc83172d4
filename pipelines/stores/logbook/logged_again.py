"""Answers that were logged once more after they had been sealed: a batch scoring that was run again.

The sealed ones count; the next sealing removes the others.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from pipelines.stores.logbook.archive import archive_of
from pipelines.stores.sql.log_tables import PREDICTIONS


def logged_again(
    connection: sa.Connection, problem: str, span: tuple[datetime, datetime] | None = None
) -> frozenset[str]:
    """The ids of single rows of a problem that are sealed as well, of moments in a span [start, end) (UTC, no zone) or
    of all.

    An answer that is logged again speaks of the same moment: rows beyond the sealed moments and ids are not looked at.
    """
    archive = archive_of(connection)
    if archive is None:
        return frozenset()
    segments = [one for one in archive.segments(connection, problem) if not one.late]
    if span is not None:
        segments = [one for one in segments if one.touches(*span)]
    if not segments:
        return frozenset()
    first, last = min(one.first_moment for one in segments), max(one.last_moment for one in segments)
    query = sa.select(PREDICTIONS.c.id).where(PREDICTIONS.c.problem == problem)
    query = query.where(PREDICTIONS.c.moment >= (first if span is None else max(first, span[0])))
    query = query.where(PREDICTIONS.c.moment <= last)
    near = connection.execute(query).scalars().all()
    return frozenset(archive.holding(connection, problem, near))
