"""`ratchet db`: whether the database's tables are those that this code knows, and bringing them up to date."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.arguments import Json
from pipelines.commands.output import remark, write_result
from pipelines.commands.wiring import read_settings
from pipelines.core.errors import Unavailable

if TYPE_CHECKING:
    from pipelines.stores.sql.schema import SchemaState

database = typer.Typer(
    help="The database of the prediction log, the ledger and all else: its revision. Each command takes --json.",
    no_args_is_help=True,
)
Wait = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Wait so long for the database to answer.")]
_PAUSE = 1.0


@database.command("upgrade")
def upgrade(wait: Wait = 0, json: Json = False) -> None:
    """Make the tables, or bring them up to date: all of it or nothing. Stop nothing; run it before the new code.

    What takes long is prepared in batches beside the tables in use; killed meanwhile, it goes on from there when it is
    run again.
    """
    from pipelines.stores.sql.schema import upgrade_schema

    url = read_settings().database
    found = _patiently(lambda: upgrade_schema(url), wait)

    def show() -> None:
        if found.state == "current":
            remark(f"the database is up to date: revision {found.wanted}")
        elif found.state == "empty":
            remark(f"the database was empty: its tables are made, revision {found.wanted}")
        else:
            remark(f"the database is brought up to date: from {found.found or 'no revision'} to {found.wanted}")

    write_result({"done": found.state != "current", "before": found.found, "revision": found.wanted}, json, show)


@database.command("status")
def status(wait: Wait = 0, json: Json = False) -> None:
    """Tell the database's revision; ends with 1 unless it is the one that this code needs."""
    from pipelines.stores.sql.schema import schema_state

    url = read_settings().database
    found = _patiently(lambda: schema_state(url), wait)
    words = {
        "current": "the database is up to date",
        "empty": "the database has no tables yet: they are made on first use, or by `ratchet db upgrade`",
        "behind": "the database is behind this code: run `ratchet db upgrade`",
        "ahead": "the database is newer than this code: update Ratchet",
    }
    told = f"{words[found.state]} (revision {found.found or 'none'}, needed {found.wanted})"
    write_result(asdict(found), json, lambda: remark(told))
    if found.state != "current":
        raise typer.Exit(1)


def _patiently(act: Callable[[], SchemaState], wait: float) -> SchemaState:
    """What `act` gives, tried until the database answers or the time is over."""
    deadline = time.monotonic() + wait
    while True:
        try:
            return act()
        except Unavailable:
            if time.monotonic() + _PAUSE > deadline:
                raise
            time.sleep(_PAUSE)
