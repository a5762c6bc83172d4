"""Objects in a folder and on a real S3 server, by one kind of address."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.storage.objects import make_bucket, open_objects, reaching


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.servers)])
def place(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> tuple[Settings, str]:
    """Settings, and an address below a bucket or folder that is not there yet."""
    if request.param == "folder":
        return settings, str(tmp_path / "objects" / "logs")
    s3: Any = request.getfixturevalue("s3")
    return settings.model_copy(update={"s3_endpoint": s3.endpoint}), f"s3://{s3.new_bucket()}/logs"


def test_what_is_written_is_read_listed_and_removed(place: tuple[Settings, str]) -> None:
    settings, url = place
    assert make_bucket(settings, url)
    assert not make_bucket(settings, url)
    opened = open_objects(settings, url)
    with reaching(url):
        opened.filesystem.pipe_file(opened.path("a", "ä b.txt"), b"one")
        assert opened.filesystem.find(opened.root) == [opened.path("a", "ä b.txt")]
        # another process's view, as far as listings go
        other = open_objects(settings, url)
        other.filesystem.pipe_file(other.path("a", "two"), b"two")
        assert opened.filesystem.cat_file(opened.path("a", "two")) == b"two"
        assert len(opened.filesystem.find(opened.root)) == 2
        opened.filesystem.rm_file(opened.path("a", "two"))
        assert len(other.filesystem.find(other.root)) == 1
    with pytest.raises(FileNotFoundError), reaching(url):
        opened.filesystem.cat_file(opened.path("a", "two"))


def test_what_fails_is_told_with_what_to_look_at(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="names no bucket"):
        open_objects(settings, "s3:///prefix")
    (tmp_path / "file").write_text("x")
    blocked = open_objects(settings, str(tmp_path / "file"))
    with pytest.raises(Unavailable, match="make it writable"), reaching(blocked.url):
        blocked.filesystem.pipe_file(blocked.path("below"), b"x")


@pytest.mark.servers
def test_a_server_that_is_away_and_keys_that_are_wrong(
    settings: Settings, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = open_objects(settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"}), "s3://bucket")
    with pytest.raises(Unavailable, match="RATCHET_S3_ENDPOINT"), reaching("s3://bucket"):
        away.filesystem.cat_file("bucket/x")
    given = settings.model_copy(update={"s3_endpoint": s3.endpoint})
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(Unavailable, match="no credentials"), reaching("s3://bucket"):
        open_objects(given, "s3://bucket").filesystem.cat_file("bucket/x")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unknown")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "unknown")
    with pytest.raises(Unavailable, match="check the credentials"), reaching("s3://bucket"):
        open_objects(given, "s3://bucket").filesystem.ls("bucket")


def test_a_folder_needs_no_s3_library() -> None:
    code = (
        "import sys; from pipelines.core.settings import Settings; from pipelines.stores.storage.objects import *\n"
        "place = open_objects(Settings(), '/tmp')\n"
        "with reaching('/tmp'): place.filesystem.exists('/tmp')\n"
        "sys.exit(bool({'s3fs', 'botocore', 'aiohttp'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
