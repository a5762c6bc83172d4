from __future__ import annotations

from typing import Any

import pytest

from pipelines.core.errors import RatchetError
from pipelines.stores.backups.server_structure import read_structure, require_nothing
from pipelines.stores.sql.database import open_database

pytestmark = pytest.mark.servers


def asked(url: str, *statements: str) -> Any:
    """The structure of a database in which these were run."""
    engine = open_database(url)
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
            return read_structure(connection)
    finally:
        engine.dispose()


def test_it_is_told_in_the_order_in_which_it_can_be_made(postgresql: Any) -> None:
    found = asked(
        postgresql.make(),
        "CREATE TABLE a (id serial PRIMARY KEY, b int, twice int GENERATED ALWAYS AS (b * 2) STORED)",
        "CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a)",
        "ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b",
        "SELECT nextval('a_id_seq')",
    )
    assert found.tables == {"a": ["id", "b"], "b": ["id", "a"]}
    assert [one.split(" (")[0].split(" AS")[0] for one in found.before] == [
        "CREATE SEQUENCE public.a_id_seq",
        "CREATE TABLE public.a",
        "CREATE TABLE public.b",
    ]
    assert found.after[:2] == [
        "ALTER SEQUENCE public.a_id_seq OWNED BY public.a.id",
        "SELECT setval('public.a_id_seq', 1, true)",
    ]
    assert ["FOREIGN" in one for one in found.after[2:]] == [False, False, True, True]


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("CREATE VIEW seen AS SELECT 1", "seen"),
        ("CREATE TABLE parts (a int) PARTITION BY RANGE (a)", "parts"),
        ("CREATE SCHEMA other; CREATE TABLE other.things (a int)", "other.things"),
        ("CREATE DOMAIN small AS int CHECK (VALUE < 9)", "small"),
        ("CREATE TYPE pair AS (a int, b int)", "pair"),
        ("CREATE UNLOGGED TABLE passing (a int)", "passing"),
        ("CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int)", "total"),
        ("SELECT lo_create(77)", "large object 77"),
        ("CREATE TABLE guarded (a int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY", "guarded"),
    ],
)
def test_what_it_does_not_know_it_refuses(postgresql: Any, statement: str, what: str) -> None:
    with pytest.raises(RatchetError, match=rf"cannot make anew \(.*{what}.*\): use pg_dump"):
        asked(postgresql.make(), statement)


def test_a_database_with_tables_is_not_new(postgresql: Any) -> None:
    engine = open_database(postgresql.make())
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE EXTENSION pg_trgm")
        require_nothing(connection, "MLflow")
        connection.exec_driver_sql("CREATE TABLE a (id int)")
        with pytest.raises(RatchetError, match=r"MLflow's database is not empty \(1 tables"):
            require_nothing(connection, "MLflow")
    engine.dispose()
