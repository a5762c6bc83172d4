"""Bundles that lie on this machine's own disk: where, and their way into another folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipelines.core.errors import ModelFileError
from pipelines.stores.bundles.bundle import verify
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST, ReleaseInfo


def local_folder(source: str) -> Path | None:
    """The folder that an artifact's address names on this machine; None for any other place.

    >>> local_folder("file:///a%20b/c"), local_folder("mlflow-artifacts:/1/2")
    (PosixPath('/a b/c'), None)
    """
    parts = urlsplit(source)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None


def copy_folder(folder: Path, into: Path) -> None:
    """A copy of the bundle in `folder` as the new folder `into`; ModelFileError where there is none."""
    if not folder.is_dir():
        raise ModelFileError(f"the bundle {folder} is not there: train again, or restore MLflow's artifacts")
    shutil.copytree(folder, into)


def verified(release: ReleaseInfo, into: Path, bring: Callable[[], None]) -> Path:
    """`into`, filled by `bring`, once every file fits the manifest that the registry knows; else nothing of it."""
    try:
        bring()
        verify(into, release.tags.get(MANIFEST_DIGEST))
    except ModelFileError:
        shutil.rmtree(into, ignore_errors=True)
        raise
    return into
