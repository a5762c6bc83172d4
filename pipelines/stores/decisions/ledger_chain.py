"""The ledger's chain: each entry is sealed with a digest of all its fields and of the seal before it.

Whoever changes, deletes or puts in an entry breaks the chain, whatever triggers were taken away first. What a chain
alone cannot show, that its end was cut off or that all of it was made anew, is shown by what others keep of it: see
`ledger_verification`.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, inspect, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from pipelines.core.errors import Unavailable
from pipelines.stores.sql.database import open_database, serialise
from pipelines.stores.sql.ledger_tables import Entry, as_utc, decisions, seals

GENESIS = "0" * 64
"""What the first seal follows."""
SEALED = select(decisions, seals.c.recorded_at, seals.c.later, seals.c.digest).outerjoin(
    seals, seals.c.decision == decisions.c.id
)
"""Entries with what their seal says."""

Sign = Callable[[str], str]


@dataclass(frozen=True)
class Head:
    """The newest seal that somebody has seen: `position` grows with each."""

    position: int
    digest: str


@dataclass(frozen=True)
class Seal:
    """One link of the chain and the entry that it was made for."""

    position: int
    entry: int
    key: str
    problem: str
    kind: str
    version: int | None
    digest: str
    later: bool
    """Whether the entry was there before there were seals: then it is sealed as it was found."""
    signature: str | None


@dataclass(frozen=True)
class Break:
    """Where the ledger does not fit what it was: the entry's id and key, and what is wrong with it."""

    entry: int | None
    key: str
    what: str


@dataclass(frozen=True)
class Chain:
    """A ledger's seals in their order, and where they do not fit the entries, the first place first."""

    seals: list[Seal] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to the ledger's database; Unavailable where that does not answer."""
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise Unavailable(f"the ledger's database does not answer ({error.orig}): check it") from error


def read_entry(row: Row[Any]) -> Entry:
    """The entry in a row of `SEALED`."""
    return Entry(**{**row._asdict(), "later": bool(row.later)})  # an entry past the ledger has no seal


def link(previous: str, entry: Entry) -> str:
    """The SHA-256 that seals an entry behind another: over canonical JSON (sorted names, no spaces, ASCII, moments in
    UTC) of every field.

    >>> from datetime import UTC
    >>> at = datetime(2024, 5, 1, tzinfo=UTC)
    >>> link(GENESIS, Entry(1, "k", at, "p", "release", "keep", 1, "r", "Ada", recorded_at=at))[:16]
    '2d08b1159b970329'
    """
    fields = {name: getattr(entry, name) for name in Entry.__dataclass_fields__ if name != "digest"}
    for name in ("at", "recorded_at"):
        fields[name] = as_utc(fields[name]).isoformat()
    content = json.dumps({**fields, "previous": previous}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()


def append(connection: Connection, row: Mapping[str, Any], now: datetime, sign: Sign | None) -> Head:
    """Write an entry and its seal in the transaction of `connection`; the new head.

    IntegrityError where the key is there already, or where another writer has followed the same seal: try again.
    """
    plain = {**row, **{name: json.loads(json.dumps(row[name])) for name in ("reasons", "evidence")}}
    # One writer after the other, so that ids are seen in their order: whoever follows the ledger by ids misses none.
    serialise(connection, "ledger")  # SQLite lets nobody else write from the entry on until this transaction has ended
    number = connection.execute(insert(decisions).values(plain).returning(decisions.c.id)).scalar_one()
    return _seal(connection, Entry(id=number, recorded_at=now, **plain), sign)


def seal_existing(engine: Engine, now: datetime, sign: Sign | None) -> None:
    """Seal the entries of a ledger that has no seal yet, as they are found: it was made before there were any."""
    with engine.connect() as connection:
        if connection.execute(select(seals.c.id).limit(1)).first() is not None:
            return
        found = connection.execute(select(decisions).order_by(decisions.c.id)).all()
    try:
        with engine.begin() as connection:
            head = Head(0, GENESIS)
            for row in found:
                head = _seal(connection, Entry(**row._asdict(), recorded_at=now, later=True), sign, head)
    except IntegrityError:  # another process was faster
        pass


def read_chain(url: str) -> Chain | None:
    """The whole chain of the ledger at `url`, every digest computed again; None where there is no ledger yet.

    Nothing is written, so a ledger without seals stays so. Unavailable where the database cannot be read.
    """
    engine = open_database(url)
    try:
        known = inspect(engine)
        if not known.has_table(decisions.name):
            return None
        if not known.has_table(seals.name):
            return Chain()
        with engine.connect() as connection:
            return _read(connection)
    except (DBAPIError, sqlite3.Error) as error:
        raise Unavailable(f"the ledger cannot be read ({getattr(error, 'orig', error)}): check the database") from error
    finally:
        engine.dispose()


def _read(connection: Connection) -> Chain:
    chain, expected = Chain(), GENESIS
    both = select(seals, *(column.label(f"entry_{column.name}") for column in decisions.columns))
    query = both.outerjoin(decisions, decisions.c.id == seals.c.decision).order_by(seals.c.id)
    for row in connection.execute(query.execution_options(yield_per=500)):
        key = row.entry_key or "unknown"
        if row.previous != expected:
            chain.breaks.append(Break(row.decision, key, "it does not follow the entry that was before it"))
        wrong = _wrong(row)
        if wrong is not None:
            chain.breaks.append(Break(row.decision, key, wrong))
        facts = (row.entry_problem or "", row.entry_kind or "", row.entry_version)
        chain.seals.append(Seal(row.id, row.decision, key, *facts, row.digest, row.later, row.signature))
        expected = row.digest
    if chain.seals:
        stray = select(decisions.c.id, decisions.c.key).outerjoin(seals, seals.c.decision == decisions.c.id)
        for row in connection.execute(stray.where(seals.c.id.is_(None))):
            chain.breaks.append(Break(row.id, row.key, "it was put in past the ledger: it has no seal"))
    chain.breaks.sort(key=lambda one: one.entry or 0)
    return chain


def _wrong(row: Row[Any]) -> str | None:
    if row.entry_id is None:
        return "it was deleted"
    fields = {name: getattr(row, f"entry_{name}") for name in decisions.columns.keys()}  # noqa: SIM118 - no mapping
    if link(row.previous, Entry(**fields, recorded_at=row.recorded_at, later=row.later)) != row.digest:
        return "it is not what was recorded"
    return None


def _seal(connection: Connection, entry: Entry, sign: Sign | None, after: Head | None = None) -> Head:
    if after is None:
        last = connection.execute(select(seals.c.digest, seals.c.id).order_by(seals.c.id.desc()).limit(1)).first()
        after = Head(0, GENESIS) if last is None else Head(last.id, last.digest)
    digest = link(after.digest, entry)
    row = {
        "decision": entry.id,
        "previous": after.digest,
        "digest": digest,
        "recorded_at": entry.recorded_at,
        "later": entry.later,
        "signature": None if sign is None else sign(digest),
    }
    made = connection.execute(insert(seals).values(row).returning(seals.c.id)).scalar_one()
    return Head(made, digest)
