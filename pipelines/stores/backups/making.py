"""Makes a backup: the database as of one moment first, then the files that it speaks of.

Files are written before the database names them, and those that are named are not changed: so what the copy of the
database speaks of is there, even while everything runs on. Later files are in the copy too, and hurt nobody.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url

from pipelines.core.settings import Settings
from pipelines.stores.backups.backup_folder import (
    Manifest,
    begin_backup,
    copy_file,
    digest_of,
    files_below,
    moment_text,
    write_manifest,
)
from pipelines.stores.backups.database_copies import copy_sqlite, count_rows, dump_server, is_sqlite
from pipelines.stores.backups.server_dumps import SERVERS, dump_database, server_databases
from pipelines.stores.decisions.ledger_heads import FILE as HEAD
from pipelines.stores.decisions.ledger_heads import ledger_name, read_heads
from pipelines.stores.logbook.archive import archive_url, open_archive
from pipelines.stores.sql.database import open_database
from pipelines.stores.sql.schema import REVISIONS, ensure_schema
from pipelines.stores.sql.segment_tables import Segment, list_segments
from pipelines.stores.storage.objects import is_s3, reaching

DATABASE, HOME, ARCHIVE, DATA, HISTORY = "database", "home", "archive", "data", "history"
"""The folders of a backup."""
PASSING = frozenset({"run", "locks", "logs", "cache"})
"""Folders of home that hold nothing to be kept."""
_SQLITE = "sqlite:///"
_BESIDE = ("-wal", "-shm", "-journal")
Progress = Callable[[str], None]


def make_backup(settings: Settings, folder: Path, now: datetime, progress: Progress | None = None) -> Manifest:
    """Everything that lies in the database, in home, in the archive and in the data folder, copied to `folder`; the
    databases of MLflow's and Prefect's servers too, where their addresses are set.

    RatchetError when `folder` is not empty; Unavailable when a database or the archive does not answer.
    """
    tell = progress or (lambda _what: None)
    servers = server_databases(settings)
    begin_backup(folder)
    manifest = Manifest(moment_text(now), str(settings.home), "sqlite", REVISIONS[-1])
    tell("database")
    _copy_head(settings, folder, manifest)  # before the database: what it notes is then in the copy
    segments = _copy_database(settings, folder, manifest)
    tell("home")
    _copy_home(settings, folder, manifest)
    tell("archive")
    _copy_archive(settings, folder, segments, manifest)
    _copy_elsewhere(settings, folder, manifest)
    for name, url in servers.items():  # after the ledger: what it speaks of is there by then
        tell(f"{SERVERS[name]}'s database")
        manifest.servers[name], digests = dump_database(name, url, folder / name)
        manifest.files |= {f"{name}/{file}": digest for file, digest in digests.items()}
    manifest.left_out = list(_left_out(settings, servers))
    write_manifest(folder, manifest)
    return manifest


def _copy_head(settings: Settings, folder: Path, manifest: Manifest) -> None:
    with suppress(FileNotFoundError):
        manifest.files[f"{HOME}/{HEAD}"] = copy_file(settings.home / HEAD, folder / HOME / HEAD)
    head = read_heads(folder / HOME).get(ledger_name(settings.database))
    manifest.ledger_head = None if head is None else head.digest


def _copy_database(settings: Settings, folder: Path, manifest: Manifest) -> list[Segment]:
    """The sealed segments that the copy knows."""
    engine = open_database(settings.database)
    try:
        ensure_schema(engine)
    finally:
        engine.dispose()
    if settings.database.startswith(_SQLITE):
        path = folder / DATABASE / "ratchet.db"
        source = Path(settings.database.removeprefix(_SQLITE))
        copy_sqlite(source, path)
        copied = f"{_SQLITE}{path}"
        manifest.tables = count_rows(copied)
        segments = _segments(copied)
        for beside in _BESIDE:
            path.with_name(path.name + beside).unlink(missing_ok=True)
        manifest.files[f"{DATABASE}/ratchet.db"] = digest_of(path)
    else:
        dump = dump_server(settings.database, folder / DATABASE)
        manifest.kind, manifest.tables, manifest.partitions = "postgresql", dump.tables, dump.months
        manifest.files |= {f"{DATABASE}/{name}": digest for name, digest in dump.files.items()}
        segments = dump.segments
    manifest.segments = {one.path: one.digest for one in segments}
    return segments


def _segments(url: str) -> list[Segment]:
    engine = open_database(url)
    try:
        with engine.connect() as connection:
            return list_segments(connection)
    finally:
        engine.dispose()


def _copy_home(settings: Settings, folder: Path, manifest: Manifest) -> None:
    ours = Path(settings.database.removeprefix(_SQLITE)) if settings.database.startswith(_SQLITE) else None
    archive = Path(archive_url(settings)) if not is_s3(archive_url(settings)) else None
    for below in files_below(settings.home, PASSING):
        source, name = settings.home / below, f"{HOME}/{below.as_posix()}"
        if name in manifest.files or source == ours or below.name.endswith((*_BESIDE, ".tmp")):
            continue
        if folder in source.parents or (archive is not None and archive in source.parents):
            continue
        target = folder / HOME / below
        with suppress(FileNotFoundError):  # it went while we were copying: nothing speaks of it
            manifest.files[name] = copy_sqlite(source, target) if is_sqlite(source) else copy_file(source, target)


def _copy_archive(settings: Settings, folder: Path, segments: list[Segment], manifest: Manifest) -> None:
    archive = open_archive(settings)
    for one in segments:
        target = folder / ARCHIVE / one.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.opened(one.path) as file, reaching(archive.place().url), target.open("wb") as written:
            shutil.copyfileobj(file, written)
        manifest.files[f"{ARCHIVE}/{one.path}"] = digest_of(target)


def _copy_elsewhere(settings: Settings, folder: Path, manifest: Manifest) -> None:
    """The data folder and the history stores, where they lie outside of home."""
    if settings.data is not None and settings.home not in (settings.data, *settings.data.parents):
        found = [Path("data") / one for one in files_below(settings.data / "data")]
        for below in [*found, Path("data.dvc")]:
            with suppress(FileNotFoundError):
                name = f"{DATA}/{below.as_posix()}"
                manifest.files[name] = copy_file(settings.data / below, folder / DATA / below)
    if settings.history_root is not None and settings.home not in settings.history_root.parents:
        for below in files_below(settings.history_root):
            name = f"{HISTORY}/{below.as_posix()}"
            with suppress(FileNotFoundError):
                manifest.files[name] = copy_file(settings.history_root / below, folder / HISTORY / below)


def _left_out(settings: Settings, servers: Collection[str]) -> Iterator[str]:
    """What other machines hold, and what to do about it."""
    if "mlflow" in servers:
        yield f"MLflow's artifacts ({_place(settings.tracking_uri)}): back up the folder or bucket that they lie in"
    elif not settings.tracking_uri.startswith(f"{_SQLITE}{settings.home}"):
        where = "set RATCHET_MLFLOW_DATABASE_URL, or back it up where it lies; so its artifacts"
        yield f"MLflow's database ({_place(settings.tracking_uri)}): {where}"
    if settings.prefect_url and "prefect" not in servers:
        yield (
            f"Prefect ({settings.prefect_url}): its runs (set RATCHET_PREFECT_DATABASE_URL); its deployments are made "
            "again by the worker"
        )
    if settings.data_remote:
        yield f"the DVC remote ({settings.data_remote}): of it only the snapshots that lie here are in"


def _place(uri: str) -> str:
    """An address as a person may read it: without a password."""
    return make_url(uri).render_as_string() if "@" in uri else uri


def summary(manifest: Manifest, folder: Path) -> dict[str, object]:
    """What a command says of a backup."""
    size = sum((folder / name).stat().st_size for name in manifest.files)
    told: dict[str, object] = {
        "folder": str(folder),
        "made_at": manifest.made_at,
        "database": manifest.kind,
        "bytes": size,
    }
    told |= {"servers": {name: sum(tables.values()) for name, tables in manifest.servers.items()}}
    lists = {"tables": manifest.tables, "files": len(manifest.files), "segments": len(manifest.segments)}
    return {**told, **lists, "left_out": manifest.left_out}
