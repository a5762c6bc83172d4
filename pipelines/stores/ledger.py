"""The ledger: every decision with its evidence, append-only, and the retraining requests that must run once.

A decision has a key that names what was decided, so recording it again (after a kill, a retry) changes
nothing. The champion is what the last decision that moved it says: the alias in MLflow is set from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Engine, Row, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from pipelines.core.errors import NotFound
from pipelines.stores.database import open_database
from pipelines.stores.ledger_tables import (
    IN_FLIGHT,
    Entry,
    Request,
    State,
    create_tables,
    decisions,
    requests,
)

__all__ = ["MOVES", "Entry", "Ledger", "Request", "State"]

MOVES = ("promote", "roll_back")
"""Outcomes that make their version the champion."""


class Ledger:
    """Decisions and requests in the database at `url` (SQLite, PostgreSQL); tables are made on first use."""

    def __init__(self, url: str) -> None:
        self._engine: Engine = open_database(url)
        create_tables(self._engine)

    def close(self) -> None:
        """Let go of the database's connections."""
        self._engine.dispose()

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
        found = self.find(key)
        if found is not None:
            return found
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(decisions).values(row))
        except IntegrityError:  # another process wrote the same key a moment ago
            if self.find(key) is None:
                raise
        entry = self.find(key)
        if entry is None:
            raise NotFound(f"decision {key!r} was written and is gone: somebody emptied the ledger")
        return entry

    def find(self, key: str) -> Entry | None:
        """The entry under `key`, if there is one."""
        with self._engine.connect() as connection:
            row = connection.execute(select(decisions).where(decisions.c.key == key)).first()
        return None if row is None else _entry(row)

    def entries(self, problem: str | None = None, kind: str | None = None, limit: int | None = 100) -> list[Entry]:
        """The newest decisions first, of one problem and kind if given."""
        query = select(decisions).order_by(decisions.c.id.desc()).limit(limit)
        if problem is not None:
            query = query.where(decisions.c.problem == problem)
        if kind is not None:
            query = query.where(decisions.c.kind == kind)
        with self._engine.connect() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def moves(self, problem: str, limit: int | None = None) -> list[Entry]:
        """Decisions that made a version the champion, newest first."""
        query = (
            select(decisions)
            .where(decisions.c.problem == problem, decisions.c.outcome.in_(MOVES))
            .where(decisions.c.version.is_not(None))
            .order_by(decisions.c.id.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def request(
        self,
        problem: str,
        key: str,
        *,
        reason: str,
        as_of: datetime,
        at: datetime,
        evidence: Mapping[str, Any] | None = None,
    ) -> Request:
        """The request under `key`, or the one of the problem that is still open or running, or a new one.

        Single flight is a unique index in the database, so it holds between processes and machines.
        """
        row = {
            "key": key,
            "problem": problem,
            "reason": reason,
            "as_of": as_of,
            "created_at": at,
            "state": "open",
            "evidence": dict(evidence or {}),
        }
        for _ in range(10):
            existing = self._existing(problem, key)
            if existing is not None:
                return existing
            try:
                with self._engine.begin() as connection:
                    made = connection.execute(insert(requests).values(row).returning(requests)).one()
                return _request(made, new=True)
            except IntegrityError:  # somebody was faster; by the next look theirs is there or finished
                continue
        raise NotFound(f"request {key!r} for {problem!r} neither fits in nor is found: look at `ratchet status`")

    def find_request(self, request_id: int) -> Request:
        """The request with this id; NotFound if there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(select(requests).where(requests.c.id == request_id)).first()
        if row is None:
            raise NotFound(f"there is no request {request_id}")
        return _request(row)

    def requests(self, problem: str | None = None, states: Iterable[State] | None = None) -> list[Request]:
        """Requests, oldest first, of one problem and in these states if given."""
        query = select(requests).order_by(requests.c.id)
        if problem is not None:
            query = query.where(requests.c.problem == problem)
        if states is not None:
            query = query.where(requests.c.state.in_(list(states)))
        with self._engine.connect() as connection:
            return [_request(row) for row in connection.execute(query)]

    def claim(self, request_id: int, now: datetime, lease_seconds: float, holder: str) -> bool:
        """Whether `holder` may run the request until its lease ends; atomic, renews the holder's own lease.

        A lease that has run out can be claimed by anybody: its holder is taken for dead.
        """
        free = or_(
            requests.c.state == "open",
            and_(requests.c.state == "running", or_(requests.c.lease_until <= now, requests.c.holder == holder)),
        )
        change = (
            update(requests)
            .where(requests.c.id == request_id, free)
            .values(state="running", holder=holder, lease_until=now + timedelta(seconds=lease_seconds))
        )
        with self._engine.begin() as connection:
            return connection.execute(change).rowcount == 1

    def dispatched(self, request_id: int, flow_run_id: str) -> None:
        """Note which flow run works on the request."""
        with self._engine.begin() as connection:
            connection.execute(update(requests).where(requests.c.id == request_id).values(flow_run_id=flow_run_id))

    def finish(
        self,
        request_id: int,
        at: datetime,
        outcome: str,
        evidence: Mapping[str, Any] | None = None,
        state: Literal["done", "failed"] = "done",
    ) -> Request:
        """The request, ended with this outcome; one that has ended stays as it was."""
        change: dict[str, Any] = {"state": state, "finished_at": at, "outcome": outcome, "lease_until": None}
        if evidence is not None:
            change["evidence"] = {**self.find_request(request_id).evidence, **evidence}
        with self._engine.begin() as connection:
            connection.execute(
                update(requests).where(requests.c.id == request_id, requests.c.state.in_(IN_FLIGHT)).values(change)
            )
        return self.find_request(request_id)

    def _existing(self, problem: str, key: str) -> Request | None:
        in_flight = and_(requests.c.problem == problem, requests.c.state.in_(IN_FLIGHT))
        query = select(requests).where(or_(requests.c.key == key, in_flight))
        with self._engine.connect() as connection:
            found = [_request(row) for row in connection.execute(query)]
        return next((one for one in found if one.key == key), found[0] if found else None)


def _entry(row: Row[Any]) -> Entry:
    return Entry(**row._asdict())


def _request(row: Row[Any], new: bool = False) -> Request:
    values = row._asdict()
    values.pop("finished_at")
    return Request(**values, new=new)
