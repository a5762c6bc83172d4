"""`ratchet backup` and `ratchet restore`: a copy of everything, and everything from a copy."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.arguments import Json, now
from pipelines.commands.output import remark, write_result
from pipelines.commands.wiring import prepare_tools, read_settings


def backup(
    folder: Annotated[Path, typer.Argument(metavar="TO", help="A folder that is empty or not there yet.")],
    json: Json = False,
) -> None:
    """Copy the database, home, the data and the sealed log to a folder, while everything runs on.

    MLflow's and Prefect's databases on PostgreSQL go along where RATCHET_MLFLOW_DATABASE_URL and
    RATCHET_PREFECT_DATABASE_URL name them. The copy is of one moment, and every file of it has its digest in
    `manifest.json`.
    """
    settings = read_settings()
    from pipelines.stores.backups.making import make_backup, summary
    from pipelines.stores.backups.server_dumps import SERVERS

    folder = folder.expanduser().absolute()
    made = make_backup(settings, folder, now(), lambda what: remark(f"copying: {what}"))
    told = summary(made, folder)

    def show() -> None:
        rows = sum(made.tables.values())
        remark(f"{folder}: {rows:,} rows, {len(made.files):,} files, {int(str(told['bytes'])) / 1e6:,.1f} MB")
        for name, tables in made.servers.items():
            remark(f"{SERVERS[name]}'s database: {sum(tables.values()):,} rows in {len(tables)} tables")
        for one in made.left_out:
            remark(f"not in it: {one}")

    write_result(told, json, show)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="FROM", help="A folder that `ratchet backup` made.")],
    without: Annotated[
        list[str] | None, typer.Option(metavar="SERVER", help="Leave this server's database out: mlflow or prefect.")
    ] = None,
    json: Json = False,
) -> None:
    """Make home and database from a backup, where both are empty, and check that they are what was backed up.

    MLflow's and Prefect's databases too, where they are in it: before these servers are started for the first time.
    """
    settings = read_settings()
    prepare_tools(settings, with_server=False)
    from pipelines.stores.backups.restoring import restore_backup
    from pipelines.stores.backups.server_dumps import SERVERS

    left = [one.lower() for one in without or ()]
    if unknown := [one for one in left if one not in SERVERS]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(SERVERS)}", param_hint="--without")
    made = restore_backup(settings, folder.expanduser().absolute(), lambda what: remark(f"restoring: {what}"), left)

    def show() -> None:
        remark(
            f"restored what was backed up at {made.made_at}: {sum(made.tables.values()):,} rows, {made.files:,} files, "
            f"{made.segments} sealed segments; the ledger is intact ({made.ledger_entries} entries)"
        )
        for name, rows in made.servers.items():
            remark(f"{SERVERS[name]}'s database: {rows:,} rows")
        for one in made.remarks:
            remark(one)

    write_result(asdict(made), json, show)
