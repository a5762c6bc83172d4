"""The ledger: every decision with its evidence, append-only and chained, and the retraining requests that run once.

A decision has a key that names what was decided, so recording it again (after a kill, a retry) changes
nothing. The champion is what the last decision that moved it says: the alias in MLflow is set from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select
from sqlalchemy.exc import IntegrityError

from pipelines.core.errors import NotFound
from pipelines.core.settings import Settings
from pipelines.stores.bundles.signing import open_signer
from pipelines.stores.decisions.ledger_chain import SEALED, Head, read_entry, reading
from pipelines.stores.decisions.ledger_heads import keep_head, ledger_name
from pipelines.stores.decisions.ledger_requests import DATABASE, TRIES, Requests
from pipelines.stores.sql.database import answering
from pipelines.stores.sql.ledger_tables import Entry, Request, State, decisions

__all__ = ["DECISIONS", "MOVES", "Entry", "Ledger", "Request", "State", "open_ledger"]

MOVES = ("promote", "approved", "roll_back")
"""Outcomes that make their version the champion."""
DECISIONS = ("release", "approval", "override", "roll_back")
"""Kinds that say what becomes of a version."""


def open_ledger(settings: Settings) -> Ledger:
    """The ledger of these settings, for whoever records: entries are signed where there is a key, and the newest seal
    is noted in home.
    """
    name = ledger_name(settings.database)

    def note(head: Head) -> None:
        keep_head(settings.home, name, head)

    signer = open_signer(settings.signing_key)
    return Ledger(settings.database, sign=None if signer is None else signer.sign_seal, note=note)


def approval_key(release: Entry) -> str:
    """Under which key a second person's word on a release is recorded."""
    return f"approval:{release.key}"


class Ledger(Requests):
    """Decisions and requests in the database at `url` (SQLite, PostgreSQL); tables are made on first use."""

    def record(
        self,
        key: str,
        *,
        at: datetime,
        problem: str,
        kind: str,
        outcome: str,
        version: int | None = None,
        run_id: str | None = None,
        actor: str = "flow",
        reasons: Iterable[str] = (),
        evidence: Mapping[str, Any] | None = None,
    ) -> Entry:
        """The entry under `key`: written now, or as it was first. Later values never replace it."""
        row = {
            "key": key,
            "at": at,
            "problem": problem,
            "kind": kind,
            "outcome": outcome,
            "version": version,
            "run_id": run_id,
            "actor": actor,
            "reasons": list(reasons),
            "evidence": dict(evidence or {}),
        }
        for attempt in range(TRIES):
            found = self.find(key)
            if found is not None:
                return found
            try:
                with answering(DATABASE), self._engine.begin() as connection:
                    head = self._append(connection, row)
                self._note(head)
            except IntegrityError:  # another process wrote the same key, or behind the same seal, a moment ago
                if attempt == TRIES - 1:
                    raise
        raise NotFound(f"decision {key!r} was written and is gone: somebody emptied the ledger")

    def find(self, key: str) -> Entry | None:
        """The entry under `key`, if there is one."""
        return next(iter(self._entries(SEALED.where(decisions.c.key == key))), None)

    def entries(
        self,
        problem: str | None = None,
        kind: str | None = None,
        limit: int | None = 100,
        version: int | None = None,
    ) -> list[Entry]:
        """The newest decisions first, of one problem, kind and version if given."""
        query = SEALED.order_by(decisions.c.id.desc()).limit(limit)
        wanted = ((decisions.c.problem, problem), (decisions.c.kind, kind), (decisions.c.version, version))
        for column, value in wanted:
            if value is not None:
                query = query.where(column == value)
        return self._entries(query)

    def moves(self, problem: str, limit: int | None = None, until: datetime | None = None) -> list[Entry]:
        """Decisions that made a version the champion, newest first; `until`: only those of then or before."""
        query = SEALED.where(decisions.c.problem == problem, decisions.c.outcome.in_(MOVES))
        query = query.where(decisions.c.kind.in_(DECISIONS), decisions.c.version.is_not(None))
        if until is not None:
            query = query.where(decisions.c.at <= until)
        return self._entries(query.order_by(decisions.c.id.desc()).limit(limit))

    def champion_at(self, problem: str, moment: datetime) -> Entry | None:
        """The decision that made the version champion which was it at `moment`, on the decisions' own clock."""
        return next(iter(self.moves(problem, limit=1, until=moment)), None)

    def release_entry(self, problem: str, version: int) -> Entry | None:
        """What the gate said of a version; None of one that it never judged."""
        return next(iter(self.entries(problem, "release", 1, version)), None)

    def last_word(self, problem: str, version: int) -> Entry | None:
        """The newest decision on what becomes of a version."""
        found = self.entries(problem, limit=None, version=version)
        return next((entry for entry in found if entry.kind in DECISIONS), None)

    def problems(self) -> list[str]:
        """Every problem of which the ledger knows a decision, sorted."""
        names = SEALED.with_only_columns(decisions.c.problem).distinct().order_by(decisions.c.problem)
        with reading(self._engine) as connection:
            return [row.problem for row in connection.execute(names) if row.problem]

    def _entries(self, query: Select[Any]) -> list[Entry]:
        with reading(self._engine) as connection:
            return [read_entry(row) for row in connection.execute(query)]
