from __future__ import annotations

from typing import Any

import pytest

from pipelines.core.errors import Unavailable
from pipelines.stores.sql.database_facts import database_facts, is_server


def test_a_file_is_no_server() -> None:
    assert is_server("postgresql://user:secret@host/db")
    assert not is_server("sqlite:///x.db")


def test_a_server_that_is_away_is_told_without_its_password() -> None:
    with pytest.raises(Unavailable, match="does not answer") as told:
        database_facts("postgresql+psycopg://user:secret@127.0.0.1:9/db")
    assert "secret" not in str(told.value)


@pytest.mark.servers
def test_a_server_says_its_version_and_its_time(postgresql: Any) -> None:
    facts = database_facts(postgresql.make())
    assert facts.version[0] >= 13
    assert abs(facts.ahead_seconds) < 5
