"""MLflow's client, opened quietly and cheaply.

A new SQLite store is made from `mlflow_schema.sql`, the outcome of MLflow's own migrations: those take two to
three seconds and print their names. With another version of MLflow the file is not used, and MLflow makes its
tables itself. After an upgrade of MLflow run `python -m pipelines.stores.registry.mlflow_database`, which writes the
file anew.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.storage.files import write_atomic

if TYPE_CHECKING:
    from mlflow import MlflowClient

SCHEMA = Path(__file__).with_name("mlflow_schema.sql")
_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",  # its default of 7 waits for minutes when the server is down
    # Artifacts go through the server: a client that it sends to S3 itself hangs where it cannot reach that.
    "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
    "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
}


def open_client(settings: Settings) -> MlflowClient:
    """A client of the settings' tracking store; an SQLite file that is not there yet is made."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)  # MLflow reads these when asked, from nowhere else
    uri = settings.tracking_uri
    if uri.startswith("sqlite:///"):
        create_database(Path(uri.removeprefix("sqlite:///")), settings.artifacts)
    with _silence():
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        if not uri.startswith("http"):
            client.search_experiments(max_results=1)  # a new database's migrations, if any, run here
    return client


def create_database(path: Path, artifacts: Path) -> bool:
    """Whether a new MLflow database was made at `path`; one that is there is left alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        _require_database(path)
    schema = SCHEMA.read_text() if SCHEMA.exists() else ""
    if path.exists() or not schema.startswith(f"-- mlflow {metadata.version('mlflow')}\n"):
        return False
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    made = Path(name)
    try:
        with closing(sqlite3.connect(made)) as connection:
            connection.executescript(schema)
            default = (0, "Default", (artifacts / "0").as_uri(), "active", 0, 0, "default")
            connection.execute("INSERT INTO experiments VALUES (?, ?, ?, ?, ?, ?, ?)", default)
            connection.commit()
        os.link(made, path)  # unlike a rename it never replaces what another process made meanwhile
    except FileExistsError:
        return False
    finally:
        made.unlink()
    return True


def _require_database(path: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.DatabaseError as error:
        raise Unavailable(f"MLflow's database {path} cannot be read ({error}): put its backup back") from error


def schema_of_installed_mlflow() -> str:
    """The SQL of an empty store of the MLflow installed, made by its own migrations."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with tempfile.TemporaryDirectory() as folder:
        with _silence():
            store = SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", f"{folder}/artifacts")
            store.engine.dispose()
        with closing(sqlite3.connect(f"{folder}/mlflow.db")) as connection:
            connection.execute("DELETE FROM experiments")
            statements = list(connection.iterdump())
    # MLflow's migrations make some indexes in the order of a set, which differs from run to run.
    indexes = sorted(one for one in statements if one.startswith("CREATE INDEX"))
    others = [one for one in statements[:-1] if one not in indexes]
    text = "\n".join([*others, *indexes, statements[-1]])
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return f"-- mlflow {metadata.version('mlflow')}\n{lines}\n"


@contextmanager
def _silence() -> Iterator[None]:
    """Without the lines that MLflow and Alembic log while a store is opened; warnings still come through."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.INFO))
    try:
        yield
    finally:
        logging.disable(before)


if __name__ == "__main__":
    write_atomic(SCHEMA, schema_of_installed_mlflow().encode())
