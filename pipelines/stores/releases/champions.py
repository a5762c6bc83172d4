"""The champion's bundle, opened: what monitoring and batch scoring work with."""

from __future__ import annotations

from pathlib import Path

from pipelines.core.errors import ModelFileError, NotFound
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST, ReleaseInfo
from pipelines.stores.bundles.signing import open_verifier
from pipelines.stores.registry.lean_registry import LeanRegistry
from pipelines.stores.registry.registry import Registry
from pipelines.stores.registry.registry_reader import open_reader


def open_champion(settings: Settings, problem: str) -> Bundle:
    """The verified bundle of the problem's champion; NotFound when nothing has been promoted yet."""
    registry = Registry(settings)
    release = registry.champion(problem)
    if release is None:
        raise NotFound(f"{problem} has no champion yet: run `ratchet train {problem}`")
    return open_release(settings, registry, release)


def find_champion(settings: Settings, problem: str) -> Bundle | None:
    """The champion's verified bundle, None where nothing has been promoted yet.

    Found as the service finds it: `RATCHET_MLFLOW_URL` is enough, and an embedded store that is not there is not made.
    """
    reader = open_reader(settings)
    try:
        release = reader.champion(problem)
    except NotFound:
        return None
    finally:
        reader.close()
    if release is None:
        return None
    read = settings.model_copy(update={"mlflow_uri": settings.mlflow_url or settings.mlflow_uri})
    return open_release(settings, LeanRegistry(read), release)


def open_release(settings: Settings, registry: Registry, release: ReleaseInfo) -> Bundle:
    """The verified bundle of a release, fetched once and kept under home; a damaged copy is fetched again.

    ModelFileError where the settings name a key and the release is not signed with it: nothing of it is read then.
    """
    verifier = open_verifier(settings.verify_key)
    if verifier is not None:
        verifier.require(release)
    folder = _folder(settings, release)
    if folder.exists():
        try:
            return Bundle.open(folder, release.version, release.tags.get(MANIFEST_DIGEST))
        except ModelFileError:
            pass  # a kill while it was fetched, or a damaged disk: the registry has the whole one
    return Bundle.open(registry.fetch(release, folder), release.version)


def _folder(settings: Settings, release: ReleaseInfo) -> Path:
    """The run's id is part of it: after a fresh start a version number can come again for another model."""
    return settings.home / "releases" / release.problem / f"{release.version}-{release.run_id[:12]}"
