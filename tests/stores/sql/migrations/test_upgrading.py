from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.migrations import versions
from pipelines.stores.sql.migrations.upgrading import revisions, upgrade
from pipelines.stores.sql.schema import REVISIONS


def test_the_chain_is_one_and_the_schema_names_its_revisions() -> None:
    assert tuple(revisions()) == REVISIONS


def test_no_migration_follows_the_code() -> None:
    """What one does must be the same in years: it imports nothing of ours that may change."""
    for file in Path(versions.__path__[0]).glob("*.py"):
        assert "pipelines" not in file.read_text(), file.name


def test_what_is_not_committed_is_not_kept(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'some.db'}")
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        upgrade(connection, "ratchet_schema")
        assert sa.inspect(connection).has_table("decisions")
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


@pytest.mark.parametrize("to", ["0001", "head"])
def test_an_upgrade_that_was_done_does_nothing(tmp_path: Path, to: str) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'some.db'}")
    for _ in range(2):
        with engine.connect() as connection:
            upgrade(connection, "ratchet_schema", to)
            connection.commit()
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM ratchet_schema").scalars().all()
    assert found == [revisions()[0] if to == "0001" else revisions()[-1]]
    engine.dispose()
