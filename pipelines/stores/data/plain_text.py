"""Text files as plain UTF-8: unpacked, and transcoded where they are not."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.core.errors import SourceError

_OPENERS: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_CHUNK = 1 << 20


def as_plain_text(path: Path, scratch: Path) -> Path:
    """The file itself, or an unpacked UTF-8 copy in `scratch`."""
    if path.suffix.lower() in (".zip", *_OPENERS):
        unpacked = scratch / f"{len(list(scratch.iterdir()))}.csv"
        with _unpacked(path) as packed, unpacked.open("wb") as file:
            shutil.copyfileobj(packed, file, _CHUNK)
        path, shown = unpacked, path
    else:
        shown = path
    encoding = _encoding(path, shown)
    if encoding == "utf-8":
        return path
    copy = scratch / f"{len(list(scratch.iterdir()))}.csv"
    with (
        path.open(encoding=encoding, errors="replace", newline="") as old,
        copy.open("w", encoding="utf-8", newline="") as new,
    ):
        shutil.copyfileobj(old, new, _CHUNK)
    return copy


@contextmanager
def _unpacked(path: Path) -> Iterator[Any]:
    try:
        if path.suffix.lower() != ".zip":
            with _OPENERS[path.suffix.lower()](path) as file:
                yield file
            return
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.namelist() if not one.endswith("/") and "__MACOSX" not in one]
            if len(members) != 1:
                raise SourceError(f"{path.name} holds {len(members)} files, one CSV is expected: unpack it")
            with archive.open(members[0]) as file:
                yield file
    except (OSError, EOFError, zipfile.BadZipFile, lzma.LZMAError) as error:
        raise SourceError(f"{path.name} cannot be unpacked: {error}") from error


def _encoding(path: Path, shown: Path) -> str:
    """utf-8 where the whole file is, else the encoding to try; SourceError when the file is not text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        chunk = file.read(_CHUNK)
        if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if not chunk.strip():
            raise SourceError(f"{shown.name} is empty: a table needs a line with the names of its columns")
        if b"\0" in chunk:
            raise SourceError(f"{shown.name} is no text: give a CSV file (also .gz, .zip) or a Parquet file")
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"
