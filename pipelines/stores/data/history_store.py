"""The history store: a HistoryIndex on disk, replaced as a whole while services read it.

`current.json` names the file in force; it is replaced atomically, and the file before it is kept for readers that are
just opening it.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np

from pipelines.core.errors import ModelFileError, NotFound
from pipelines.core.history import HistoryIndex
from pipelines.stores.storage.files import read_json, write_atomic, write_json

POINTER = "current.json"


def save(index: HistoryIndex, folder: Path, as_of: datetime) -> Path:
    """Write the index as the one in force in `folder`, known up to `as_of` (with time zone); the file's path."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **index.to_arrays())
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"history-{digest[:16]}.npz"
    before = _pointed_at(folder)
    write_atomic(path, content)
    write_json(folder / POINTER, {"file": path.name, "sha256": digest, "as_of": as_of.isoformat()})
    for other in folder.glob("history-*.npz"):
        if other.name not in (path.name, before):
            other.unlink(missing_ok=True)
    return path


def load_current(folder: Path) -> tuple[HistoryIndex, datetime] | None:
    """The index in force and up to when it knows; None when there is none.

    ModelFileError when the file is missing or damaged: nothing of it is used.
    """
    if not (folder / POINTER).exists():
        return None
    try:
        pointer = read_json(folder / POINTER)
        with (folder / pointer["file"]).open("rb") as file:  # held open: what is verified is what is read
            if hashlib.file_digest(file, "sha256").hexdigest() != pointer["sha256"]:
                raise ModelFileError(f"{folder / pointer['file']} is damaged: materialise the history again")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                index = HistoryIndex.from_arrays(arrays)  # reads one array after another, each once
        return index, datetime.fromisoformat(pointer["as_of"])
    except (NotFound, OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"the history in {folder} cannot be read ({error}): materialise it again") from error


def known_until(folder: Path) -> datetime | None:
    """Up to when the history in force knows, without opening it; None where there is none that can be read."""
    try:
        return datetime.fromisoformat(read_json(folder / POINTER)["as_of"])
    except (NotFound, OSError, KeyError, TypeError, ValueError):  # what is wrong with it is for those who read it
        return None


def _pointed_at(folder: Path) -> str | None:
    try:
        return str(read_json(folder / POINTER)["file"])
    except (NotFound, KeyError, TypeError):  # there was none, or it is being mended by this very save
        return None
