"""Whose answers some ids are: in blocks and rows of the database, and in sealed segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from pipelines.stores.logbook.archive import archive_of
from pipelines.stores.logbook.kept_blocks import find_problems, in_chunks
from pipelines.stores.logbook.logged_again import logged_again
from pipelines.stores.logbook.prediction_ids import is_id
from pipelines.stores.sql.log_tables import LABELS, PREDICTIONS

if TYPE_CHECKING:
    from pipelines.stores.logbook.segment_files import SealedRow


def find_owners(connection: sa.Connection, ids: Sequence[str]) -> dict[str, str]:
    """The problem of each id that the log knows."""
    found = find_live(connection, ids)
    sealed = find_sealed(connection, [one for one in ids if one not in found])
    return found | {name: row.problem for name, row in sealed.items()}


def find_live(connection: sa.Connection, ids: Sequence[str]) -> dict[str, str]:
    """The problem of each id whose answer is in the database."""
    ids = [one for one in ids if is_id(one)]
    found = find_problems(connection, ids)
    for chunk in in_chunks(one for one in ids if one not in found):
        query = sa.select(PREDICTIONS.c.id, PREDICTIONS.c.problem).where(PREDICTIONS.c.id.in_(chunk))
        found.update((row.id, row.problem) for row in connection.execute(query))
    return found


def find_sealed(connection: sa.Connection, ids: Sequence[str]) -> dict[str, SealedRow]:
    """The answers with these ids that were sealed."""
    ids = [one for one in ids if is_id(one)]
    archive = archive_of(connection) if ids else None
    return {} if archive is None else archive.find(connection, ids)


def find_labelled(
    connection: sa.Connection, problem: str, which: sa.ColumnElement[bool]
) -> tuple[int, list[SealedRow]]:
    """How many predictions of a problem have one of these labels, and the sealed ones that have."""
    query = sa.select(LABELS.c.prediction_id.distinct()).where(which).order_by(LABELS.c.prediction_id)
    ids = connection.execute(query).scalars().all()  # in order: those of one block come together
    live = find_live(connection, ids)
    for name in logged_again(connection, problem) if live else ():
        live.pop(name, None)  # what was sealed counts
    late = find_sealed(connection, [one for one in ids if one not in live])
    return sum(owner == problem for owner in live.values()), [one for one in late.values() if one.problem == problem]
