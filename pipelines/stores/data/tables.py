"""Tables from files and SQL, by DuckDB; Parquet files, by Arrow. The only door to DuckDB.

Names stay as the file has them. What DuckDB's types become in a frame: whole numbers int64 (with missing
values float64, beyond 2**53 text), decimals float64, booleans bool (with missing values object), dates and
times datetime64[us] in UTC without zone, everything else text.
"""

from __future__ import annotations

import glob
import io
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.errors import ProblemError, RatchetError, SourceError
from pipelines.core.problem import Source, Target
from pipelines.stores.data.arrow_frames import plain_frame
from pipelines.stores.data.csv_files import first_line, load_csv, unique_names
from pipelines.stores.sql.sql_quoting import sql_name, sql_text
from pipelines.stores.storage.files import write_atomic

_REFUSED = frozenset({".json", ".jsonl", ".xlsx", ".xls", ".feather", ".arrow", ".h5", ".sqlite", ".db"})
_NESTED = re.compile(
    r"\[|\(.*\bSTRUCT\b|^(STRUCT|MAP|UNION|LIST|TIME\b|INTERVAL|UUID|BLOB|BIT|ENUM|JSON|BIGNUM|VARINT)"
)


def read_source(source: Source, folder: Path, target: Target | None = None) -> pd.DataFrame:
    """The rows of a source; `folder` is the problem file's, `target.expression` makes the target column.

    SourceError when a file is missing or unreadable, ProblemError when the SQL fails; repeated names get .1,
    .2, ...
    """
    try:
        return _read_source(source, folder, target)
    except RatchetError as error:
        # Frames that hold a connection would outlive it with the error: DuckDB reports them as leaks at exit.
        if error.__cause__ is not None:
            error.__cause__.with_traceback(None)
        raise error.with_traceback(None) from error.__cause__


def read_table(path: Path) -> pd.DataFrame:
    """The rows of one CSV (also .gz, .zip) or Parquet file, as `read_source` reads them."""
    return read_source(Source(files=glob.escape(path.name)), path.absolute().parent)


def find_files(patterns: Sequence[str], folder: Path, package: str | None = None) -> list[Path]:
    """The files that paths or globs name, sorted within each glob; SourceError when one names none.

    A package's folder is found without importing the package: its import may need what is not installed.
    """
    root = folder if package is None else _package_folder(package)
    found: list[Path] = []
    for pattern in patterns:
        path = root / Path(pattern).expanduser()
        if path.is_file():
            found.append(path)
            continue
        parts = path.parts
        matches = sorted(one for one in Path(parts[0]).glob(str(Path(*parts[1:]))) if one.is_file())
        if not matches:
            place = f"package {package!r}" if package else str(root)
            raise SourceError(f"no file {pattern!r} in {place}: paths are relative to the problem file or the package")
        found += matches
    return found


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """A Parquet file as a frame, all columns or those named; SourceError when it is none."""
    try:
        table = pq.read_table(path, columns=None if columns is None else list(columns), partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{path} cannot be read as Parquet: {error}") from error
    return plain_frame(table)


def write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """A frame as a Parquet file: the same frame gives the same bytes, there in full or not at all."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", version="2.6", store_schema=True)
    write_atomic(path, buffer.getvalue())


def _read_source(source: Source, folder: Path, target: Target | None) -> pd.DataFrame:
    named = source.files if isinstance(source.files, dict) else {"data": source.files}
    with _open() as connection, TemporaryDirectory(prefix="ratchet-") as scratch:
        names: list[str] = []
        for table, files in named.items():
            paths = find_files([files] if isinstance(files, str) else files, folder, source.package)
            names = _make_view(connection, table, paths, source.null_values, Path(scratch))
        query = source.sql or f"SELECT * FROM {sql_name(next(iter(named)))}"
        frame = _fetch(connection, _with_target(connection, query, target), "data.source.sql or the target expression")
    if source.sql is None:
        frame.columns = pd.Index([*names, *frame.columns[len(names) :]], dtype=object)
    if not len(frame.columns):
        raise SourceError(f"the source {source.files} has no columns")
    return frame


def _open() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET autoinstall_known_extensions = false")  # nothing is fetched behind the user's back
    return connection


def _make_view(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    paths: Sequence[Path],
    nulls: Sequence[str],
    scratch: Path,
) -> list[str]:
    """A view of the files under the name `table`; its column names as the files have them."""
    parquet = [_is_parquet(path) for path in paths]
    if any(parquet) and not all(parquet):
        raise SourceError(f"table {table!r} mixes Parquet and CSV files: name them as two tables and join them in SQL")
    try:
        if all(parquet):
            listed = ", ".join(sql_text(str(path)) for path in paths)
            relation = f"read_parquet([{listed}], union_by_name = {len(paths) > 1}, hive_partitioning = false)"
            have, names = connection.sql(f"FROM {relation}").columns, _parquet_names(paths)
        else:
            csv = load_csv(connection, f"file {table}", paths, nulls, scratch)
            relation, have, names = sql_name(f"file {table}"), csv.columns, csv.names
        names = names if len(names) == len(have) else list(have)
        shown = ", ".join(
            f"{sql_name(one)} AS {sql_name(name)}" for one, name in zip(have, _distinct(have, names), strict=True)
        )
        connection.execute(f"CREATE TEMP VIEW {sql_name(table)} AS SELECT {shown} FROM {relation}")
    except duckdb.Error as error:
        listed = ", ".join(path.name for path in paths[:3])
        raise SourceError(f"{listed} cannot be read as a table: {first_line(error)}") from error
    return names


def _is_parquet(path: Path) -> bool:
    if path.suffix.lower() in _REFUSED:
        raise SourceError(f"{path.name}: {path.suffix} files are not read; give CSV (also .gz, .zip) or Parquet")
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _distinct(have: Sequence[str], names: Sequence[str]) -> list[str]:
    """Names that SQL, which does not tell a from A, can keep apart: a clash keeps DuckDB's name."""
    lower = [name.lower() for name in names]
    return [name if lower.count(name.lower()) == 1 else own for own, name in zip(have, names, strict=True)]


def _parquet_names(paths: Sequence[Path]) -> list[str]:
    schemas = [pq.read_schema(path).names for path in paths]
    return unique_names(schemas[0]) if all(schema == schemas[0] for schema in schemas) else []


def _with_target(connection: duckdb.DuckDBPyConnection, query: str, target: Target | None) -> str:
    if target is None or target.expression is None:
        return query
    made = f"({target.expression}) AS {sql_name(target.column)}"
    try:
        have = {name.lower() for name in connection.sql(query).columns}
    except duckdb.Error as error:
        raise ProblemError(f"data.source.sql fails: {first_line(error)}") from error
    if target.column.lower() in have:
        return f"SELECT * REPLACE ({made}) FROM ({query})"
    return f"SELECT *, {made} FROM ({query})"


def _plain(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyRelation:
    """The query's rows, with texts of what a frame has no type for: lists and records, times of day, bytes."""
    relation = connection.sql(query)
    picked = ", ".join(
        f"CAST({sql_name(name)} AS VARCHAR) AS {sql_name(name)}" if _NESTED.search(str(kind)) else sql_name(name)
        for name, kind in zip(relation.columns, relation.types, strict=True)
    )
    return connection.sql(f"SELECT {picked} FROM ({query})")


def _fetch(connection: duckdb.DuckDBPyConnection, query: str, what: str) -> pd.DataFrame:
    try:
        return plain_frame(_plain(connection, query).to_arrow_table())
    except duckdb.ConversionException as error:
        raise SourceError(f"the source cannot be read: {first_line(error)}") from error
    except duckdb.Error as error:
        raise ProblemError(f"{what} fails: {first_line(error)}") from error


def _package_folder(package: str) -> Path:
    top, *inner = package.split(".")
    spec = find_spec(top)
    if spec is None or not spec.submodule_search_locations:
        raise SourceError(f"package {package!r} is not installed: install it, or name files instead")
    return Path(next(iter(spec.submodule_search_locations))).joinpath(*inner)
