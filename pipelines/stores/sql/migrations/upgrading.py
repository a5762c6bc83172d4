"""Brings a database from the revision that it is of to the newest, on the connection that it is given.

What takes long is prepared before: a revision with a function `prepare` does it beside the tables in use.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from importlib import import_module
from pathlib import Path

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pipelines.stores.sql.migrations import versions

_log = logging.getLogger("ratchet.database")


def revisions() -> list[str]:
    """Every revision, the oldest first."""
    return [one.revision for one in _script().walk_revisions()][::-1]


def prepare(engine: sa.Engine, steps: Collection[str]) -> None:
    """Do beforehand what these revisions let be done while services go on; killed and run again it goes on."""
    for one in reversed(list(_script().walk_revisions())):
        if one.revision in steps and hasattr(one.module, "prepare"):
            # The module itself: Alembic's is another one each time that it reads the file.
            import_module(f"{versions.__name__}.{Path(one.path).stem}").prepare(engine)


def upgrade(connection: sa.Connection, version_table: str, to: str = "head") -> None:
    """Run what the database lacks, in the transaction of `connection`: all of it is kept, or none."""
    script = _script()
    options = {"version_table": version_table, "fn": lambda found, _context: script._upgrade_revs(to, found)}
    context = MigrationContext.configure(connection, opts=options)
    _log.info("the database is brought up to date from revision %s", context.get_current_revision() or "none")
    with Operations.context(context):
        context.run_migrations()


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent))
