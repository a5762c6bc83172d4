"""Names and values come through SQL as they are."""

from __future__ import annotations

import duckdb
import pytest

from pipelines.stores.sql.sql_quoting import sql_name, sql_text


@pytest.mark.parametrize("odd", ["plain", "a b", "it's", 'say "hi"', "ünï;--", ""])
def test_what_is_quoted_comes_back(odd: str) -> None:
    name = odd or "x"
    with duckdb.connect(":memory:") as connection:
        found = connection.sql(f"SELECT {sql_text(odd)} AS {sql_name(name)}")
        assert found.columns == [name]
        assert found.fetchall() == [(odd,)]
