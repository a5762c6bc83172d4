"""Makes a home and a database from a backup, and checks that they are what was backed up."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from pipelines.core.errors import RatchetError, SourceError
from pipelines.core.settings import Settings
from pipelines.stores.backups.backup_folder import Manifest, check_files, copy_file, files_below, read_manifest
from pipelines.stores.backups.database_copies import count_rows, load_server
from pipelines.stores.backups.making import ARCHIVE, DATA, DATABASE, HISTORY, HOME, PASSING, Progress
from pipelines.stores.backups.server_dumps import SERVERS, load_database, require_new, server_databases
from pipelines.stores.logbook.archive import archive_url
from pipelines.stores.logbook.log_sealing import verify_segments
from pipelines.stores.releases.ledger_verification import verify_ledger
from pipelines.stores.storage.files import write_atomic
from pipelines.stores.storage.objects import is_s3, open_objects, reaching

_SQLITE = "sqlite:///"
_PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "model_versions": ("source", "storage_location"),
    "logged_models": ("artifact_location",),
}
"""Where MLflow's database names folders of home."""


@dataclass
class Restored:
    """What was made, and what of it was checked."""

    made_at: str
    tables: dict[str, int]
    files: int
    ledger_entries: int
    segments: int
    remarks: list[str] = field(default_factory=list)
    servers: dict[str, int] = field(default_factory=dict)
    """Rows of the databases of servers, by their names."""


def restore_backup(
    settings: Settings, folder: Path, progress: Progress | None = None, without: Collection[str] = ()
) -> Restored:
    """Restore a backup into an empty home and empty databases, and compare; `without` names servers whose databases are
    left alone.

    RatchetError where there is anything in them, SourceError when the backup is damaged or what was made differs.
    """
    tell = progress or (lambda _what: None)
    manifest = read_manifest(folder)
    kind = "sqlite" if settings.database.startswith(_SQLITE) else "postgresql"
    if kind != manifest.kind:
        raise RatchetError(f"the backup is of {manifest.kind}, RATCHET_DATABASE_URL is of {kind}: they must be alike")
    servers = _servers(settings, manifest, without)
    _require_empty(settings)
    for name, url in servers.items():
        require_new(name, url)
    tell("checking the backup")
    check_files(folder, manifest)
    tell("files")
    _put_files(settings, folder, manifest)
    tell("database")
    if kind == "sqlite":
        copy_file(folder / DATABASE / "ratchet.db", Path(settings.database.removeprefix(_SQLITE)))
    else:
        load_server(settings.database, folder / DATABASE, manifest.revision, manifest.partitions)
    wrong: list[str] = []
    for name, url in servers.items():
        tell(f"{SERVERS[name]}'s database")
        made = load_database(name, url, folder / name)
        wrong += _differences(made, manifest.servers[name], f"{SERVERS[name]}'s ")
    _move_places(settings, manifest)
    tell("comparing")
    return _compared(settings, manifest, wrong, [name for name in manifest.servers if name not in servers])


def _servers(settings: Settings, manifest: Manifest, without: Collection[str]) -> dict[str, str]:
    """Where the databases of servers go that are in the backup."""
    known = server_databases(settings)
    for name in manifest.servers:
        if name not in known and name not in without:
            raise RatchetError(
                f"{SERVERS[name]}'s database is in the backup: say where it goes "
                f"(RATCHET_{name.upper()}_DATABASE_URL), or leave it out (--without {name})"
            )
    return {name: known[name] for name in manifest.servers if name not in without}


def _require_empty(settings: Settings) -> None:
    found = next(iter(files_below(settings.home, PASSING)), None) if settings.home.exists() else None
    if found is not None:
        raise RatchetError(f"{settings.home} is not empty ({found}): restore into a new RATCHET_HOME")
    if settings.database.startswith(_SQLITE) and Path(settings.database.removeprefix(_SQLITE)).exists():
        raise RatchetError(f"{settings.database} exists: restore into a new RATCHET_DATABASE_URL")


def _put_files(settings: Settings, folder: Path, manifest: Manifest) -> None:
    roots = {HOME: settings.home, DATA: settings.data_root, HISTORY: settings.history_root or settings.home / "history"}
    for name in manifest.files:
        top, _, below = name.partition("/")
        if top in roots:
            copy_file(folder / name, roots[top] / below)
    place = open_objects(settings, archive_url(settings))
    for path in manifest.segments:
        content = (folder / ARCHIVE / path).read_bytes()
        with reaching(place.url):
            if is_s3(place.url):
                place.filesystem.pipe_file(place.path(path), content)
            else:
                write_atomic(Path(place.path(path)), content)
    # It names the old home's remote; it is written anew when it is needed.
    (settings.data_root / ".dvc" / "config.local").unlink(missing_ok=True)
    shutil.rmtree(settings.data_root / ".dvc" / "tmp", ignore_errors=True)


def _move_places(settings: Settings, manifest: Manifest) -> None:
    """Tell MLflow's database in home where home is now: it names folders from the root on."""
    uri = settings.tracking_uri
    if manifest.home == str(settings.home) or not uri.startswith(_SQLITE):
        return
    path = Path(uri.removeprefix(_SQLITE))
    if not path.exists():
        return
    old, new = f"file://{quote(manifest.home)}/", f"file://{quote(str(settings.home))}/"
    with closing(sqlite3.connect(path)) as connection, connection:
        known = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table, columns in _PLACES.items():
            for column in columns if table in known else ():
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, len(old), old),
                )


def _differences(made: Mapping[str, int], told: Mapping[str, int], whose: str = "") -> list[str]:
    return [
        f"{whose}{name} has {made.get(name)} rows, not {rows}" for name, rows in told.items() if made.get(name) != rows
    ]


def _compared(settings: Settings, manifest: Manifest, wrong: list[str], without: Sequence[str]) -> Restored:
    tables = count_rows(settings.database)
    wrong = [*wrong, *_differences(tables, manifest.tables)]
    checked = verify_ledger(settings, with_registry=settings.tracking_uri.startswith(_SQLITE))
    wrong += [f"ledger: {one.what}" for one in checked.breaks]
    wrong += verify_segments(settings)
    if wrong:
        raise SourceError(f"what was restored is not what was backed up: {'; '.join(wrong[:5])}")
    remarks = [*checked.remarks, *(f"{SERVERS[name]}'s database is in the backup and was left out" for name in without)]
    remarks += [f"not in the backup: {one}" for one in manifest.left_out]
    counted = (checked.entries, len(manifest.segments))
    servers = {name: sum(rows.values()) for name, rows in manifest.servers.items() if name not in without}
    return Restored(manifest.made_at, tables, len(manifest.files), *counted, remarks, servers)
