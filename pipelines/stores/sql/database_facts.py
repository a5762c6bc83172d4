"""What the doctor asks a database server: which one it is, and what time it has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import make_url, text

from pipelines.stores.sql.database import answering, database_name, open_database


@dataclass(frozen=True)
class DatabaseFacts:
    """A database server: its name without a password, its version, and how far its clock is ahead of ours."""

    name: str
    version: tuple[int, ...]
    ahead_seconds: float


def is_server(url: str) -> bool:
    """Whether the database is a server's, with a clock of its own, and no file.

    >>> is_server("postgresql+psycopg://ratchet@postgres/ratchet"), is_server("sqlite:////srv/ratchet.db")
    (True, False)
    """
    return make_url(url).get_backend_name() != "sqlite"


def database_facts(url: str) -> DatabaseFacts:
    """The facts of the server at `url`; Unavailable when it does not answer."""
    engine = open_database(url)
    try:
        name = database_name(engine)
        with answering(f"the database {name}"), engine.connect() as connection:
            before = datetime.now(UTC)
            theirs = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            ours = before + (datetime.now(UTC) - before) / 2
            version = connection.dialect.server_version_info or ()
        return DatabaseFacts(name, tuple(int(part) for part in version), (theirs - ours).total_seconds())
    finally:
        engine.dispose()
