"""The tables as they were before there were revisions; those that are there stay.

A migration never follows the code: what it does stays as it was when it was written.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_MOMENT = sa.DateTime(timezone=True)
_REFUSAL = "the ledger is append-only"


def upgrade() -> None:
    """Make what is missing."""
    _log()
    _ledger()
    _guard("sqlite" if op.get_bind().dialect.name == "sqlite" else "postgresql")
    _notices()
    _trials()
    _keys()


def _log() -> None:
    big = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    _table(
        "predictions",
        sa.Column("id", sa.String(36), primary_key=True),
        *(_text("problem", 63), _plain("version", sa.Integer), _text("run_id", 64)),
        *(_plain("at", sa.DateTime), _plain("time", sa.DateTime, True), _plain("moment", sa.DateTime)),
        *(_plain("inputs", sa.Text), _plain("history", sa.Text, True)),
        *(_plain("prediction", sa.Text), _plain("probabilities", sa.Text, True), _text("source", 32)),
    )
    _index("predictions_by_moment", "predictions", "problem", "moment")
    _table(
        "prediction_blocks",
        *(_number("seq", big), _plain("made", sa.BigInteger), _text("problem", 63), _plain("version", sa.Integer)),
        *(_text("run_id", 64), _text("source", 32), _plain("rows", sa.Integer)),
        *(_plain("first_moment", sa.DateTime), _plain("last_moment", sa.DateTime), _plain("reach", sa.BigInteger)),
        *(_plain("ids", sa.LargeBinary), _plain("content", sa.LargeBinary)),
    )
    _index("prediction_blocks_by_id", "prediction_blocks", "made")
    _index("prediction_blocks_by_moment", "prediction_blocks", "problem", "reach", "first_moment")
    _table(
        "labels",
        *(_number("seq"), _text("prediction_id", 36), _plain("label", sa.Text)),
        *(_plain("known_at", sa.DateTime), _plain("received_at", sa.DateTime)),
    )
    _index("labels_by_prediction", "labels", "prediction_id", "seq")


def _ledger() -> None:
    _table(
        "decisions",
        *(_number(), _text("key", 400), _plain("at", _MOMENT), _text("problem", 63), _text("kind", 40)),
        *(_text("outcome", 40), _plain("version", sa.Integer, True), _text("run_id", 64, True), _text("actor", 200)),
        *(_plain("reasons", sa.JSON), _plain("evidence", sa.JSON), sa.UniqueConstraint("key")),
        counted=True,
    )
    _index("decisions_by_problem", "decisions", "problem", "kind", "id")
    _table(
        "seals",
        *(_number(), _plain("decision", sa.Integer), _text("previous", 64), _text("digest", 64)),
        *(_plain("recorded_at", _MOMENT), _plain("later", sa.Boolean), _plain("signature", sa.Text, True)),
        *(sa.UniqueConstraint(name) for name in ("decision", "previous", "digest")),
        counted=True,
    )
    _table(
        "requests",
        *(_number(), _text("key", 400), _text("problem", 63), _plain("reason", sa.Text), _plain("as_of", _MOMENT)),
        *(_plain("created_at", _MOMENT), _text("state", 10), _plain("lease_until", _MOMENT, True)),
        *(_text("holder", 200, True), _text("flow_run_id", 64, True), _plain("finished_at", _MOMENT, True)),
        *(_text("outcome", 200, True), _plain("evidence", sa.JSON), sa.UniqueConstraint("key")),
    )
    _index("requests_single_flight", "requests", "problem", where="state IN ('open', 'running')")


def _guard(dialect: str) -> None:
    """Decisions and seals that nobody can change."""
    tables = ("decisions", "seals")
    if dialect == "sqlite":
        for table, verb in ((table, verb) for table in tables for verb in ("UPDATE", "DELETE")):
            op.execute(
                f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION decisions_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    for table in tables:
        op.execute(
            f"CREATE OR REPLACE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION decisions_append_only()"
        )


def _notices() -> None:
    _table(
        "notice_cursors",
        sa.Column("problem", sa.String(63), primary_key=True),
        *(_plain("entry", sa.Integer), _text("window_end", 40, True), _text("labelled_end", 40, True)),
    )
    _table(
        "episodes",
        *(_number(), _text("key", 200), _text("problem", 63), _text("topic", 20)),
        *(_plain(name, sa.JSON) for name in ("kinds", "open", "alarming")),
        *(_plain("began", _MOMENT), _plain("entry", sa.Integer, True), _plain("last_entry", sa.Integer, True)),
        *(_plain("subject", sa.Text), _plain("told_at", _MOMENT), _plain("told", sa.Integer)),
        *(_plain("ended", _MOMENT, True), sa.UniqueConstraint("key")),
    )
    _index("episodes_one_open", "episodes", "problem", "topic", where="ended IS NULL")
    _table(
        "notices",
        *(_number(), _text("key", 200), _text("episode", 200), _text("problem", 63), _text("event", 20)),
        *(_plain("kinds", sa.JSON), _plain("at", _MOMENT), _plain("made_at", _MOMENT), _plain("subject", sa.Text)),
        *(_plain("body", sa.JSON), _plain("withheld", sa.Text, True), sa.UniqueConstraint("key")),
    )
    _index("notices_by_problem", "notices", "problem", "id")
    _table(
        "deliveries",
        *(_number(), _plain("notice", sa.Integer), _text("channel", 20), _text("address", 500), _text("state", 10)),
        *(_plain("tries", sa.Integer), _plain("due_at", _MOMENT), _plain("lease_until", _MOMENT, True)),
        *(_plain("done_at", _MOMENT, True), _plain("error", sa.Text, True)),
        sa.UniqueConstraint("notice", "channel", "address"),
    )
    _index("deliveries_by_state", "deliveries", "state", "due_at")


def _trials() -> None:
    _table(
        "rollouts",
        *(_number(), _text("token", 400), _text("problem", 63), _plain("version", sa.Integer), _text("mode", 10)),
        *(_plain("share", sa.Float), _text("key", 400, True), _plain("limits", sa.JSON), _plain("at", _MOMENT)),
        *(_text("actor", 200), _plain("reason", sa.Text), _plain("evidence", sa.JSON), sa.UniqueConstraint("token")),
        counted=True,
    )
    _index("rollouts_by_problem", "rollouts", "problem", "id")
    _table(
        "shadow_predictions",
        *(sa.Column("id", sa.String(36), primary_key=True), sa.Column("run_id", sa.String(64), primary_key=True)),
        *(_text("problem", 63), _plain("version", sa.Integer), _plain("at", sa.DateTime)),
        *(_plain("prediction", sa.Text), _plain("probabilities", sa.Text, True), _plain("seconds", sa.Float)),
    )
    _table(
        "trial_tallies",
        sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("worker", sa.String(32), primary_key=True),
        *(_plain("counts", sa.JSON), _plain("at", _MOMENT)),
    )


def _keys() -> None:
    _table(
        "api_keys",
        *(sa.Column("id", sa.String(12), primary_key=True), _text("digest", 64), _text("name", 63)),
        *(_text("scopes", 60), _plain("rate", sa.Float, True), _plain("created_at", _MOMENT)),
        *(_text("created_by", 200), _plain("expires_at", _MOMENT, True), _plain("revoked_at", _MOMENT, True)),
        sa.UniqueConstraint("digest"),
    )
    _index("api_keys_by_name", "api_keys", "name", where="revoked_at IS NULL")


def _plain(name: str, kind: Any, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=null)


def _text(name: str, length: int, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length), nullable=null)


def _number(name: str = "id", kind: Any = sa.Integer) -> sa.Column[Any]:
    return sa.Column(name, kind, primary_key=True, autoincrement=True)


def _table(name: str, *parts: sa.schema.SchemaItem, counted: bool = False) -> None:
    op.create_table(name, *parts, if_not_exists=True, sqlite_autoincrement=counted)


def _index(name: str, table: str, *columns: str, where: str | None = None) -> None:
    """An index; one that holds only some rows is there so that they are single."""
    only = None if where is None else sa.text(where)
    kinds: dict[str, Any] = {"unique": only is not None, "sqlite_where": only, "postgresql_where": only}
    op.create_index(name, table, list(columns), if_not_exists=True, **kinds)
