"""The result of a source's SQL, kept until a file, the query or our code changes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from pipelines.core.problem import Source, Target
from pipelines.stores.code_version import code_version
from pipelines.stores.data.tables import find_files, read_parquet, read_source, write_parquet
from pipelines.stores.storage.files import digest_file

KEPT = 2  # results per problem: the one in use, and the one before it


def read_cached(source: Source, folder: Path, target: Target, cache: Path) -> pd.DataFrame:
    """What `read_source` gives; a query's result comes from the folder `cache` when nothing it reads has changed.

    Only queries are kept: a plain file is read as fast as its copy would be.
    """
    if source.sql is None:
        return read_source(source, folder, target)
    path = cache / f"{_key(source, folder, target)}.parquet"
    if not path.is_file():
        write_parquet(read_source(source, folder, target), path)
        for old in sorted(cache.glob("*.parquet"), key=lambda one: one.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
    return read_parquet(path)


def _key(source: Source, folder: Path, target: Target) -> str:
    named = source.files if isinstance(source.files, dict) else {"data": source.files}
    digest = hashlib.sha256(f"{source.model_dump_json()}\0{target.model_dump_json()}\0{code_version().digest}".encode())
    for name, files in named.items():
        for path in find_files([files] if isinstance(files, str) else files, folder, source.package):
            digest.update(f"\0{name}\0{digest_file(path)}".encode())
    return digest.hexdigest()[:32]
