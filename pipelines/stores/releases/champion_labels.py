"""The labels that a training now could learn from, beyond those that the champion had."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pipelines.core.retraining import Labels
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.logbook.prediction_log import PredictionLog
from pipelines.stores.sql.ledger_tables import as_utc


def champion_labels(log: PredictionLog, champion: Bundle, problem: str, as_of: datetime) -> Labels:
    """Those of the prediction log that became known since the champion's data ended, up to `as_of`."""
    since = data_end(champion)
    return Labels(log.new_labels(problem, since, as_of), since, champion.release.get("labels"))


def data_end(champion: Bundle) -> datetime:
    """Until when the champion's labels reach: new ones are those that became known later."""
    told: Any = champion.release.get("as_of") or (champion.scorecard.get("period") or [None])[-1]
    return datetime(1970, 1, 1, tzinfo=UTC) if told is None else as_utc(datetime.fromisoformat(str(told)))
