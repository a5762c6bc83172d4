"""The doctor's look at stores: folders, and real servers of S3 and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from pipelines.core.settings import Settings
from pipelines.stack.far_stores import far_stores
from pipelines.stack.findings import Finding
from pipelines.stores.bundles.bundle import write_bundle
from pipelines.stores.decisions.ledger import Ledger
from pipelines.stores.registry.registry import Registry
from pipelines.stores.sql.schema import upgrade_schema
from pipelines.stores.storage.files import write_json
from pipelines.stores.storage.objects import make_bucket


def _look(settings: Settings) -> dict[str, Finding]:
    return {finding.check: finding for finding in far_stores(settings)}


def test_a_new_home_has_nothing_to_look_at(settings: Settings) -> None:
    assert _look(settings) == {}
    assert not settings.home.exists()


def test_the_embedded_database_is_current(settings: Settings) -> None:
    Ledger(settings.database).close()
    assert _look(settings)["tables"].level == "ok"


def test_folders_that_others_share(settings: Settings, tmp_path: Path) -> None:
    shared = settings.model_copy(
        update={
            "data_remote": str(tmp_path / "dvc"),
            "archive": str(tmp_path / "file"),
            "history_root": tmp_path / "no",
        }
    )
    (tmp_path / "file").write_text("in the way")
    found = _look(shared)
    assert (found["data remote"].level, found["archive"].level, found["history"].level) == ("ok", "error", "error")
    assert list((tmp_path / "dvc").iterdir()) == []  # nothing stays


def test_a_problem_file_that_is_not_seen_from_here_is_told(settings: Settings, tmp_path: Path) -> None:
    (settings.home / "problems").mkdir(parents=True)
    write_json(settings.home / "problems" / "x.json", {"name": "x", "path": str(tmp_path / "x.yaml")})
    assert _look(settings)["problem x"].level == "warning"
    (tmp_path / "x.yaml").write_text("")
    assert "problem x" not in _look(settings)


def test_a_damaged_history_is_an_error(settings: Settings, tmp_path: Path) -> None:
    shared = settings.model_copy(update={"history_root": tmp_path / "history"})
    (tmp_path / "history" / "trains").mkdir(parents=True)
    assert _look(shared)["history"].level == "ok"
    (tmp_path / "history" / "trains" / "current.json").write_text('{"file": "gone.npz", "sha256": "", "as_of": ""}')
    assert _look(shared)["history"].level == "error"


def test_a_release_whose_bundle_is_gone_is_an_error(settings: Settings, tmp_path: Path) -> None:
    registry = Registry(settings)
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "model.skops").write_text("model")
    write_bundle(tmp_path / "made", {"release.json": {"problem": "trains"}}, {})
    run = registry.start_run("trains", "key")
    registry.set_alias("trains", "champion", registry.register("trains", run, tmp_path / "made", "digest", "key"))
    assert _look(settings)["release of trains"].level == "ok"
    for model in settings.artifacts.rglob("model.skops"):
        model.unlink()
    assert _look(settings)["releases"].level == "error"


@pytest.mark.servers
def test_buckets_are_written_and_left_as_they_were(settings: Settings, s3: Any) -> None:
    url = f"s3://{s3.new_bucket()}/log"
    far = settings.model_copy(update={"s3_endpoint": s3.endpoint, "archive": url, "data_remote": url})
    assert {one.level for one in _look(far).values()} == {"error"}
    make_bucket(far, url)
    assert {one.level for one in _look(far).values()} == {"ok"}


@pytest.mark.servers
def test_a_database_server_and_its_tables(settings: Settings, postgresql: Any) -> None:
    far = settings.model_copy(update={"database_url": postgresql.make()})
    found = _look(far)
    assert (found["database"].level, found["clock of database"].level, found["tables"].level) == ("ok", "ok", "error")
    assert "ratchet db upgrade" in found["tables"].advice
    upgrade_schema(far.database)
    ledger = Ledger(far.database)
    ledger.record("x", at=datetime.now(UTC), problem="trains", kind="note", outcome="x")
    ledger.close()
    assert _look(far)["tables"].level == "ok"
    engine = create_engine(far.database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE ratchet_schema SET version_num = '9999'"))
    engine.dispose()
    assert _look(far)["tables"].level == "error"
    down = settings.model_copy(update={"database_url": "postgresql+psycopg://x:secret@127.0.0.1:9/x"})
    assert _look(down)["database"].level == "error"
    assert "secret" not in str(_look(down))
