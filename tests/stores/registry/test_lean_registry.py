"""The lean registry and MLflow's own client see and write the same aliases."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pipelines.core.errors import ModelFileError, NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import write_bundle
from pipelines.stores.registry.lean_registry import LeanRegistry, SqliteAliases, open_aliases
from pipelines.stores.registry.registry import Registry


@pytest.fixture
def registry(settings: Settings, tmp_path: Path) -> Registry:
    """Two versions of `loans`."""
    made = Registry(settings)
    for number in (1, 2):
        folder = tmp_path / f"bundle-{number}"
        folder.mkdir()
        (folder / "model.skops").write_text(f"model {number}")
        write_bundle(folder, {"release.json": {"version": number}}, {})
        run_id = made.start_run("loans", f"key-{number}")
        assert made.register("loans", run_id, folder, f"digest-{number}", f"key-{number}") == number
    return made


def test_both_see_the_same(settings: Settings, registry: Registry) -> None:
    lean = LeanRegistry(settings)
    assert lean.champion("loans") is None
    registry.set_alias("loans", "champion", 1)
    assert lean.champion("loans") == registry.champion("loans")
    lean.set_alias("loans", "champion", 2)
    lean.set_alias("loans", "challenger", 1)
    for alias in ("champion", "challenger"):
        assert lean.by_alias("loans", alias) == registry.by_alias("loans", alias)
    assert lean.release("loans", 2) == registry.release("loans", 2)
    lean.set_tag("loans", 1, "ratchet.ledger", "a")
    lean.set_tag("loans", 1, "ratchet.ledger", "b")
    registry.set_tag("loans", 2, "ratchet.ledger", "c")
    for reader in (lean, registry):
        assert [reader.release("loans", version).tags["ratchet.ledger"] for version in (1, 2)] == ["b", "c"]
    lean.drop_alias("loans", "challenger")
    lean.drop_alias("loans", "challenger")
    assert registry.by_alias("loans", "challenger") is None


def test_what_is_not_there_is_told(settings: Settings, registry: Registry) -> None:
    lean = LeanRegistry(settings)
    with pytest.raises(NotFound, match="loans has no version 7"):
        lean.release("loans", 7)
    with pytest.raises(NotFound, match="no version 7"):
        lean.set_alias("loans", "champion", 7)
    assert lean.champion("loans") is None


def test_a_bundle_is_fetched_and_verified(settings: Settings, registry: Registry, tmp_path: Path) -> None:
    lean = LeanRegistry(settings)
    release = lean.release("loans", 2)
    assert (lean.fetch(release, tmp_path / "got") / "model.skops").read_text() == "model 2"
    for file in settings.artifacts.rglob("model.skops"):
        file.write_text("another")
    with pytest.raises(ModelFileError, match="not what was released"):
        lean.fetch(release, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_another_schema_goes_through_mlflow(settings: Settings, registry: Registry) -> None:
    path = Path(settings.tracking_uri.removeprefix("sqlite:///"))
    assert isinstance(open_aliases(settings), SqliteAliases)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'later'")
    assert open_aliases(settings) is None
    elsewhere = settings.model_copy(update={"mlflow_uri": "postgresql://nowhere/x"})
    assert open_aliases(elsewhere) is None


def test_a_database_that_cannot_be_written_is_told(settings: Settings, registry: Registry) -> None:
    path = Path(settings.tracking_uri.removeprefix("sqlite:///"))
    lean = LeanRegistry(settings)
    assert lean.champion("loans") is None
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ALTER TABLE registered_model_aliases RENAME TO gone")
    with pytest.raises(Unavailable, match="cannot be"):
        lean.set_alias("loans", "champion", 1)
    with pytest.raises(Unavailable, match="cannot be"):
        lean.drop_alias("loans", "champion")


def test_mlflow_is_not_imported(settings: Settings, registry: Registry) -> None:
    code = (
        "import sys; from pipelines.core.settings import Settings; "
        "from pipelines.stores.registry.lean_registry import LeanRegistry; "
        "lean = LeanRegistry(Settings()); lean.set_alias('loans', 'champion', 1); "
        "sys.exit('mlflow' in sys.modules or 'httpx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
