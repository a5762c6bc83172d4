"""What would break Ratchet: on this machine, and at the services and stores that the settings name elsewhere."""

from __future__ import annotations

import ctypes.util
import errno
import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pipelines.core.errors import RatchetError
from pipelines.core.settings import Settings
from pipelines.stack import addresses, processes
from pipelines.stack.far_services import far_services
from pipelines.stack.far_stores import far_stores
from pipelines.stack.findings import Finding, Level
from pipelines.stack.lineup import lineup
from pipelines.stack.versions import BREAKS, objection
from pipelines.stores.releases.ledger_verification import verify_ledger
from pipelines.stores.sql.database_facts import is_server

GIGABYTE = 1 << 30


def examine(settings: Settings) -> list[Finding]:
    """Every check's finding; none of them changes anything that lasts."""
    here = (_python, _versions, _libraries, _folders, _disk, _memory, _clock, _ledger, _ports)
    return [finding for check in (*here, far_services, far_stores) for finding in check(settings)]


def _python(settings: Settings) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == (3, 11):
        yield Finding("python", "ok", version)
    else:
        yield Finding(
            "python", "error", version, "Ratchet is built for Python 3.11: make a virtual environment with it"
        )
    if os.environ.get("PYTHONDONTWRITEBYTECODE") and not _is_compiled("mlflow"):
        advice = "unset it: imports take three times as long without compiled files"
        yield Finding("bytecode", "warning", "PYTHONDONTWRITEBYTECODE is set", advice)


def _is_compiled(package: str) -> bool:
    """Whether a package was compiled when it was installed, as an image's are."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return False
    return Path(importlib.util.cache_from_source(found.origin)).exists()


def _versions(settings: Settings) -> Iterator[Finding]:
    for package, (allowed, _) in BREAKS.items():
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(package, "error", "not installed", "run `make setup`")
            continue
        why = objection(package, version)
        if why is None:
            yield Finding(package, "ok", version)
        else:
            yield Finding(package, "error", version, f"{why}: install {package}{allowed} (`make setup` does)")


def _libraries(settings: Settings) -> Iterator[Finding]:
    # LightGBM's wheel links to the system's OpenMP; slim images come without it.
    name = "libgomp.so.1" if sys.platform == "linux" else ctypes.util.find_library("omp") or "libomp.dylib"
    try:
        ctypes.CDLL(name)
    except OSError:
        yield Finding(
            "libgomp", "error", f"{name} is missing", "install it (Debian: apt-get install libgomp1) for LightGBM"
        )
    else:
        yield Finding("libgomp", "ok", name)


def _folders(settings: Settings) -> Iterator[Finding]:
    for name, folder in {"home": settings.home, "data": settings.data_root}.items():
        nearest = next(one for one in (folder, *folder.parents) if one.exists())
        try:
            with tempfile.TemporaryFile(dir=nearest):
                yield Finding(name, "ok", str(folder))
        except OSError as error:
            # A console that keeps nothing itself has the worker's home mounted to read: nothing is wrong with that.
            meant = error.errno == errno.EROFS and is_server(settings.database)
            advice = f"make {nearest} writable or set RATCHET_{name.upper()}"
            advice = "a worker needs it writable, a console does not" if meant else advice
            yield Finding(name, "warning" if meant else "error", f"{folder}: {error.strerror}", advice)


def _disk(settings: Settings) -> Iterator[Finding]:
    nearest = next(one for one in (settings.home, *settings.home.parents) if one.exists())
    free = shutil.disk_usage(nearest).free / GIGABYTE
    level: Level = "ok" if free > 5 else "warning" if free > 1 else "error"
    yield Finding("disk", level, f"{free:.1f} GB free", "" if level == "ok" else "a run keeps its files: free 5 GB")


def _memory(settings: Settings) -> Iterator[Finding]:
    import psutil

    free = psutil.virtual_memory().available / GIGABYTE
    level: Level = "ok" if free > 2 else "warning"
    yield Finding(
        "memory", level, f"{free:.1f} GB available", "" if level == "ok" else "a training or the whole stack needs 2 GB"
    )


def _clock(settings: Settings) -> Iterator[Finding]:
    """A clock behind the files that it has stamped has been set back: leases and schedules would misbehave."""
    run = addresses.run_folder(settings)
    newest = max((file.stat().st_mtime for file in run.glob("*.json")), default=0.0) if run.is_dir() else 0.0
    behind = max(newest, Path(__file__).stat().st_mtime) - time.time()
    if behind > 60 or time.time() < 1_700_000_000:
        yield Finding(
            "clock",
            "error",
            f"{behind:.0f} s behind its own files",
            "set the clock (NTP): schedules and leases need it",
        )
    else:
        yield Finding("clock", "ok", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))


def _ledger(settings: Settings) -> Iterator[Finding]:
    try:
        found = verify_ledger(settings, with_registry=False)
    except RatchetError as error:
        yield Finding("ledger", "error", f"cannot be read: {error}", "check RATCHET_DATABASE_URL and the verify key")
        return
    if found.intact:
        yield Finding("ledger", "ok", f"{found.entries} entries, as they were recorded")
    else:
        first = found.breaks[0]
        where = "" if first.entry is None else f"entry {first.entry}: "
        yield Finding("ledger", "error", f"{where}{first.what}", "see `ratchet ledger --verify`, then a backup")


def _ports(settings: Settings) -> Iterator[Finding]:
    for member in lineup(settings):
        record = addresses.read_record(settings, member.name)
        if processes.find(record) is not None and record is not None:
            yield Finding(f"port of {member.name}", "ok", f"{record.port or 'none'}, running as {record.pid}")
        elif member.port and not addresses.is_free(settings.host, member.port):
            variable = "SERVICE" if member.name == "prediction" else member.name.upper()
            advice = f"`ratchet up` will take a free one; set RATCHET_{variable}_PORT to choose"
            yield Finding(f"port of {member.name}", "warning", f"{member.port} is in use by another program", advice)
        elif member.port:
            yield Finding(f"port of {member.name}", "ok", f"{member.port} is free")
