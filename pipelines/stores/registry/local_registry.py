"""The registry in the embedded store, read from MLflow's SQLite file: no server, and no import of MLflow.

The tables are those of `mlflow_schema.sql`. They are only ever read here; `stores.registry.registry` writes, through
MLflow.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from pipelines.core.errors import NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle_folders import copy_folder, local_folder, verified
from pipelines.stores.bundles.release_info import DIGEST, RUN_KEY, ReleaseInfo

SCHEME = "sqlite:///"
_PATIENCE = 5.0  # seconds to wait for a writer
_ALIASES = """
    SELECT models.name, aliases.alias, aliases.version FROM registered_models AS models
    LEFT JOIN registered_model_aliases AS aliases ON aliases.name = models.name ORDER BY models.name, aliases.alias
"""
_VERSION = """
    SELECT source, run_id, creation_time FROM model_versions
    WHERE name = ? AND version = ? AND coalesce(current_stage, '') != 'Deleted_Internal'
"""
_TAGS = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
_CALLED = "SELECT alias FROM registered_model_aliases WHERE name = ? AND version = ? ORDER BY alias"


class LocalReader:
    """The registry in the settings' SQLite file; one that is not there yet knows no problem.

    Unavailable when the file is locked or cannot be read, or has gone away again.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = Path(settings.tracking_uri.removeprefix(SCHEME))
        self._seen = False

    def close(self) -> None:
        """Nothing is held."""

    def aliases(self) -> dict[str, dict[str, int]]:
        """Every registered problem with the versions that its aliases point to."""
        found: dict[str, dict[str, int]] = {}
        for problem, alias, version in self._ask(lambda database: database.execute(_ALIASES).fetchall()) or []:
            known = found.setdefault(problem, {})
            if alias is not None:
                known[alias] = int(version)
        return found

    def champions(self) -> dict[str, int | None]:
        """Every registered problem with its champion's version, None where none has been released."""
        return {problem: known.get("champion") for problem, known in self.aliases().items()}

    def problems(self) -> list[str]:
        """Names of all registered problems, sorted."""
        return list(self.aliases())

    def champion(self, problem: str) -> ReleaseInfo | None:
        """The release that the alias `champion` points to."""
        version = self.aliases().get(problem, {}).get("champion")
        return None if version is None else self.release(problem, version)

    def release(self, problem: str, version: int) -> ReleaseInfo:
        """One release; NotFound if there is none."""
        found = self._ask(lambda database: _release(database, problem, version))
        if found is None:
            raise NotFound(f"{problem} has no version {version}: see `ratchet releases {problem}`")
        return found

    def fetch(self, release: ReleaseInfo, into: Path) -> Path:
        """The release's bundle as the new folder `into`, every file verified against its manifest."""
        folder = local_folder(release.source)
        if folder is None:  # in an artifact store that MLflow alone knows how to read
            from pipelines.stores.registry.registry import Registry

            return Registry(self._settings).fetch(release, into)
        return verified(release, into, lambda: copy_folder(folder, into))

    def _ask(self, question: Callable[[sqlite3.Connection], Any]) -> Any:
        """What the question finds in one consistent view of the database; None while there is no database yet."""
        if not self._seen and not self._path.exists():
            return None
        try:
            address = f"{self._path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, uri=True, timeout=_PATIENCE)) as database:
                database.execute("BEGIN")
                found = question(database)
        except sqlite3.Error as error:
            if not self._seen and "no such table" in str(error):  # MLflow is just making it
                return None
            raise Unavailable(
                f"MLflow's database {self._path} cannot be read ({error}): see `ratchet doctor`"
            ) from error
        self._seen = True
        return found


def _release(database: sqlite3.Connection, problem: str, version: int) -> ReleaseInfo | None:
    row = database.execute(_VERSION, (problem, version)).fetchone()
    if row is None:
        return None
    tags = {key: value or "" for key, value in database.execute(_TAGS, (problem, version))}
    return ReleaseInfo(
        problem=problem,
        version=version,
        run_id=row[1] or "",
        source=row[0] or "",
        digest=tags.get(DIGEST, ""),
        run_key=tags.get(RUN_KEY, ""),
        aliases=tuple(alias for (alias,) in database.execute(_CALLED, (problem, version))),
        tags=tags,
        created_at=(row[2] or 0) / 1000,
    )
