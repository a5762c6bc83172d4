"""Which challengers are on trial: an append-only table in which the last row of a problem counts.

A row is a word of the problem file, of a person or of the guard. Each has a token that names what was said, so
that of several processes that say the same only one is heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pipelines.core.problem import Rollout
from pipelines.stores.sql.database import answering, open_database, serialise
from pipelines.stores.sql.schema import ensure_schema
from pipelines.stores.sql.trial_tables import ROLLOUTS

Mode = Literal["shadow", "canary", "stopped", "aborted"]
ON = ("shadow", "canary")
DATABASE = "the rollouts' database"


@dataclass(frozen=True)
class RolloutRow:
    """One word on a problem's challenger; `share` and `key` say which rows, `limits` what ends the trial."""

    id: int
    token: str
    problem: str
    version: int
    mode: Mode
    share: float
    key: str | None
    limits: dict[str, float]
    at: datetime
    actor: str
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def on(self) -> bool:
        """Whether a trial is going on by this row."""
        return self.mode in ON

    @property
    def rollout(self) -> Rollout:
        """The same as a problem file states it; only for a row that is on."""
        return Rollout.model_validate({"mode": self.mode, "share": self.share, "key": self.key, **self.limits})


class RolloutLog:
    """The table behind one SQLAlchemy URL, made on first use; every method may raise Unavailable."""

    def __init__(self, url: str) -> None:
        self._engine: sa.Engine = open_database(url)
        ensure_schema(self._engine)

    def close(self) -> None:
        """Give the database's connections back."""
        self._engine.dispose()

    def begin(
        self,
        token: str,
        problem: str,
        version: int,
        rollout: Rollout,
        *,
        at: datetime,
        actor: str,
        reason: str,
        evidence: Mapping[str, Any] | None = None,
        after: int | None = None,
    ) -> bool:
        """Put a version on trial; whether this was the first to say so under the token.

        `after`: only while the row with this id is the problem's last one (0: while it has none).
        """
        row = {
            "problem": problem,
            "version": version,
            "mode": rollout.mode,
            "share": rollout.share,
            "key": rollout.key,
            "limits": limits_of(rollout),
            "actor": actor,
            "reason": reason,
        }
        return self._add({**row, "token": token, "at": at, "evidence": dict(evidence or {})}, after)

    def end(
        self,
        trial: RolloutRow,
        mode: Literal["stopped", "aborted"],
        *,
        at: datetime,
        actor: str,
        reason: str,
        evidence: Mapping[str, Any] | None = None,
    ) -> bool:
        """End a trial; whether this was the first to say so. Nothing happens to a later trial of the problem."""
        kept = {name: getattr(trial, name) for name in ("problem", "version", "share", "key", "limits")}
        said = {"mode": mode, "at": at, "actor": actor, "reason": reason, "evidence": dict(evidence or {})}
        return self._add({**kept, **said, "token": f"end:{trial.id}"}, trial.id)

    def current(self) -> dict[str, RolloutRow]:
        """The row that counts, by problem."""
        last = sa.select(sa.func.max(ROLLOUTS.c.id)).group_by(ROLLOUTS.c.problem)
        with answering(DATABASE), self._engine.connect() as connection:
            rows = connection.execute(sa.select(ROLLOUTS).where(ROLLOUTS.c.id.in_(last))).all()
        return {row.problem: RolloutRow(**row._asdict()) for row in rows}

    def rows(self, problem: str, limit: int = 100) -> list[RolloutRow]:
        """Everything that was said of a problem, newest first."""
        query = sa.select(ROLLOUTS).where(ROLLOUTS.c.problem == problem).order_by(ROLLOUTS.c.id.desc()).limit(limit)
        with answering(DATABASE), self._engine.connect() as connection:
            return [RolloutRow(**row._asdict()) for row in connection.execute(query)]

    def _add(self, row: Mapping[str, Any], after: int | None) -> bool:
        """Whether the row was written; with `after` only while that row counts."""
        values = [sa.literal(value, ROLLOUTS.c[name].type) for name, value in row.items()]
        chosen = sa.select(*values)
        if after is not None:
            last = sa.select(sa.func.coalesce(sa.func.max(ROLLOUTS.c.id), 0))
            chosen = chosen.where(last.where(ROLLOUTS.c.problem == row["problem"]).scalar_subquery() == after)
        try:
            with answering(DATABASE), self._engine.begin() as connection:
                serialise(connection, f"rollout:{row['problem']}")  # else two could follow the same row
                adding = ROLLOUTS.insert().from_select(list(row), chosen).returning(ROLLOUTS.c.id)
                return connection.execute(adding).first() is not None
        except IntegrityError:  # another process said it a moment ago
            return False


def limits_of(rollout: Rollout) -> dict[str, float]:
    """What ends a trial, as the row keeps it."""
    return {name: getattr(rollout, name) for name in ("max_errors", "max_slowdown", "max_loss")}
