"""A PostgreSQL server that ends, is restarted or cuts connections: told, nothing lost, and the next call works."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pipelines.core.errors import Unavailable
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.logbook.group_commit import GroupCommit
from pipelines.stores.logbook.log_blocks import LogBlock
from pipelines.stores.logbook.prediction_ids import make_ids
from pipelines.stores.logbook.prediction_log import LoggedPrediction, PredictionLog, new_id
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.schema import ensure_schema

pytestmark = pytest.mark.servers
AT = datetime(2024, 5, 1, tzinfo=UTC)
EACH = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = '{}'"


@pytest.fixture(scope="module")
def server(databases: Any) -> Iterator[Any]:
    """One that may be stopped: the session's is everybody's."""
    with databases.running_server(("fsync=on",)) as running:
        yield running


@pytest.fixture
def url(server: Any) -> str:
    made: str = server.make()
    return made


def row() -> LoggedPrediction:
    return LoggedPrediction(new_id(), "p", 1, "r", AT, None, {"a": 1}, 1)


def test_connections_that_were_cut_are_made_anew(server: Any, url: str) -> None:
    log, ledger = PredictionLog(url), Ledger(url)
    first, second = row(), row()
    log.append([first])
    ledger.record("a", at=AT, problem="p", kind="release", outcome="keep")
    server.say(EACH.format(server.name(url)))
    log.append([second])
    assert [log.get(one.id).id for one in (first, second)] == [first.id, second.id]
    server.say(EACH.format(server.name(url)))
    ledger.record("b", at=AT, problem="p", kind="release", outcome="keep")
    assert [one.key for one in ledger.entries()] == ["b", "a"]
    log.close()
    ledger.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_a_server_that_went_away_is_told_and_what_was_acknowledged_is_there_afterwards(
    server: Any, url: str, how: signal.Signals
) -> None:
    log, ledger = PredictionLog(url), Ledger(url)
    writer, kept = GroupCommit(log), [row() for _ in range(20)]
    block = LogBlock("p", 1, "r", "api", make_ids(1), AT.replace(tzinfo=None), AT.replace(tzinfo=None), b"c")
    writer.submit([*kept, block]).result(timeout=60)
    server.stop(how)
    try:
        with pytest.raises(Unavailable, match=r"does not answer|takes no rows"):
            writer.submit([row()]).result(timeout=60)
        with pytest.raises(Unavailable, match="does not answer"):
            log.labels("a")
        with pytest.raises(Unavailable, match="does not answer"):
            PredictionLog(url)
        with pytest.raises(Unavailable, match="the ledger's database does not answer"):
            ledger.claim(1, AT, 60, "one")
    finally:
        server.start()
    after = row()
    writer.submit([after]).result(timeout=60)
    assert log.counts("p")["predictions"] == 22
    assert log.get(after.id).id == after.id
    assert not ledger.claim(1, AT, 60, "one")
    for opened in (writer, ledger, log):
        opened.close()


def test_a_commit_is_durable_whatever_the_default_of_the_database_is(server: Any, url: str) -> None:
    server.say(f"ALTER DATABASE {server.name(url)} SET synchronous_commit = off")
    engine = open_database(url)
    ensure_schema(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar_one() == "30s"
    engine.dispose()


def test_an_address_without_a_driver_is_understood(url: str) -> None:
    engine = open_database(url.replace("postgresql+psycopg", "postgresql"))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
    engine.dispose()
