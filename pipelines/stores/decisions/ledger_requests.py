"""The ledger's retraining requests: each is answered once, and what is asked and what came of it are decisions too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Row, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from pipelines.core.errors import NotFound
from pipelines.stores.decisions.ledger_chain import Head, Sign, append, seal_existing
from pipelines.stores.sql.database import answering, open_database
from pipelines.stores.sql.ledger_tables import IN_FLIGHT, Request, State, decisions, put_back_guards, requests
from pipelines.stores.sql.schema import ensure_schema

DATABASE = "the ledger's database"
TRIES = 50
"""Of two writers that follow the same seal one is refused, and tries again."""


def wall_clock() -> datetime:
    """The moment that entries are recorded at; what was decided as of when is told by whoever decides."""
    return datetime.now(UTC)


def request_key(key: str, outcome: str) -> str:
    """Under which key it is recorded what came of the request under `key`."""
    return f"retraining:{key}:{outcome}"


class Requests:
    """What asks for retraining, in the database at `url`; `note` is told of every new head once it is durable."""

    def __init__(
        self,
        url: str,
        clock: Callable[[], datetime] = wall_clock,
        sign: Sign | None = None,
        note: Callable[[Head], None] | None = None,
    ) -> None:
        self._engine: Engine = open_database(url)
        self._clock, self._sign, self._told = clock, sign, note
        ensure_schema(self._engine)
        with answering(DATABASE):
            put_back_guards(self._engine)
            seal_existing(self._engine, clock(), sign)

    def close(self) -> None:
        """Let go of the database's connections."""
        self._engine.dispose()

    def request(
        self,
        problem: str,
        key: str,
        *,
        reason: str,
        as_of: datetime,
        at: datetime,
        evidence: Mapping[str, Any] | None = None,
        actor: str = "policy",
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
        for _ in range(TRIES):
            existing = self._existing(problem, key)
            if existing is not None:
                return existing
            try:
                with answering(DATABASE), self._engine.begin() as connection:
                    made = _request(connection.execute(insert(requests).values(row).returning(requests)).one(), True)
                    head = self._append_once(connection, _entry_row(made, "asked", actor, [reason], made.evidence))
            except IntegrityError:  # somebody was faster; by the next look theirs is there or finished
                continue
            self._note(head)
            return made
        raise NotFound(f"request {key!r} for {problem!r} neither fits in nor is found: look at `ratchet status`")

    def find_request(self, request_id: int) -> Request:
        """The request with this id; NotFound if there is none."""
        with answering(DATABASE), self._engine.connect() as connection:
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
        with answering(DATABASE), self._engine.connect() as connection:
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
        with answering(DATABASE), self._engine.begin() as connection:
            return connection.execute(change).rowcount == 1

    def dispatched(self, request_id: int, flow_run_id: str) -> None:
        """Note which flow run works on the request."""
        with answering(DATABASE), self._engine.begin() as connection:
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
        for attempt in range(TRIES):
            try:
                return self._finish(self.find_request(request_id), at, outcome, dict(evidence or {}), state)
            except IntegrityError:  # another entry followed the same seal: behind that one
                if attempt == TRIES - 1:
                    raise
        raise AssertionError("every try ends in a return or an error")

    def _finish(
        self, asked: Request, at: datetime, outcome: str, evidence: dict[str, Any], state: Literal["done", "failed"]
    ) -> Request:
        change: dict[str, Any] = {"state": state, "finished_at": at, "outcome": outcome, "lease_until": None}
        change["evidence"] = {**asked.evidence, **evidence}
        ours = update(requests).where(requests.c.id == asked.id, requests.c.state.in_(IN_FLIGHT)).values(change)
        head = None
        with answering(DATABASE), self._engine.begin() as connection:
            if connection.execute(ours).rowcount == 1:
                reasons = [outcome if state == "failed" else f"the training that was asked for ended: {outcome}"]
                head = self._append_once(connection, _entry_row(asked, state, "flow", reasons, change["evidence"]))
        self._note(head)
        return self.find_request(asked.id)

    def _append(self, connection: Connection, row: Mapping[str, Any]) -> Head:
        return append(connection, row, self._clock(), self._sign)

    def _append_once(self, connection: Connection, row: Mapping[str, Any]) -> Head | None:
        """The same unless it is on record: a request that somebody deleted may be made again."""
        same = select(decisions.c.id).where(decisions.c.key == row["key"])
        return self._append(connection, row) if connection.execute(same).first() is None else None

    def _note(self, head: Head | None) -> None:
        if head is not None and self._told is not None:
            self._told(head)

    def _existing(self, problem: str, key: str) -> Request | None:
        in_flight = and_(requests.c.problem == problem, requests.c.state.in_(IN_FLIGHT))
        query = select(requests).where(or_(requests.c.key == key, in_flight))
        with answering(DATABASE), self._engine.connect() as connection:
            found = [_request(row) for row in connection.execute(query)]
        return next((one for one in found if one.key == key), found[0] if found else None)


def _entry_row(
    asked: Request, outcome: str, actor: str, reasons: list[str], evidence: Mapping[str, Any]
) -> dict[str, Any]:
    """What the ledger says of a request, on the clock that the retraining goes by."""
    return {
        "key": request_key(asked.key, outcome),
        "at": asked.as_of,
        "problem": asked.problem,
        "kind": "retraining",
        "outcome": outcome,
        "version": evidence.get("version"),
        "run_id": None,
        "actor": actor,
        "reasons": reasons,
        "evidence": {"request": asked.id, "key": asked.key, **evidence},
    }


def _request(row: Row[Any], new: bool = False) -> Request:
    values = row._asdict()
    values.pop("finished_at")
    return Request(**values, new=new)
