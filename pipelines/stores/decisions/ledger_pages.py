"""The ledger as the operators' pages read it: a stretch at a time, never changed, never read as a whole.

An entry never changes, so whoever has read one may keep it; what is looked up here first is always small.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Select, func, select

from pipelines.core.errors import NotFound
from pipelines.stores.decisions.ledger import DECISIONS, MOVES
from pipelines.stores.decisions.ledger_chain import SEALED, read_entry, reading
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.ledger_tables import Entry, as_utc, decisions
from pipelines.stores.sql.schema import ensure_schema

_BARE = SEALED.with_only_columns(*(one for one in SEALED.selected_columns if one.name != "evidence"))


@dataclass(frozen=True)
class Mark:
    """Where a decision stands and what came of it, without its evidence."""

    id: int
    at: datetime
    outcome: str


@dataclass(frozen=True)
class Move:
    """A decision that made a version the champion, without its evidence."""

    id: int
    at: datetime
    version: int
    kind: str
    outcome: str
    actor: str
    run_id: str | None


class LedgerPages:
    """Reads the ledger in the database at `url`; every method raises Unavailable when that does not answer."""

    def __init__(self, url: str) -> None:
        self._engine: Engine = open_database(url)
        ensure_schema(self._engine)

    def close(self) -> None:
        """Let go of the database's connections."""
        self._engine.dispose()

    def entry(self, number: int) -> Entry:
        """The entry with this id; NotFound if there is none."""
        found = self._entries(SEALED.where(decisions.c.id == number))
        if not found:
            raise NotFound(f"the ledger has no entry {number}")
        return found[0]

    def entries(self, numbers: Iterable[int]) -> list[Entry]:
        """The entries with these ids, oldest first; ids that the ledger does not have are left out."""
        wanted = sorted(set(numbers))
        parts = [wanted[first : first + 400] for first in range(0, len(wanted), 400)]
        order = SEALED.order_by(decisions.c.id)
        return [one for part in parts for one in self._entries(order.where(decisions.c.id.in_(part)))]

    def page(
        self,
        problem: str,
        kinds: Sequence[str] = (),
        outcome: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Entry]:
        """At most `limit` entries of a problem, the newest first, each older than the id `before`; without evidence.

        Evidence is most of an entry: `entry` has it. The ids come first, from the index alone: to sort whole rows
        of a long ledger takes longer than a page may.
        """
        query = select(decisions.c.id).where(decisions.c.problem == problem).order_by(decisions.c.id.desc())
        if kinds:
            query = query.where(decisions.c.kind.in_(list(kinds)))
        if outcome is not None:
            query = query.where(decisions.c.outcome == outcome)
        if before is not None:
            query = query.where(decisions.c.id < before)
        with reading(self._engine) as connection:
            numbers = list(connection.execute(query.limit(limit)).scalars())
        return self._entries(_BARE.where(decisions.c.id.in_(numbers)).order_by(decisions.c.id.desc()))

    def marks(self, problem: str, kind: str, limit: int, after: int = 0) -> list[Mark]:
        """The newest entries of a kind without their evidence, oldest first; only those with an id past `after`."""
        query = select(decisions.c.id, decisions.c.at, decisions.c.outcome)
        query = query.where(decisions.c.problem == problem, decisions.c.kind == kind, decisions.c.id > after)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(decisions.c.id.desc()).limit(limit)).all()
        return [Mark(row.id, as_utc(row.at), row.outcome) for row in reversed(rows)]

    def moves(self, problem: str, limit: int = 500) -> list[Move]:
        """The newest decisions that made a version the champion, the newest first."""
        names = ("id", "at", "version", "kind", "outcome", "actor", "run_id")
        query = select(*(decisions.c[name] for name in names)).where(decisions.c.problem == problem)
        query = query.where(decisions.c.kind.in_(DECISIONS), decisions.c.outcome.in_(MOVES))
        query = query.where(decisions.c.version.is_not(None)).order_by(decisions.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            return [Move(**{**row._asdict(), "at": as_utc(row.at)}) for row in connection.execute(query)]

    def problems(self) -> list[str]:
        """Every problem that the ledger knows of, sorted."""
        query = select(decisions.c.problem).distinct().order_by(decisions.c.problem)
        with reading(self._engine) as connection:
            return [row.problem for row in connection.execute(query) if row.problem]

    def knows(self, problem: str) -> bool:
        """Whether the ledger knows of the problem: whether `problems` has it."""
        query = select(decisions.c.id).where(decisions.c.problem == problem, decisions.c.problem != "").limit(1)
        with reading(self._engine) as connection:
            return connection.execute(query).first() is not None

    def tally(self, problem: str) -> dict[str, dict[str, int]]:
        """How many entries a problem has, by kind and outcome."""
        query = select(decisions.c.kind, decisions.c.outcome, func.count().label("entries"))
        query = query.where(decisions.c.problem == problem).group_by(decisions.c.kind, decisions.c.outcome)
        found: dict[str, dict[str, int]] = {}
        with reading(self._engine) as connection:
            for row in connection.execute(query.order_by(decisions.c.kind, decisions.c.outcome)):
                found.setdefault(row.kind, {})[row.outcome] = row.entries
        return found

    def _entries(self, query: Select[Any]) -> list[Entry]:
        with reading(self._engine) as connection:
            return [read_entry(row) for row in connection.execute(query)]
