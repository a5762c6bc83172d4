"""The databases of MLflow's and Prefect's servers as files, where they are on PostgreSQL and may be reached.

Each is copied as of one moment, by an ordinary connection of its own role; nobody is held up.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from pipelines.core.errors import NotFound, RatchetError, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.backups.backup_folder import digest_of
from pipelines.stores.backups.server_structure import Structure, read_structure, require_nothing
from pipelines.stores.sql.database import answering, open_database
from pipelines.stores.sql.sql_quoting import sql_name
from pipelines.stores.storage.files import read_json, write_json

SERVERS = {"mlflow": "MLflow", "prefect": "Prefect"}
"""The servers whose databases may be in a backup, and what they are called."""
_STRUCTURE = "structure.json"
_CHUNK = 1 << 20


def server_databases(settings: Settings) -> dict[str, str]:
    """The addresses that are known, by server; RatchetError where one is not of PostgreSQL."""
    given = {"mlflow": settings.mlflow_database_url, "prefect": settings.prefect_database_url}
    if given["mlflow"] is None and settings.tracking_uri.startswith("postgresql"):
        given["mlflow"] = settings.tracking_uri
    return {name: _address(name, value) for name, value in given.items() if value is not None}


def dump_database(name: str, url: str, folder: Path) -> tuple[dict[str, int], dict[str, str]]:
    """Write a server's database into `folder`: rows by table, and the digests of the files by name.

    RatchetError where it holds what cannot be made anew, Unavailable when it does not answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digests, counts = {}, {}
    with _opened(name, url) as engine, engine.connect() as connection:
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        found = read_structure(connection)
        for table, columns in found.tables.items():
            path, statement = folder / _file(table), f"COPY {_copied(table, columns)} TO STDOUT"
            with gzip.open(path, "wb", compresslevel=1) as file, _cursor(connection).copy(statement) as copied:
                for part in copied:
                    file.write(part)
            digests[path.name] = digest_of(path)
            counts[table] = _count(connection, table)
    write_json(folder / _STRUCTURE, {"before": found.before, "tables": found.tables, "after": found.after})
    return counts, {**digests, _STRUCTURE: digest_of(folder / _STRUCTURE)}


def load_database(name: str, url: str, folder: Path) -> dict[str, int]:
    """Make a server's database from `folder`, all of it or nothing; rows by table.

    RatchetError where there are tables in it, Unavailable when it does not answer.
    """
    found = Structure(**read_json(folder / _STRUCTURE))
    with _opened(name, url) as engine, engine.begin() as connection:
        require_nothing(connection, SERVERS[name])
        for statement in ("SET LOCAL search_path = ''", "SET LOCAL check_function_bodies = off", *found.before):
            _run(connection, statement)
        for table, columns in found.tables.items():
            path, statement = folder / _file(table), f"COPY {_copied(table, columns)} FROM STDIN"
            with gzip.open(path, "rb") as file, _cursor(connection).copy(statement) as copied:
                while part := file.read(_CHUNK):
                    copied.write(part)
        for statement in found.after:
            _run(connection, statement)
        return {table: _count(connection, table) for table in found.tables}


def require_new(name: str, url: str) -> None:
    """RatchetError where a server's database has tables already, Unavailable when it does not answer."""
    with _opened(name, url) as engine, engine.connect() as connection:
        require_nothing(connection, SERVERS[name])


@contextmanager
def _opened(name: str, url: str) -> Iterator[sa.Engine]:
    engine = open_database(url)
    try:
        with answering(f"{SERVERS[name]}'s database"):
            yield engine
    except engine.dialect.loaded_dbapi.Error as error:  # of the driver itself, in the middle of a COPY
        raise Unavailable(f"{SERVERS[name]}'s database does not answer ({error}): check it") from error
    finally:
        engine.dispose()


def _address(name: str, value: str) -> str:
    """An address for our driver, from an address for anybody's or from the file that holds it."""
    setting = f"RATCHET_{name.upper()}_DATABASE_URL"
    if "://" not in value:
        try:
            value = Path(value).expanduser().read_text().strip()
        except OSError as error:
            raise NotFound(f"{setting} names a file that cannot be read: {error}") from error
    address = sa.make_url(value)
    if address.get_backend_name() != "postgresql":
        raise RatchetError(f"{setting} is of {address.get_backend_name()}: only PostgreSQL is copied, leave it out")
    return address.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _copied(table: str, columns: list[str]) -> str:
    listed = ", ".join(sql_name(one) for one in columns)
    return f"{_quoted(table)} ({listed})" if columns else _quoted(table)


def _quoted(table: str) -> str:
    return f"public.{sql_name(table)}"


def _file(table: str) -> str:
    return f"{quote(table, safe='')}.copy.gz"


def _run(connection: sa.Connection, statement: str) -> None:
    connection.exec_driver_sql(statement.replace("%", "%%"))  # the driver takes a % for the place of a value


def _count(connection: sa.Connection, table: str) -> int:
    found: int = connection.execute(
        sa.select(sa.func.count()).select_from(sa.table(table, schema="public"))
    ).scalar_one()
    return found


def _cursor(connection: sa.Connection) -> Any:
    """The driver's cursor, within the transaction of `connection`."""
    return connection.connection.driver_connection.cursor()  # type: ignore[union-attr]
