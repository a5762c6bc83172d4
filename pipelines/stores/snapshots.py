"""Snapshots: immutable, content-addressed tables under `data/`, kept by DVC. The only door to DVC."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from filelock import FileLock, Timeout

from pipelines.core.errors import Busy, NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.files import read_json
from pipelines.stores.tables import write_parquet

_PATIENCE = 300.0  # seconds that one ingest waits for another's DVC call


@dataclass(frozen=True)
class Snapshot:
    """One version of a problem's table: `id` is the SHA-256 of its content, whatever file holds it."""

    id: str
    path: Path
    rows: int


def store(frame: pd.DataFrame, problem: str, settings: Settings, identity: str | None = None) -> Snapshot:
    """The snapshot of a table: written once, tracked in `data.dvc`, pushed to DVC's default remote.

    The same content gives the same snapshot; `identity` is its content digest where the caller has it.
    Unavailable when DVC or its remote fails, Busy when another process holds DVC too long.
    """
    identity = identity or content_digest(frame)
    path = snapshot_path(identity, problem, settings)
    with _lock(settings):
        if not path.exists():
            write_parquet(frame, path)
        if not _is_tracked(path, settings.data_root):
            with _repository(settings) as repository:
                repository.add(str(settings.data_root / "data"))
                repository.push()
    return Snapshot(identity, path, len(frame))


def restore(identity: str, problem: str, settings: Settings) -> Path:
    """The file of a snapshot, fetched from DVC's cache or remote if gone; NotFound when DVC has none."""
    path = snapshot_path(identity, problem, settings)
    if path.exists():
        return path
    with _lock(settings):
        if (settings.data_root / "data.dvc").exists():
            with _repository(settings) as repository, contextlib.suppress(FileNotFoundError):
                repository.pull(targets=[str(path)], force=False)
    if not path.exists():
        raise NotFound(
            f"snapshot {identity[:16]} of {problem!r} is neither at {path} nor in DVC: "
            f"check out the data.dvc that tracks it, or run `ratchet train {problem}` for a new one"
        )
    return path


def snapshot_path(identity: str, problem: str, settings: Settings) -> Path:
    """Where a snapshot's file is: data/<problem>/<the first 16 digits>.parquet."""
    return settings.data_root / "data" / problem / f"{identity[:16]}.parquet"


def content_digest(frame: pd.DataFrame) -> str:
    """SHA-256 over the columns' names, kinds and values in order: independent of file format and versions."""
    digest = hashlib.sha256(f"ratchet snapshot 1, {len(frame)} rows".encode())
    for name in frame.columns:
        values = frame[name].to_numpy()
        if values.dtype == object:
            array = pa.array(values, from_pandas=True)
            texts = array if pa.types.is_string(array.type) else array.cast(pa.string())
            texts = texts.cast(pa.large_string())
            kind = "bool" if pa.types.is_boolean(array.type) else "text"
            lengths = np.diff(np.frombuffer(texts.buffers()[1], dtype=np.int64)[: len(texts) + 1])
            parts = [pd.isna(values).tobytes(), lengths.tobytes(), bytes(texts.buffers()[2] or b"")]
        else:
            kind = {"b": "bool", "M": "datetime"}.get(values.dtype.kind, "number")
            if kind == "datetime":
                values = values.astype("datetime64[us]").astype(np.int64)
            elif values.dtype.kind == "f":
                values = np.where(np.isnan(values), np.nan, values) + 0.0  # one NaN, one zero
            parts = [np.ascontiguousarray(values).tobytes()]
        digest.update(f"\0{name}\0{kind}\0{len(parts)}\0".encode())
        for part in parts:
            digest.update(part)
    return digest.hexdigest()


def _is_tracked(path: Path, root: Path) -> bool:
    """Whether the folder that `data.dvc` names has the file already: DVC lists a folder in a JSON file."""
    pointer = root / "data.dvc"
    if not pointer.exists():
        return False
    lines = (line.split() for line in pointer.read_text().splitlines())
    md5 = next((words[-1] for words in lines if words[:1] == ["-"] and words[-1].endswith(".dir")), "")
    try:
        listed = read_json(root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:])
    except (NotFound, IsADirectoryError):
        return False
    relative = path.relative_to(root / "data").as_posix()
    return any(entry.get("relpath") == relative for entry in listed)


@contextlib.contextmanager
def _lock(settings: Settings) -> Iterator[None]:
    """One DVC call at a time: DVC has one lock for a repository and fails at once when it is taken."""
    name = hashlib.sha256(str(settings.data_root).encode()).hexdigest()[:16]
    folder = settings.home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / f"snapshots-{name}.lock", timeout=_PATIENCE):
            yield
    except Timeout as error:
        raise Busy(f"another process has been storing a snapshot in {settings.data_root} for long") from error


@contextlib.contextmanager
def _repository(settings: Settings) -> Iterator[Any]:
    """The DVC repository at the data root, made on first use with a local folder as its default remote."""
    os.environ.setdefault("DVC_NO_ANALYTICS", "1")
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.ERROR)
    root = settings.data_root
    try:
        # DVC 3.67 calls what its own dependency pygtrie has deprecated.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            if not (root / ".dvc").is_dir():
                root.mkdir(parents=True, exist_ok=True)
                Repo.init(str(root), no_scm=not (root / ".git").exists()).close()
            with contextlib.closing(Repo(str(root))) as repository:
                if not repository.config["core"].get("remote"):
                    with repository.config.edit("local") as changes:
                        changes["remote"] = {"local": {"url": str(settings.home / "remote")}}
                        changes["core"]["remote"] = "local"
                yield repository
    except LockError as error:
        raise Busy(f"DVC is busy in {root}: try again when the other dvc command has ended") from error
    except DvcException as error:
        raise Unavailable(f"DVC failed in {root}: {error}; `ratchet doctor` checks the data folder") from error
