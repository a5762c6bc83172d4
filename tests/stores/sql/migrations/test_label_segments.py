from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa


def test_no_table_changes(engine: sa.Engine, migrate: Callable[[str], None]) -> None:
    migrate("0003")
    before = {name: sa.inspect(engine).get_columns(name) for name in sa.inspect(engine).get_table_names()}
    migrate("0004")
    after = {name: sa.inspect(engine).get_columns(name) for name in sa.inspect(engine).get_table_names()}
    assert [(name, [str(one) for one in columns]) for name, columns in after.items()] == [
        (name, [str(one) for one in columns]) for name, columns in before.items()
    ]
