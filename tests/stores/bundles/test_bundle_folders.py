"""Bundles on this machine: found by their address, copied whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import ModelFileError
from pipelines.stores.bundles.bundle import write_bundle
from pipelines.stores.bundles.bundle_folders import copy_folder, local_folder, verified
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST, ReleaseInfo
from pipelines.stores.storage.files import digest_file


@pytest.mark.parametrize("source", ["s3://bucket/x", "mlflow-artifacts:/0/x", "models:/m-1", "runs:/1/x"])
def test_a_place_elsewhere_is_no_folder(source: str) -> None:
    assert local_folder(source) is None


def test_a_folder_goes_by_its_path_or_its_address(tmp_path: Path) -> None:
    odd = tmp_path / "größe x"
    assert local_folder(odd.as_uri()) == local_folder(str(odd)) == odd


def test_a_copy_is_whole_or_not_there(tmp_path: Path) -> None:
    source, into = tmp_path / "source", tmp_path / "into"
    source.mkdir()
    (source / "model.skops").write_text("x")
    write_bundle(source, {"release.json": {}}, {})
    release = ReleaseInfo("p", 1, "", "", "", "", tags={MANIFEST_DIGEST: digest_file(source / "manifest.json")})
    assert verified(release, into, lambda: copy_folder(source, into)) == into
    (source / "model.skops").write_text("y")
    with pytest.raises(ModelFileError, match="not what was released"):
        verified(release, tmp_path / "again", lambda: copy_folder(source, tmp_path / "again"))
    assert not (tmp_path / "again").exists()
    with pytest.raises(ModelFileError, match="is not there"):
        copy_folder(tmp_path / "nowhere", into)
