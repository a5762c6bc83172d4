"""Files that are either there in full or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from pipelines.core.errors import NotFound


def write_atomic(path: Path, content: bytes) -> None:
    """`content` at `path`, durable: a reader or a crash sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_json(path: Path, content: Any) -> None:
    """`content` as indented JSON, keys in the order given; NaN and infinity are refused: they are no JSON."""
    text = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
    write_atomic(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """What `write_json` wrote; NotFound when there is no such file or it is no JSON."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise NotFound(f"{path} does not exist") from None
    except ValueError as error:
        raise NotFound(f"{path} holds no readable JSON ({error}): remove it and run the step again") from error


def replace_folder(made: Path, final: Path) -> None:
    """`final` holds what `made` held; both lie on one disk. A kill in between leaves none, never a part.

    Two renames, since a folder that is not empty cannot be replaced in one: the old one steps aside first.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
        aside = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.old."))
        final.rename(aside / final.name)
        made.rename(final)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        made.rename(final)
    _sync_folder(final.parent)


def unpack(archive: tarfile.TarFile, into: Path) -> None:
    """Take a tar archive of ours apart: from Python 3.11.4 on as plain data alone, before as it is."""
    archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
    archive.extractall(into)


def digest_file(path: Path) -> str:
    """SHA-256 of the file's bytes, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    """The rename itself survives a power cut only when the folder is synced too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
