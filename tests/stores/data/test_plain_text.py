"""Text files as plain UTF-8."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.core.errors import SourceError
from pipelines.stores.data.plain_text import as_plain_text

TEXT = "name;ä\n1;2\n"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def test_a_plain_file_is_used_as_it_is(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(TEXT, encoding="utf-8")
    assert as_plain_text(path, scratch) == path


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-be"])
def test_other_encodings_are_transcoded(encoding: str, tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((b"\xfe\xff" if encoding == "utf-16-be" else b"") + TEXT.encode(encoding))
    assert as_plain_text(path, scratch).read_text(encoding="utf-8") == TEXT


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_packed_files_are_unpacked(suffix: str, pack: Callable[[bytes], bytes], tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / f"a.csv{suffix}"
    path.write_bytes(pack(TEXT.encode()))
    assert as_plain_text(path, scratch).read_text(encoding="utf-8") == TEXT
    path.write_bytes(pack(TEXT.encode())[:-5])
    with pytest.raises(SourceError, match="cannot be unpacked"):
        as_plain_text(path, scratch)


def test_a_zip_holds_one_table(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("folder/a.csv", TEXT)
        archive.writestr("__MACOSX/a.csv", "x")
    assert as_plain_text(path, scratch).read_text(encoding="utf-8") == TEXT
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("b.csv", TEXT)
    with pytest.raises(SourceError, match="holds 2 files"):
        as_plain_text(path, scratch)
    path.write_bytes(b"no zip")
    with pytest.raises(SourceError, match="cannot be unpacked"):
        as_plain_text(path, scratch)


@pytest.mark.parametrize(("content", "message"), [(b"", "is empty"), (b" \n", "is empty"), (b"a\0\1", "is no text")])
def test_what_is_no_text_is_refused(content: bytes, message: str, tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        as_plain_text(path, scratch)
