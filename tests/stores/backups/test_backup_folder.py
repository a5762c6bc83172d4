from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.core.errors import NotFound, RatchetError, SourceError
from pipelines.stores.backups.backup_folder import (
    MANIFEST,
    Manifest,
    begin_backup,
    check_files,
    copy_file,
    files_below,
    read_manifest,
    write_manifest,
)


def test_a_backup_is_one_when_its_manifest_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    begin_backup(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    (tmp_path / "a").write_text("x")
    manifest = Manifest("2024-01-01T00:00:00+00:00", "/home", "sqlite", "0003")
    manifest.files["home/a"] = copy_file(tmp_path / "a", folder / "home" / "a")
    with pytest.raises(NotFound, match="holds no whole backup"):
        read_manifest(folder)
    write_manifest(folder, manifest)
    assert read_manifest(folder) == manifest
    check_files(folder, manifest)
    (folder / "home" / "a").write_text("y")
    with pytest.raises(SourceError, match="is not what was backed up"):
        check_files(folder, manifest)
    (folder / "home" / "a").unlink()
    with pytest.raises(SourceError, match="is missing"):
        check_files(folder, manifest)
    with pytest.raises(RatchetError, match="is not empty"):
        begin_backup(folder)


def test_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"format": 99}))
    with pytest.raises(SourceError, match="format 99"):
        read_manifest(tmp_path)


def test_folders_are_left_out_by_name(tmp_path: Path) -> None:
    for name in ("a/b", "run/c", "d"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert [str(one) for one in files_below(tmp_path, frozenset({"run"}))] == ["a/b", "d"]
