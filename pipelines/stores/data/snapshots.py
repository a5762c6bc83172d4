"""Snapshots: immutable, content-addressed tables under `data/`, kept by DVC. The only door to DVC."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import tempfile
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
from pipelines.stores.data.snapshot_marks import open_marks, remote_url
from pipelines.stores.data.tables import write_parquet
from pipelines.stores.storage.files import read_json
from pipelines.stores.storage.objects import CONNECT_SECONDS, READ_SECONDS, is_s3, reaching

_PATIENCE = 300.0  # seconds that one ingest waits for another's DVC call
_OURS = "local"  # DVC's name of the folder in home that is the remote where none is set


@dataclass(frozen=True)
class Snapshot:
    """One version of a problem's table: `id` is the SHA-256 of its content, whatever file holds it."""

    id: str
    path: Path
    rows: int


def store(frame: pd.DataFrame, problem: str, settings: Settings, identity: str | None = None) -> Snapshot:
    """The snapshot of a table: written once, tracked in `data.dvc`, pushed to the remote.

    The same content gives the same snapshot; `identity` is its content digest where the caller has it.
    Unavailable when DVC or its remote fails, Busy when another process holds DVC too long.
    """
    identity = identity or content_digest(frame)
    path = snapshot_path(identity, problem, settings)
    marks = open_marks(settings)
    with _lock(settings):
        if not path.exists():
            write_parquet(frame, path)
        tracked = _tracked_md5(path, settings.data_root)
        if tracked is None or marks.md5(problem, identity) != tracked:
            with _repository(settings) as repository:
                if tracked is None:
                    repository.add(str(settings.data_root / "data"))
                _push(repository, settings)
            # Last, so that a kill before it makes the next attempt push again.
            marks.put(problem, identity, _tracked_md5(path, settings.data_root) or "")
    return Snapshot(identity, path, len(frame))


def restore(identity: str, problem: str, settings: Settings) -> Path:
    """The file of a snapshot, fetched from DVC's cache or remote if gone; NotFound when neither has it.

    The remote also serves a machine whose `data.dvc` has never tracked the snapshot: one where nothing was ingested.
    """
    path, url = snapshot_path(identity, problem, settings), remote_url(settings)
    if path.exists():
        return path
    with _lock(settings):
        if (settings.data_root / "data.dvc").exists():
            with _repository(settings) as repository, contextlib.suppress(FileNotFoundError), reaching(url):
                repository.pull(targets=[str(path)], force=False, remote=_remote(settings))
        if not path.exists() and (md5 := open_marks(settings).md5(problem, identity)) is not None:
            _fetch(md5, path, settings)
    if not path.exists():
        raise NotFound(
            f"snapshot {identity[:16]} of {problem!r} is neither at {path} nor in DVC: "
            f"check out the data.dvc that tracks it, or run `ratchet train {problem}` for a new one"
        )
    return path


def _push(repository: Any, settings: Settings) -> None:
    url = remote_url(settings)
    try:
        with reaching(url):
            repository.push(remote=_remote(settings))
    except FileNotFoundError as error:
        raise Unavailable(f"snapshots cannot be pushed to {url}: {error}; make the bucket first") from error


def _fetch(md5: str, path: Path, settings: Settings) -> None:
    """The file with this MD5 from DVC's remote."""
    with _repository(settings) as repository:
        from dvc_data.hashfile.hash_info import HashInfo

        with reaching(remote_url(settings)):
            repository.cloud.pull([HashInfo("md5", md5)], remote=_remote(settings))
        kept = Path(repository.cache.local.oid_to_path(md5))
        if kept.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=path.parent) as folder:
                shutil.copyfile(kept, Path(folder) / path.name)
                (Path(folder) / path.name).replace(path)


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


def _tracked_md5(path: Path, root: Path) -> str | None:
    """The MD5 of a file in the folder that `data.dvc` names: DVC lists a folder in a JSON file. None: not tracked."""
    pointer = root / "data.dvc"
    if not pointer.exists():
        return None
    lines = (line.split() for line in pointer.read_text().splitlines())
    md5 = next((words[-1] for words in lines if words[:1] == ["-"] and words[-1].endswith(".dir")), "")
    try:
        listed = read_json(root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:])
    except (NotFound, IsADirectoryError):
        return None
    relative = path.relative_to(root / "data").as_posix()
    return next((str(entry["md5"]) for entry in listed if entry.get("relpath") == relative), None)


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
    """The DVC repository at the data root, made on first use, with the settings' remote."""
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
                _set_remote(repository, settings)
                yield repository
    except LockError as error:
        raise Busy(f"DVC is busy in {root}: try again when the other dvc command has ended") from error
    except DvcException as error:
        raise Unavailable(f"DVC failed in {root}: {error}; `ratchet doctor` checks the data folder") from error


def _remote(settings: Settings) -> str | None:
    """DVC's name of the settings' remote; None: the repository's own default."""
    return "ratchet" if settings.data_remote else None


def _set_remote(repository: Any, settings: Settings) -> None:
    """Write the remote into `.dvc/config.local`, which git does not see, so that `dvc pull` by hand finds it too."""
    known = repository.config["core"].get("remote")
    if settings.data_remote is None and known:
        return  # the repository's own
    name = _remote(settings) or _OURS
    wanted: dict[str, Any] = {"url": remote_url(settings)}
    if is_s3(remote_url(settings)):
        # A file that arrives damaged must not enter the cache: from afar DVC trusts names unless told to look.
        wanted |= {"verify": True, "connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
        wanted |= {"endpointurl": settings.s3_endpoint} if settings.s3_endpoint else {}
    default = name if known in (None, _OURS) else known
    if repository.config["remote"].get(name) != wanted or known != default:
        with repository.config.edit("local") as changes:
            changes["remote"][name] = wanted
            changes["core"]["remote"] = default
