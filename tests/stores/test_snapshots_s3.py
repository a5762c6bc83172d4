"""Snapshots with a real S3 server as DVC's remote."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.core.errors import NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.data.snapshots import restore, store
from pipelines.stores.storage.objects import make_bucket, open_objects

pytestmark = pytest.mark.servers

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", None, "ü"]})


@pytest.fixture
def remote(settings: Settings, s3: Any, tmp_path: Path) -> Settings:
    """Settings whose snapshots go to a bucket of the test's own."""
    given = settings.model_copy(update={"data_remote": f"s3://{s3.new_bucket()}/dvc", "s3_endpoint": s3.endpoint})
    make_bucket(given, str(given.data_remote))
    return given


def _elsewhere(settings: Settings, home: Path) -> Settings:
    return settings.model_copy(update={"home": home})


def test_a_snapshot_is_on_s3_before_it_is_given(remote: Settings, settings: Settings, tmp_path: Path) -> None:
    stored = store(FRAME, "x", remote)
    place = open_objects(remote, str(remote.data_remote))
    kept = place.filesystem.find(place.root)
    assert any("/files/md5/" in one for one in kept)
    assert f"{place.root}/snapshots/x/{stored.id}.json" in kept
    # data.dvc is what it is without S3
    alone = _elsewhere(settings, tmp_path / "alone")
    assert store(FRAME, "x", alone).id == stored.id
    assert (alone.data_root / "data.dvc").read_text() == (remote.data_root / "data.dvc").read_text()


def test_another_machine_fetches_it(remote: Settings, tmp_path: Path) -> None:
    stored = store(FRAME, "x", remote)
    store(FRAME.head(2), "y", remote)
    empty = _elsewhere(remote, tmp_path / "empty")
    assert restore(stored.id, "x", empty).read_bytes() == stored.path.read_bytes()
    assert not (empty.data_root / "data" / "y").exists()
    busy = _elsewhere(remote, tmp_path / "busy")
    store(FRAME.tail(1), "x", busy)  # its data.dvc lists another snapshot
    assert restore(stored.id, "x", busy).read_bytes() == stored.path.read_bytes()
    assert store(FRAME, "x", busy).path == restore(stored.id, "x", busy)
    with pytest.raises(NotFound, match="snapshot 0000000000000000"):
        restore("0" * 64, "x", empty)


def test_it_comes_back_here_when_file_and_cache_are_gone(remote: Settings) -> None:
    stored = store(FRAME, "x", remote)
    content = stored.path.read_bytes()
    stored.path.unlink()
    shutil.rmtree(remote.data_root / ".dvc" / "cache")
    assert restore(stored.id, "x", remote).read_bytes() == content


def test_a_push_that_failed_is_made_good(remote: Settings, s3: Any) -> None:
    down = remote.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    with pytest.raises(Unavailable, match="s3://"):
        store(FRAME, "x", down)
    stored = store(FRAME, "x", remote)
    place = open_objects(remote, str(remote.data_remote))
    assert place.filesystem.exists(place.path("snapshots", "x", f"{stored.id}.json"))
    assert store(FRAME, "x", remote) == stored


def test_a_snapshot_of_before_s3_is_pushed_when_it_is_met_again(remote: Settings, settings: Settings) -> None:
    before = store(FRAME, "x", settings)
    assert store(FRAME, "x", remote) == before
    shutil.rmtree(remote.home)
    assert restore(before.id, "x", remote).exists()


def test_wrong_keys_and_a_missing_bucket_are_told(
    remote: Settings, s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = _elsewhere(remote, tmp_path / "a").model_copy(update={"data_remote": "s3://no-such-bucket/dvc"})
    with pytest.raises(Unavailable, match="no-such-bucket"):
        store(FRAME, "x", nowhere)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unknown")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "unknown")
    with pytest.raises(Unavailable, match="check the credentials"):
        store(FRAME, "x", _elsewhere(remote, tmp_path / "b"))


def test_a_file_that_was_changed_in_the_bucket_is_not_taken(remote: Settings, tmp_path: Path) -> None:
    stored = store(FRAME, "x", remote)
    place = open_objects(remote, str(remote.data_remote))
    for one in place.filesystem.find(place.path("files")):
        if not one.endswith(".dir"):
            place.filesystem.pipe_file(one, b"PAR1 something else PAR1")
    with pytest.raises((NotFound, Unavailable)):
        restore(stored.id, "x", _elsewhere(remote, tmp_path / "other"))
