"""CSV as people write it, for DuckDB: other separators, zips, odd encodings and names, types of all rows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.core.errors import SourceError
from pipelines.stores.data.plain_text import as_plain_text
from pipelines.stores.data.written_numbers import read_grouped_numbers, read_written_numbers
from pipelines.stores.sql.sql_quoting import sql_name, sql_text

# BOOLEAN is not among them: DuckDB takes yes/no and t/f for it, which callers of the API would not write.
_TYPES = "auto_type_candidates = ['BIGINT', 'HUGEINT', 'DOUBLE', 'DATE', 'TIMESTAMP', 'TIMESTAMPTZ', 'VARCHAR']"
_TYPES_WITHOUT_TIMES = "auto_type_candidates = ['BIGINT', 'HUGEINT', 'DOUBLE', 'DATE', 'VARCHAR']"
_LENIENT = "strict_mode = false, null_padding = true, parallel = false"
# From the strictest reading to one that takes anything: nothing is skipped, short rows are filled.
_BY_HEADER = "quote = '\"', escape = '\"', delim = {delimiter}"
_READINGS = (
    "sample_size = -1, {types}",
    "sample_size = -1, {types}, files_to_sniff = -1",
    f"sample_size = -1, {{types}}, {_LENIENT}",
    f"sample_size = -1, {{types}}, {_LENIENT}, {_BY_HEADER}",
    f"auto_detect = false, null_padding = true, parallel = false, {_BY_HEADER}, columns = {{columns}}",
)
_CHUNK = 1 << 20


@dataclass(frozen=True)
class CsvTable:
    """The names of the table's columns as the file has them, and as DuckDB has them, in the same order."""

    names: list[str]
    columns: list[str]


@dataclass(frozen=True)
class Files:
    """Files of one table: as given, as unpacked UTF-8, their delimiter and header (None when they differ)."""

    given: list[Path]
    plain: list[Path]
    delimiter: str
    header: list[str] | None

    def as_sql(self) -> dict[str, str]:
        """The delimiter, and the columns as text, for a reading that sniffs nothing."""
        columns = (f"'c{position}': 'VARCHAR'" for position, _ in enumerate(self.header or ["c"]))
        return {"delimiter": sql_text(self.delimiter), "columns": f"{{{', '.join(columns)}}}"}


def load_csv(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    paths: Sequence[Path],
    nulls: Sequence[str],
    scratch: Path,
) -> CsvTable:
    """The files' rows as the temporary table `table`, typed by all rows; `scratch` takes unpacked copies.

    Dates that are not ISO 8601 stay text (DuckDB would guess between day and month unseen), columns of true and
    false become booleans, and what people write as numbers (1.234,5 or $5) numbers. SourceError: no CSV file.
    """
    plain = [as_plain_text(path, scratch) for path in paths]
    headers = [_header(path) for path in plain]
    same = all(header == headers[0] for header in headers)
    files = Files(list(paths), plain, headers[0][1], headers[0][0] if same else None)
    options = f"nullstr = [{', '.join(map(sql_text, nulls))}], header = true, skip = 0"
    options += ", dateformat = '%Y-%m-%d', allow_quoted_nulls = true" + ("" if same else ", union_by_name = true")
    listed = ", ".join(sql_text(str(path)) for path in plain)
    columns = _load(connection, table, f"[{listed}], {options}", files)
    _make_booleans(connection, table)
    fits = files.header is not None and len(files.header) == len(columns)
    return CsvTable(files.header if fits and files.header else columns, columns)


def _load(connection: duckdb.DuckDBPyConnection, table: str, arguments: str, files: Files) -> list[str]:
    """The table's columns by the first reading that fits the header, else by the one with most."""
    works, most, last = "", 0, ""
    problem: duckdb.Error | None = None
    types = _types(connection, files.plain[0])
    create = f"CREATE OR REPLACE TEMP TABLE {sql_name(table)} AS SELECT * FROM "
    for reading in _READINGS:
        last = f"{arguments}, {reading.format(**files.as_sql(), types=types)}"
        try:
            connection.execute(f"{create} read_csv({last})")
        except duckdb.Error as error:
            problem = error
            continue
        count = len(connection.table(table).columns)
        fits = files.header is None or count == len(files.header)
        # One column where the header has more is a wrong delimiter, no table.
        if fits or count > max(most, 1):
            works, most = last, count
        if fits:
            break
    if not works:
        listed = ", ".join(path.name for path in files.given[:3])
        raise SourceError(f"{listed} cannot be read as CSV: {first_line(problem)}") from problem
    if works != last:
        connection.execute(f"{create} read_csv({works})")
    points = read_written_numbers(connection, table, files.delimiter)
    if points:
        texts = ", ".join(f"{sql_text(name)}: 'VARCHAR'" for name in points)
        connection.execute(f"{create} read_csv({works}, types = {{{texts}}})")
        read_written_numbers(connection, table, files.delimiter, but=points)
        read_grouped_numbers(connection, table, points)
    columns: list[str] = connection.table(table).columns
    return columns


def _types(connection: duckdb.DuckDBPyConnection, path: Path) -> str:
    """The types to look for: no timestamps where DuckDB would read them by a format of its own guess."""
    try:
        found = connection.execute(
            f"SELECT TimestampFormat FROM sniff_csv({sql_text(str(path))}, header = true, skip = 0, {_TYPES})"
        ).fetchone()
    except duckdb.Error:
        return _TYPES
    form = found[0] if found else None
    return _TYPES if form is None or str(form).startswith("%Y") else _TYPES_WITHOUT_TIMES


def _make_booleans(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    for name in _all_match(connection, table, _texts(connection, table), "lower({}) IN ('true', 'false')"):
        connection.execute(f"ALTER TABLE {sql_name(table)} ALTER {sql_name(name)} TYPE BOOLEAN")


def _texts(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    relation = connection.table(table)
    return [name for name, kind in zip(relation.columns, relation.types, strict=True) if str(kind) == "VARCHAR"]


def _all_match(connection: duckdb.DuckDBPyConnection, table: str, names: Sequence[str], condition: str) -> list[str]:
    """The columns, among `names`, that have values and whose values all meet `condition` ({}: the column)."""
    matching = list(names)
    # A look at some rows first: most text columns fail at once, and a full look costs.
    for rows in ("LIMIT 1000", ""):
        if not matching:
            return []
        tests = ", ".join(f"bool_and({condition.format(sql_name(name))})" for name in matching)
        answers = connection.execute(f"SELECT {tests} FROM (FROM {sql_name(table)} {rows})").fetchone() or ()
        wrong = (False, None) if not rows else (False,)
        matching = [name for name, answer in zip(matching, answers, strict=True) if answer not in wrong]
    return matching


def _header(path: Path) -> tuple[list[str], str]:
    """The names in the first line, empty and repeated ones as pandas names them; and the delimiter."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        line = file.readline(_CHUNK)
        delimiter = max(",;\t|", key=line.count)
        file.seek(0)
        cells = next(csv.reader(file, delimiter=delimiter), [])
    return unique_names([cell or f"Unnamed: {position}" for position, cell in enumerate(cells)]), delimiter


def unique_names(names: Sequence[str]) -> list[str]:
    """The same names, repeated ones with .1, .2, ... as pandas has it.

    >>> unique_names(["a", "b", "a", "a"])
    ['a', 'b', 'a.1', 'a.2']
    """
    given, taken, made = set(names), set[str](), []
    for name in names:
        one, count = name, 0
        while one in taken or (count and one in given):
            count += 1
            one = f"{name}.{count}"
        taken.add(one)
        made.append(one)
    return made


def first_line(error: Exception | None) -> str:
    """What a DuckDB error says, without its advice on SQL options."""
    return str(error).strip().split("\n\n")[0].split("Possible ")[0].strip().replace("\n", " ")[:400]
