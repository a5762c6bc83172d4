"""What a PostgreSQL database is made of, as statements that make it anew: tables, keys, types, numbers, functions.

The catalogue is asked, so that no program (`pg_dump`) is needed that must be as new as the server. It knows what MLflow
and Prefect make; where there is anything else in a database it says so: a part is never taken for the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pipelines.core.errors import RatchetError
from pipelines.stores.sql.sql_quoting import sql_text

_OWN = "NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = {0}.oid AND d.deptype = 'e')"  # no part of an extension
_HERE = "'public'::regnamespace"


@dataclass(frozen=True)
class Structure:
    """Statements in the order in which they are run, and the columns of each table that rows are copied of."""

    before: list[str]
    tables: dict[str, list[str]]
    after: list[str]
    """What comes once the rows are there: numbers, keys, indexes, triggers, references."""


def read_structure(connection: sa.Connection) -> Structure:
    """The structure of the database that a connection is of; RatchetError names what is not known here."""
    connection.exec_driver_sql("SET LOCAL search_path = ''")  # so that every name is told in full
    _refuse_unknown(connection)
    before = [
        *_listed(connection, _EXTENSIONS),
        *_listed(connection, _ENUMS),
        *_listed(connection, _FUNCTIONS),
        *_listed(connection, _SEQUENCES),
        *_listed(connection, _TABLES),
    ]
    columns = connection.execute(sa.text(_COLUMNS)).all()
    tables: dict[str, list[str]] = {name: list(listed or ()) for name, listed in columns}
    owners = _listed(connection, _OWNERS)
    numbers = [_numbered(connection, name) for name in _listed(connection, _NUMBERED)]
    late = [one for query in (_KEYS, _INDEXES, _TRIGGERS, _REFERENCES) for one in _listed(connection, query)]
    return Structure(before, tables, [*owners, *numbers, *late])


def require_nothing(connection: sa.Connection, what: str) -> None:
    """RatchetError where the database has tables already: a backup never replaces any."""
    query = f"SELECT count(*) FROM pg_class c WHERE relnamespace = {_HERE} AND relkind IN ('r', 'p', 'v', 'm', 'S')"
    count = connection.exec_driver_sql(f"{query} AND {_OWN.format('c')}").scalar_one()
    if count:
        raise RatchetError(
            f"{what}'s database is not empty ({count} tables and sequences): restore into a new one, before {what} is "
            "started for the first time"
        )


def _listed(connection: sa.Connection, query: str) -> Sequence[str]:
    return connection.execute(sa.text(query)).scalars().all()


def _numbered(connection: sa.Connection, name: str) -> str:
    """A sequence goes on where it was; it is read behind the rows, so it is never too small."""
    last, called = connection.exec_driver_sql(f"SELECT last_value, is_called FROM {name}").one()
    return f"SELECT setval({sql_text(name)}, {last}, {str(called).lower()})"


def _refuse_unknown(connection: sa.Connection) -> None:
    found: list[Any] = [what for query in _UNKNOWN for what in _listed(connection, query)]
    if found:
        raise RatchetError(
            f"the database holds what a backup cannot make anew ({', '.join(sorted(found)[:5])}): use pg_dump for it"
        )


_UNKNOWN = (
    f"""SELECT c.oid::regclass::text FROM pg_class c WHERE relnamespace = {_HERE} AND {_OWN.format("c")}
        AND (relkind NOT IN ('r', 'i', 'S', 't') OR relispartition OR relhassubclass OR relrowsecurity OR relhasrules
             OR relpersistence <> 'p')""",
    f"""SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relnamespace <> {_HERE} AND nspname NOT IN ('pg_catalog', 'information_schema')
        AND nspname !~ '^pg_(toast|temp)' AND {_OWN.format("c")}""",
    f"""SELECT t.oid::regtype::text FROM pg_type t WHERE typnamespace = {_HERE} AND {_OWN.format("t")}
        AND typtype IN ('d', 'r', 'm', 'p')""",
    f"""SELECT p.oid::regproc::text FROM pg_proc p WHERE pronamespace = {_HERE} AND {_OWN.format("p")}
        AND prokind NOT IN ('f', 'p')""",
    "SELECT 'large object ' || oid FROM pg_largeobject_metadata LIMIT 1",
)
_EXTENSIONS = """SELECT format('CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA %I', extname, nspname)
    FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname <> 'plpgsql' ORDER BY extname"""
_ENUMS = f"""SELECT format('CREATE TYPE public.%I AS ENUM (%s)', typname,
        (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
    FROM pg_type t WHERE typnamespace = {_HERE} AND typtype = 'e' AND {_OWN.format("t")} ORDER BY typname"""
_FUNCTIONS = f"""SELECT pg_get_functiondef(p.oid) FROM pg_proc p
    WHERE pronamespace = {_HERE} AND prokind IN ('f', 'p') AND {_OWN.format("p")} ORDER BY p.oid"""
_NUMBERS = """format('INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s %sCYCLE',
    seqincrement, seqmin, seqmax, seqstart, seqcache, CASE WHEN seqcycle THEN '' ELSE 'NO ' END)"""
_OF_IDENTITY = "EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'i' AND d.refobjsubid > 0)"
_ALL_SEQUENCES = f"""FROM pg_class c JOIN pg_sequence s ON seqrelid = c.oid
    WHERE relnamespace = {_HERE} AND {_OWN.format("c")}"""
_SEQUENCES = f"""SELECT format('CREATE SEQUENCE public.%I AS %s %s', relname, format_type(seqtypid, NULL), {_NUMBERS})
    {_ALL_SEQUENCES} AND NOT {_OF_IDENTITY} ORDER BY relname"""
_NUMBERED = f"SELECT format('public.%I', relname) {_ALL_SEQUENCES} ORDER BY relname"
_OWNERS = f"""SELECT format('ALTER SEQUENCE public.%I OWNED BY %s.%I', c.relname, refobjid::regclass, attname)
    FROM pg_class c JOIN pg_depend d ON d.objid = c.oid AND deptype = 'a' AND refobjsubid > 0
    JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
    WHERE relkind = 'S' AND relnamespace = {_HERE} ORDER BY c.relname"""
_IDENTITY = f"""format(' GENERATED %s AS IDENTITY (SEQUENCE NAME %s %s)',
    CASE attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, s.seqrelid::regclass, {_NUMBERS})"""
_COLUMN = f"""format('%I %s%s%s%s', attname, format_type(atttypid, atttypmod),
    CASE WHEN attcollation <> typcollation THEN ' COLLATE ' || attcollation::regcollation ELSE '' END,
    CASE WHEN attgenerated = 's' THEN ' GENERATED ALWAYS AS (' || pg_get_expr(adbin, adrelid) || ') STORED'
         WHEN attidentity <> '' THEN {_IDENTITY}
         WHEN adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(adbin, adrelid) ELSE '' END,
    CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END)"""
_TABLE = f"FROM pg_class c WHERE relkind = 'r' AND relnamespace = {_HERE} AND {_OWN.format('c')}"
_TABLES = f"""SELECT format('CREATE TABLE public.%I (%s)', relname, (SELECT string_agg({_COLUMN}, ', ' ORDER BY attnum)
        FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        LEFT JOIN pg_depend o ON o.refobjid = attrelid AND o.refobjsubid = attnum AND o.deptype = 'i'
            AND o.classid = 'pg_class'::regclass AND attidentity <> ''
        LEFT JOIN pg_sequence s ON s.seqrelid = o.objid
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)) {_TABLE} ORDER BY relname"""
_COLUMNS = f"""SELECT relname, (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') {_TABLE} ORDER BY relname"""
_CONSTRAINTS = f"""SELECT format('ALTER TABLE ONLY %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
        pg_get_constraintdef(k.oid)) FROM pg_constraint k WHERE connamespace = {_HERE} AND conrelid <> 0"""
_KEYS = f"{_CONSTRAINTS} AND contype IN ('p', 'u', 'x', 'c') ORDER BY contype = 'c', conrelid::regclass::text, conname"
_REFERENCES = f"{_CONSTRAINTS} AND contype = 'f' ORDER BY conrelid::regclass::text, conname"
_INDEXES = f"""SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
    WHERE relnamespace = {_HERE} AND {_OWN.format("c")} AND indisvalid
    AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
    ORDER BY relname"""
_TRIGGERS = f"""SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
    WHERE relnamespace = {_HERE} AND NOT tgisinternal ORDER BY relname, tgname"""
