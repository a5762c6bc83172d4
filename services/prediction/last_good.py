"""The service's own copies of releases: it starts with MLflow down, and goes back to an earlier one at once.

Each release has a folder of its own under `serving/PROBLEM/` that is never changed once it is there, so that several
processes share them; `registered.json` beside them names the one that was last served.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from pipelines.core.errors import ModelFileError, NotFound
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import MANIFEST, verify
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST, ReleaseInfo
from pipelines.stores.storage.files import digest_file, read_json, write_json

_INFO = "registered.json"
_BUNDLE = "bundle"
_KEPT = 4  # releases: the champion, the one before it, a challenger, and one that may be on its way out


def find_copy(settings: Settings, problem: str) -> tuple[ReleaseInfo, Path] | None:
    """The release that was last served for a problem and the folder of its bundle, if there is one."""
    try:
        content = read_json(settings.last_good(problem) / _INFO)
        info = ReleaseInfo(**content | {"aliases": tuple(content["aliases"])})
    except (NotFound, KeyError, TypeError):  # none, or one of another version of Ratchet: the registry has it too
        return None
    folder = shelved(settings, info)
    return None if folder is None else (info, folder)


def copies(settings: Settings) -> list[str]:
    """The problems of which there is a copy."""
    shelf = settings.last_good("any").parent
    if not shelf.is_dir():
        return []
    return sorted(entry.parent.name for entry in shelf.glob(f"*/{_INFO}") if entry.parent.name[0] != ".")


def shelved(settings: Settings, info: ReleaseInfo) -> Path | None:
    """The bundle of a release if it was fetched before; whoever opens it verifies it."""
    folder = _place(settings, info) / _BUNDLE
    return folder if folder.is_dir() else None


def forget_copy(settings: Settings, problem: str) -> None:
    """No copy any more: a release that was withdrawn must not come back with the next start."""
    (settings.last_good(problem) / _INFO).unlink(missing_ok=True)


@contextmanager
def incoming(settings: Settings, problem: str) -> Iterator[Path]:
    """A folder beside the copies to fetch a bundle into; gone afterwards unless `shelve` took it."""
    shelf = settings.last_good(problem)
    shelf.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=shelf, prefix=f".{os.getpid()}."))
    try:
        yield folder / _BUNDLE
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def shelve(settings: Settings, info: ReleaseInfo, bundle: Path) -> Path:
    """The place of a bundle from an `incoming` folder among the copies; a damaged one that is there steps aside.

    Of several processes that fetched the same release the first one's stays: another may be reading it, and would
    find files missing, and refuse a good release, if it were moved away for a moment.
    """
    place = _place(settings, info)
    with _turn(settings, info.problem):
        if _holds(place / _BUNDLE, bundle):
            return place / _BUNDLE
        if place.exists():
            aside = bundle.parent / "aside"  # goes with the incoming folder
            place.rename(aside)
        place.mkdir()
        bundle.rename(place / _BUNDLE)
    return place / _BUNDLE


def keep_copy(settings: Settings, info: ReleaseInfo) -> None:
    """Note a release that is shelved as the last good one, and clear away those that nobody goes back to."""
    shelf = settings.last_good(info.problem)
    with _turn(settings, info.problem):
        write_json(shelf / _INFO, dataclasses.asdict(info))
        place = _place(settings, info)
        os.utime(place)
        others = [one for one in shelf.iterdir() if one.is_dir() and one.name[0] != "." and one != place]
        for old in sorted(others, key=lambda one: one.stat().st_mtime)[: -(_KEPT - 1)]:
            shutil.rmtree(old, ignore_errors=True)


def _holds(copy: Path, bundle: Path) -> bool:
    """Whether a copy is there that holds what the bundle does, every file whole."""
    try:
        verify(copy, digest_file(bundle / MANIFEST))
    except (ModelFileError, OSError):
        return False
    return True


def _place(settings: Settings, info: ReleaseInfo) -> Path:
    """Named by what it holds too: after a fresh start a version number can come again for another model."""
    known = info.tags.get(MANIFEST_DIGEST) or info.run_id or "unnamed"
    safe = "".join(sign for sign in known if sign.isalnum())[:16]
    return settings.last_good(info.problem) / f"{info.version}-{safe}"


@contextmanager
def _turn(settings: Settings, problem: str) -> Iterator[None]:
    """One process at a time moves folders."""
    shelf = settings.last_good(problem)
    shelf.mkdir(parents=True, exist_ok=True)
    with FileLock(shelf / ".lock"):
        yield
