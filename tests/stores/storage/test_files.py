"""Files that are either there in full or not at all."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import pytest

from pipelines.core.errors import NotFound
from pipelines.stores.storage.files import digest_file, read_json, replace_folder, unpack, write_atomic, write_json


def test_a_file_is_written_in_a_folder_that_did_not_exist(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "b.bin", b"one")
    write_atomic(tmp_path / "a" / "b.bin", b"two")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"two"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.bin"]


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(TypeError):
        write_atomic(tmp_path / "a.json", "text, not bytes")  # type: ignore[arg-type]
    assert read_json(tmp_path / "a.json") == {"x": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_json_comes_back_and_refuses_what_is_no_json(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"ä": [1, 2.5, None]})
    assert read_json(tmp_path / "a.json") == {"ä": [1, 2.5, None]}
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", float("nan"))


def test_a_missing_or_damaged_json_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"gone\.json does not exist"):
        read_json(tmp_path / "gone.json")
    (tmp_path / "bad.json").write_bytes(b"{")
    with pytest.raises(NotFound, match=r"bad\.json holds no readable JSON"):
        read_json(tmp_path / "bad.json")


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    final = tmp_path / "out" / "final"
    for text in ("one", "two"):
        made = tmp_path / "made"
        made.mkdir()
        (made / text).write_text(text)
        replace_folder(made, final)
    assert [path.name for path in final.iterdir()] == ["two"]
    assert [path.name for path in final.parent.iterdir()] == ["final"]


def test_the_digest_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"ratchet")
    assert digest_file(tmp_path / "a") == hashlib.sha256(b"ratchet").hexdigest()


def test_an_archive_of_ours_is_taken_apart_on_every_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("a")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "a.txt", "inner/a.txt")
    for place in ("with", "without"):
        with tarfile.open(tmp_path / "a.tar") as archive:
            unpack(archive, tmp_path / place)
        assert (tmp_path / place / "inner" / "a.txt").read_text() == "a"
        monkeypatch.delattr(tarfile, "data_filter", raising=False)  # Python 3.11.3 and before
