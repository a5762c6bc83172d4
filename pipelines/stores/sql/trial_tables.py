"""The tables of trials: what was said of challengers, what they said in shadow, and what each process has counted."""

from __future__ import annotations

import sqlalchemy as sa

from pipelines.stores.sql.ledger_tables import Moment

METADATA = sa.MetaData()
ROLLOUTS = sa.Table(
    "rollouts",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("token", sa.String(400), nullable=False, unique=True),
    sa.Column("problem", sa.String(63), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("mode", sa.String(10), nullable=False),
    sa.Column("share", sa.Float, nullable=False),
    sa.Column("key", sa.String(400)),
    sa.Column("limits", sa.JSON, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Index("rollouts_by_problem", "problem", "id"),
    sqlite_autoincrement=True,
)
SHADOWS = sa.Table(
    "shadow_predictions",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),  # of the answer that was given
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("problem", sa.String(63), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("prediction", sa.Text, nullable=False),
    sa.Column("probabilities", sa.Text),
    sa.Column("seconds", sa.Float, nullable=False),
)
TALLIES = sa.Table(
    "trial_tallies",
    METADATA,
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("worker", sa.String(32), primary_key=True),
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("at", Moment, nullable=False),
)
