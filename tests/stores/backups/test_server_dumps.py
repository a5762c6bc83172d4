from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import NotFound, RatchetError, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.backups.server_dumps import dump_database, load_database, require_new, server_databases

QUIET = {"DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


def dumped(url: str, postgresql: Any) -> str:
    """Everything in a database, as PostgreSQL's own program tells it."""
    place = ["-h", str(postgresql.folder), "-U", "ratchet", postgresql.name(url)]
    done = subprocess.run(["pg_dump", *place], capture_output=True, text=True, check=True)
    return re.sub(r"\\(un)?restrict \w+", "", done.stdout)  # a word of chance, new in each dump


def by_pg_dump(url: str, postgresql: Any) -> str:
    """A copy of a database, made by PostgreSQL's own programs."""
    other: str = postgresql.make()
    place = ["-h", str(postgresql.folder), "-U", "ratchet", "-q", "-v", "ON_ERROR_STOP=1", postgresql.name(other)]
    subprocess.run(["psql", *place], input=dumped(url, postgresql), text=True, check=True, capture_output=True)
    return other


def assert_same_as_by_pg_dump(name: str, url: str, postgresql: Any, folder: Path) -> dict[str, int]:
    """What is loaded from a dump is what PostgreSQL's own programs would have made; its rows by table."""
    counts, digests = dump_database(name, url, folder)
    assert set(digests) == {path.name for path in folder.iterdir()}
    other = postgresql.make()
    require_new(name, other)
    assert load_database(name, other, folder) == counts
    assert dumped(other, postgresql) == dumped(by_pg_dump(url, postgresql), postgresql)
    with pytest.raises(RatchetError, match="is not empty"):
        require_new(name, other)
    return counts


@pytest.mark.servers
def test_what_is_loaded_is_what_pg_dump_would_have_made(postgresql: Any, tmp_path: Path, foreign: str) -> None:
    counts = assert_same_as_by_pg_dump("mlflow", foreign, postgresql, tmp_path / "dump")
    assert counts == {"Flow run": 2, "empty": 0, "states": 2, "strict": 1}


@pytest.mark.servers
def test_all_of_it_is_loaded_or_nothing(postgresql: Any, tmp_path: Path, foreign: str) -> None:
    dump_database("prefect", foreign, tmp_path / "dump")
    victim = tmp_path / "dump" / "strict.copy.gz"
    victim.write_bytes((tmp_path / "dump" / "states.copy.gz").read_bytes())
    other = postgresql.make()
    with pytest.raises(Unavailable, match="Prefect's database"):
        load_database("prefect", other, tmp_path / "dump")
    require_new("prefect", other)
    with pytest.raises(Unavailable, match="MLflow's database does not answer"):
        dump_database("mlflow", "postgresql+psycopg://x@127.0.0.1:9/x", tmp_path / "none")


@pytest.mark.slow
@pytest.mark.servers
def test_the_servers_own_tables(postgresql: Any, tmp_path: Path) -> None:
    """Of the versions in use; MLflow reads on what it wrote."""
    program = (
        "import sys, mlflow; from mlflow import MlflowClient; client = MlflowClient(sys.argv[1], sys.argv[1])\n"
        "if sys.argv[2] == 'write':\n"
        "    run = client.create_run(client.create_experiment('flights', 's3://a/b')); tag = {'ä': '%s'}\n"
        "    client.log_metric(run.info.run_id, 'auc', 0.75); client.create_registered_model('flights', tag)\n"
        "    client.create_model_version('flights', 's3://a/b/c', run.info.run_id)\n"
        "    client.set_registered_model_alias('flights', 'champion', '1')\n"
        "found = client.get_model_version_by_alias('flights', 'champion')\n"
        "print(found.source, client.get_registered_model('flights').tags, client.get_run(found.run_id).data.metrics)\n"
        "if sys.argv[2] == 'read': client.create_experiment('more')\n"
    )

    def mlflow(url: str, verb: str) -> str:
        command = [sys.executable, "-c", program, url, verb]
        return subprocess.run(command, env={**os.environ, **QUIET}, capture_output=True, text=True, check=True).stdout

    url = postgresql.make()
    written = mlflow(url, "write")
    assert_same_as_by_pg_dump("mlflow", url, postgresql, tmp_path / "mlflow")
    other = postgresql.make()
    load_database("mlflow", other, tmp_path / "mlflow")
    assert mlflow(other, "read") == written != ""

    url = postgresql.make()
    environment = {**os.environ, **QUIET, "PREFECT_HOME": str(tmp_path / "prefect")}
    environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = url.replace("psycopg", "asyncpg")
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    assert assert_same_as_by_pg_dump("prefect", url, postgresql, tmp_path / "dump")["alembic_version"] == 1


def test_where_they_are(settings: Settings, tmp_path: Path) -> None:
    assert server_databases(settings) == {}
    (tmp_path / "url").write_text("postgresql+asyncpg://prefect:a%40b@db:5432/prefect\n")
    given = {"prefect_database_url": str(tmp_path / "url"), "mlflow_uri": "postgresql://m:x@db/m"}
    assert server_databases(settings.model_copy(update=given)) == {
        "mlflow": "postgresql+psycopg://m:x@db/m",
        "prefect": "postgresql+psycopg://prefect:a%40b@db:5432/prefect",
    }
    given = {"mlflow_uri": "http://mlflow:5000", "mlflow_database_url": "sqlite:////m.db"}
    with pytest.raises(RatchetError, match="RATCHET_MLFLOW_DATABASE_URL is of sqlite: only PostgreSQL"):
        server_databases(settings.model_copy(update=given))
    with pytest.raises(NotFound, match="names a file that cannot be read"):
        server_databases(settings.model_copy(update={"prefect_database_url": str(tmp_path / "none")}))
