"""The service's own copy of the release it serves, so that it starts with MLflow down."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.core.errors import NotFound
from pipelines.core.settings import Settings
from pipelines.stores.files import read_json, replace_folder, write_json
from pipelines.stores.release_info import ReleaseInfo

_INFO = "registered.json"
_BUNDLE = "bundle"


def find_copy(settings: Settings, problem: str) -> tuple[ReleaseInfo, Path] | None:
    """The release that was last served for a problem and the folder of its bundle, if there is one."""
    folder = settings.last_good(problem)
    try:
        content = read_json(folder / _INFO)
        info = ReleaseInfo(**content | {"aliases": tuple(content["aliases"])})
    except (
        NotFound,
        KeyError,
        TypeError,
    ):  # none, or one of another version of Ratchet: the registry has it too
        return None
    return info, folder / _BUNDLE


def copies(settings: Settings) -> list[str]:
    """The problems of which there is a copy."""
    shelf = settings.last_good("any").parent
    if not shelf.is_dir():
        return []
    return sorted(entry.parent.name for entry in shelf.glob(f"*/{_INFO}") if entry.parent.name[0] != ".")


def forget_copy(settings: Settings, problem: str) -> None:
    """No copy any more: a release that was withdrawn must not come back with the next start."""
    shutil.rmtree(settings.last_good(problem), ignore_errors=True)


@contextmanager
def incoming(settings: Settings, problem: str) -> Iterator[Path]:
    """A folder beside the copies to fetch a bundle into; gone afterwards unless `keep_copy` took it."""
    shelf = settings.last_good(problem).parent
    shelf.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=shelf, prefix=f".{problem}.{os.getpid()}."))
    try:
        yield folder / _BUNDLE
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep_copy(settings: Settings, info: ReleaseInfo, bundle: Path) -> None:
    """Make a bundle in an `incoming` folder the last good copy, in full or not at all."""
    write_json(bundle.parent / _INFO, dataclasses.asdict(info))
    replace_folder(bundle.parent, settings.last_good(info.problem))
