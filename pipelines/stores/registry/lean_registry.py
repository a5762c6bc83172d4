"""The registry for commands that are in a hurry: aliases read and set without importing MLflow, which takes seconds.

An MLflow server is spoken to by its REST API; the embedded SQLite store by SQL, where it has the very schema that this
release of Ratchet was made with. Anywhere else everything goes through MLflow.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.bundles.release_info import ReleaseInfo
from pipelines.stores.registry.local_registry import LocalReader
from pipelines.stores.registry.registry import Registry
from pipelines.stores.storage.files import replace_folder

_PATIENCE = 30.0  # seconds to wait for a writer
_SCHEMA = Path(__file__).with_name("mlflow_schema.sql")


class Aliases(Protocol):
    """What is done without MLflow; every method may raise Unavailable."""

    def by_alias(self, problem: str, alias: str) -> ReleaseInfo | None:
        """The release that the alias points to, if there is one."""

    def release(self, problem: str, version: int) -> ReleaseInfo:
        """One release; NotFound if there is none."""

    def set_alias(self, problem: str, alias: str, version: int) -> None:
        """Point an alias to a version."""

    def drop_alias(self, problem: str, alias: str) -> None:
        """Take an alias away; nothing happens when it is not set."""

    def set_tag(self, problem: str, version: int, name: str, value: str) -> None:
        """Put a tag on a version."""

    def fetch(self, release: ReleaseInfo, into: Path) -> Path:
        """The release's bundle as the new folder `into`, verified."""


class LeanRegistry(Registry):
    """The same registry; what commands need at once does not wait for MLflow's import where that can be."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._lean = open_aliases(settings)

    def champion(self, problem: str) -> ReleaseInfo | None:
        """The release that the alias `champion` points to, if there is one."""
        return self.by_alias(problem, "champion")

    def by_alias(self, problem: str, alias: str) -> ReleaseInfo | None:
        """The release that the alias points to, if there is one."""
        return super().by_alias(problem, alias) if self._lean is None else self._lean.by_alias(problem, alias)

    def release(self, problem: str, version: int) -> ReleaseInfo:
        """One release; NotFound if there is none."""
        return super().release(problem, version) if self._lean is None else self._lean.release(problem, version)

    def set_alias(self, problem: str, alias: str, version: int) -> None:
        """Point an alias to a version."""
        if self._lean is None:
            super().set_alias(problem, alias, version)
        else:
            self._lean.set_alias(problem, alias, version)

    def drop_alias(self, problem: str, alias: str) -> None:
        """Take an alias away; nothing happens when it is not set."""
        if self._lean is None:
            super().drop_alias(problem, alias)
        else:
            self._lean.drop_alias(problem, alias)

    def set_tag(self, problem: str, version: int, name: str, value: str) -> None:
        """Put a tag on a version, in place of one of the same name."""
        if self._lean is None:
            super().set_tag(problem, version, name, value)
        else:
            self._lean.set_tag(problem, version, name, value)

    def fetch(self, release: ReleaseInfo, into: Path) -> Path:
        """The release's bundle as a folder `into`, verified against the manifest that the registry knows."""
        if self._lean is None:
            return super().fetch(release, into)
        into.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=into.parent, prefix=f".{into.name}."))
        try:
            replace_folder(self._lean.fetch(release, made / "bundle"), into)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return into


def open_aliases(settings: Settings) -> Aliases | None:
    """The lean way for these settings, None where there is none."""
    uri = settings.tracking_uri
    if uri.startswith(("http://", "https://")):
        from pipelines.stores.registry.rest_aliases import RestAliases  # httpx takes a while too

        return RestAliases(uri)
    if uri.startswith("sqlite:///"):
        path = Path(uri.removeprefix("sqlite:///"))
        return SqliteAliases(settings) if _known_schema(path) else None
    return None


class SqliteAliases(LocalReader):
    """Aliases in the embedded store, by SQL as MLflow writes them itself."""

    def by_alias(self, problem: str, alias: str) -> ReleaseInfo | None:
        """The release that the alias points to, if there is one."""
        version = self.aliases().get(problem, {}).get(alias)
        return None if version is None else self.release(problem, version)

    def set_alias(self, problem: str, alias: str, version: int) -> None:
        """Point an alias to a version; NotFound if there is none."""
        self.release(problem, version)
        self._write(
            "INSERT OR REPLACE INTO registered_model_aliases (workspace, name, alias, version) "
            "VALUES ('default', ?, ?, ?)",
            (problem, alias, version),
        )

    def drop_alias(self, problem: str, alias: str) -> None:
        """Take an alias away; nothing happens when it is not set."""
        self._write(
            "DELETE FROM registered_model_aliases WHERE workspace = 'default' AND name = ? AND alias = ?",
            (problem, alias),
        )

    def set_tag(self, problem: str, version: int, name: str, value: str) -> None:
        """Put a tag on a version."""
        self._write(
            "INSERT OR REPLACE INTO model_version_tags (workspace, key, value, name, version) "
            "VALUES ('default', ?, ?, ?, ?)",
            (name, value, problem, version),
        )

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        """One change in a transaction of its own; MLflow's own writers are waited for."""
        try:
            with closing(sqlite3.connect(self._path, timeout=_PATIENCE)) as connection, connection:
                connection.execute(statement, values)
        except sqlite3.Error as error:
            raise Unavailable(
                f"MLflow's database {self._path} cannot be written ({error}): see `ratchet doctor`"
            ) from error


def _known_schema(path: Path) -> bool:
    """Whether the store has the schema that our own file makes."""
    ours = re.search(r"""INTO "alembic_version" VALUES\('(\w+)'\)""", _SCHEMA.read_text()) if _SCHEMA.exists() else None
    if ours is None or not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            found: Any = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return False
    return found == (ours.group(1),)
