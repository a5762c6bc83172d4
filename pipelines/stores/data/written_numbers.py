"""Numbers as people and spreadsheets write them in CSV files: 1,234.56 and 1.234,56, $5, 14 %, (12).

A column is one of numbers only where nearly all of its values are written in one manner. What is read is the number
as it stands: 14 % is 14, $5 is 5.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from pipelines.core.values import MISSING_TEXTS
from pipelines.stores.sql.sql_quoting import sql_name, sql_text

_NEARLY_ALL = 0.98
"""As for every kind of column: the rest stays text, for the quarantine to tell."""
_LOOK = 1000
_SPACES = r"\s\x{a0}\x{2009}\x{202f}"
_SIGN = r"[-+\x{2212}]?"
_UNITS = "$€£¥%"
_DIGITS = r"\s*[-+]?\d+\s*"


class Connection(Protocol):
    """What is needed of DuckDB's connection: the door to DuckDB is elsewhere."""

    def execute(self, query: str, /) -> Any:
        """Run a statement; the result has `fetchone` and `fetchall`."""


@dataclass(frozen=True)
class Notation:
    """How the numbers of a column are written: what stands between thousands, and before decimals."""

    thousands: str
    decimal: str

    @property
    def pattern(self) -> str:
        """The regular expression of a value, with its sign, unit and an accountant's brackets.

        Where thousands are set apart, all of them are: beside 1234 the comma of 1,234 says something else.
        """
        decimals = rf"([{self.decimal}]\d+)?"
        body = rf"\d+{decimals}"
        if self.thousands:
            body = rf"[1-9]\d{{0,2}}([{self.thousands}]\d{{3}})+{decimals}|(0|[1-9]\d{{0,2}}){decimals}"
        space, unit = rf"[{_SPACES}]*", f"[{_UNITS}]?"
        signed = rf"{_SIGN}{space}{unit}{space}{_SIGN}({body}){space}{unit}"
        return rf"{space}({signed}|\({signed}\)){space}"


_BY_POINT, _BY_COMMA = Notation("", "."), Notation("", ",")
_ENGLISH, _GERMAN = Notation(",", "."), Notation(".", ",")
_SWISS, _FRENCH = Notation(rf"{_SPACES}'’", "."), Notation(_SPACES, ",")
_NOTATIONS = (_ENGLISH, _GERMAN, _BY_COMMA, _BY_POINT, _SWISS, _FRENCH)


@dataclass(frozen=True)
class _Written:
    """A text column that holds numbers: the notations that fit, and whether every value does."""

    name: str
    fitting: tuple[Notation, ...]
    all_fit: bool

    @property
    def decimals(self) -> set[str]:
        return {one.decimal for one in self.fitting}


def read_written_numbers(connection: Connection, table: str, delimiter: str, but: Collection[str] = ()) -> list[str]:
    """Makes numbers of the columns of `table` that hold some but were read as text, save those of `but`.

    Gives the columns that were read as numbers by their points while the others have decimal commas: 1.234 may be a
    thousand there, and only the file's own text can tell (`read_grouped_numbers`).
    """
    columns = {str(name): str(kind) for name, kind, *_ in connection.execute(f"DESCRIBE {sql_name(table)}").fetchall()}
    texts = [name for name, kind in columns.items() if kind == "VARCHAR" and name not in but]
    written = [one for name in texts if (one := _written(connection, table, name))]
    points = [name for name, kind in columns.items() if kind == "DOUBLE"]
    decimal = _decimal(written, bool(points), delimiter)
    made = {}
    for one in written:
        chosen = next((way for way in one.fitting if way.decimal == decimal), one.fitting[0])
        made[one.name] = _number(connection, table, one.name, chosen) if one.all_fit else _text(one.name, chosen)
    _replace(connection, table, made)
    certain = any(one.decimals == {","} for one in written)
    return points if certain and decimal == "," else []


def read_grouped_numbers(connection: Connection, table: str, names: list[str]) -> None:
    """Makes numbers of text columns whose points stand between thousands where all values allow it, else decimals."""
    made = {}
    for name in names:
        grouped = _share(connection, table, name, _GERMAN) == 1
        made[name] = (
            _number(connection, table, name, _GERMAN) if grouped else f"TRY_CAST(trim({sql_name(name)}) AS DOUBLE)"
        )
    _replace(connection, table, made)


def _decimal(written: list[_Written], points: bool, delimiter: str) -> str:
    """What stands before decimals, by the columns that leave no doubt, else by what separates the values."""
    certain = {next(iter(one.decimals)) for one in written if len(one.decimals) == 1}
    if len(certain) == 1:
        return certain.pop()
    return "," if delimiter == ";" and not points else "."


def _written(connection: Connection, table: str, name: str) -> _Written | None:
    """Which notations fit a text column; None when it holds other things."""
    # A look at some rows first: most text columns fail at once, and a full look costs.
    shares = {way: _share(connection, table, name, way, _LOOK) for way in _NOTATIONS}
    shares = {way: _share(connection, table, name, way) for way, share in shares.items() if share >= 0.9}
    fitting = tuple(way for way, share in shares.items() if share >= _NEARLY_ALL)
    if not fitting or not _one_unit(connection, table, name):
        return None
    # Digits in groups with spaces between, all equally many, are rather the number of a thing.
    if all(way in (_SWISS, _FRENCH) for way in fitting) and not _lengths_vary(connection, table, name):
        return None
    return _Written(name, fitting, max(shares.values()) == 1)


def _share(connection: Connection, table: str, name: str, notation: Notation, rows: int | None = None) -> float:
    """The share of the values that are written so; 0 where they are but digits: those may be codes such as 007."""
    share, told = _ask(
        connection,
        f"avg(regexp_full_match(v, {sql_text(notation.pattern)})::INT), "
        f"bool_or(NOT regexp_full_match(v, {sql_text(_DIGITS)}))",
        table,
        name,
        rows,
    )
    return float(share) if share is not None and told else 0.0


def _one_unit(connection: Connection, table: str, name: str) -> bool:
    """Whether all values have the same unit, or none: 5 % among 5s would lose what it says."""
    unit = f"regexp_extract(v, '[{_UNITS}]')"
    return bool(_ask(connection, f"count(DISTINCT {unit}) FILTER (regexp_matches(v, '\\d'))", table, name)[0] == 1)


def _lengths_vary(connection: Connection, table: str, name: str) -> bool:
    return bool(_ask(connection, "count(DISTINCT length(trim(v)))", table, name)[0] > 1)


def _ask(connection: Connection, what: str, table: str, name: str, rows: int | None = None) -> tuple[Any, ...]:
    """Aggregates of a column's values `v`, those that stand for a missing number left out."""
    missing = ", ".join(sql_text(one) for one in sorted(MISSING_TEXTS))
    limit = f" LIMIT {rows}" if rows else ""
    return connection.execute(
        f"SELECT {what} FROM (SELECT {sql_name(name)} AS v FROM {sql_name(table)} "
        f"WHERE {sql_name(name)} IS NOT NULL AND lower(trim({sql_name(name)})) NOT IN ({missing}){limit})"
    ).fetchone() or (None, None)


def _text(name: str, notation: Notation) -> str:
    """SQL: the value with a decimal point and no more, as every other reader takes it; other texts as they are."""
    plain = f"regexp_replace({sql_name(name)}, '[{_SPACES}{_UNITS}+]', '', 'g')"
    plain = f"regexp_replace({plain}, '^\\((.*)\\)$', '-\\1')"
    plain = f"replace({plain}, '\u2212', '-')"
    if notation.thousands:
        plain = f"regexp_replace({plain}, {sql_text(f'[{notation.thousands}]')}, '', 'g')"
    if notation.decimal == ",":
        plain = f"replace({plain}, ',', '.')"
    fits = f"regexp_full_match({sql_name(name)}, {sql_text(notation.pattern)})"
    return f"CASE WHEN {fits} THEN {plain} ELSE {sql_name(name)} END"


def _number(connection: Connection, table: str, name: str, notation: Notation) -> str:
    """SQL: the value as a number, whole where all are."""
    text = _text(name, notation)
    whole = connection.execute(
        f"SELECT bool_and(TRY_CAST(t AS BIGINT) IS NOT NULL) FILTER (TRY_CAST(t AS DOUBLE) IS NOT NULL) "
        f"AND NOT bool_or(contains(t, '.')) FROM (SELECT {text} AS t FROM {sql_name(table)})"
    ).fetchone()
    return f"TRY_CAST({text} AS {'BIGINT' if whole and whole[0] else 'DOUBLE'})"


def _replace(connection: Connection, table: str, made: dict[str, str]) -> None:
    if made:
        listed = ", ".join(f"{sql} AS {sql_name(name)}" for name, sql in made.items())
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {sql_name(table)} AS SELECT * REPLACE ({listed}) FROM {sql_name(table)}"
        )
