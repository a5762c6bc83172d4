"""A backup as a folder: the files of it, and `manifest.json`, which names every one of them with its digest.

The manifest is written last: a folder without one is no backup.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pipelines.core.errors import NotFound, RatchetError, SourceError
from pipelines.stores.storage.files import read_json, write_json

MANIFEST = "manifest.json"
FORMAT = 2
_READ = (1, 2)  # formats: since 2 there may be databases of servers
_CHUNK = 1 << 20


@dataclass
class Manifest:
    """What a backup holds and what it was made of."""

    made_at: str
    home: str
    """The home that it was made of: what names paths in it is told the new one."""
    kind: Literal["sqlite", "postgresql"]
    revision: str
    tables: dict[str, int] = field(default_factory=dict)
    """Rows of each table of the database."""
    partitions: list[str] = field(default_factory=list)
    """The months (their first days) that had a partition."""
    ledger_head: str | None = None
    segments: dict[str, str] = field(default_factory=dict)
    """Digests of the log's sealed segments, by their path."""
    files: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file, by its path in the backup."""
    servers: dict[str, dict[str, int]] = field(default_factory=dict)
    """Of MLflow's and Prefect's servers, where their databases are in it: the rows of each table."""
    left_out: list[str] = field(default_factory=list)
    """What lies elsewhere and is not in it."""
    format: int = FORMAT


def begin_backup(folder: Path) -> None:
    """Make the folder, readable by its owner alone; RatchetError where there is something in it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RatchetError(f"{folder} is not empty: give a backup a folder of its own, one for each")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """End a backup: from now on it is one."""
    write_json(folder / MANIFEST, asdict(manifest))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup; NotFound where there is none, SourceError when it is of another format."""
    try:
        found: dict[str, Any] = read_json(folder / MANIFEST)
    except NotFound as error:
        raise NotFound(f"{folder} holds no whole backup: {error}") from error
    if found.get("format") not in _READ:
        raise SourceError(
            f"{folder} is a backup of format {found.get('format')}, this code reads {FORMAT}: update Ratchet"
        )
    return Manifest(**found)


def check_files(folder: Path, manifest: Manifest) -> None:
    """SourceError names the first file that is missing or not what was written."""
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise SourceError(f"{path} is missing: the backup is not whole, take another one")
        if digest_of(path) != digest:
            raise SourceError(f"{path} is not what was backed up: take another backup")


def copy_file(source: Path, target: Path) -> str:
    """The file's digest, once it is copied; modes and times go with it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as written:
        while chunk := read.read(_CHUNK):
            digest.update(chunk)
            written.write(chunk)
    shutil.copystat(source, target)
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(folder: Path, without: frozenset[str] = frozenset()) -> Iterator[Path]:
    """The regular files in a folder, as paths below it; top folders named in `without` are left out."""
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        if below.parts[0] not in without and path.is_file():
            yield below


def moment_text(moment: datetime) -> str:
    """A moment as the manifest has it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")
