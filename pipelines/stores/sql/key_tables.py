"""The table of API keys: their digests, never the keys."""

from __future__ import annotations

import sqlalchemy as sa

from pipelines.stores.sql.ledger_tables import Moment

METADATA = sa.MetaData()
KEYS = sa.Table(
    "api_keys",
    METADATA,
    sa.Column("id", sa.String(12), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(63), nullable=False),
    sa.Column("scopes", sa.String(60), nullable=False),
    sa.Column("rate", sa.Float),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("created_by", sa.String(200), nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("revoked_at", Moment),
)
_IN_FORCE = KEYS.c.revoked_at.is_(None)
sa.Index("api_keys_by_name", KEYS.c.name, unique=True, sqlite_where=_IN_FORCE, postgresql_where=_IN_FORCE)
