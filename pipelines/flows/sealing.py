"""The sealing flow: old answers leave the database for the archive."""

from __future__ import annotations

from datetime import datetime, timedelta

from prefect import flow, task

from pipelines.core.settings import Settings
from pipelines.flows.moments import scheduled_moment
from pipelines.flows.progress import tell
from pipelines.flows.tries import RETRIES
from pipelines.stores.logbook.log_sealing import KEPT, SealReport, seal_log


@task(name="seal", **RETRIES)
def seal_old(settings: Settings, before: datetime, as_of: datetime) -> SealReport:
    """What was answered before then, sealed; killed and run again it goes on."""
    tell("seal", 0, 1, "looking")
    report = seal_log(settings, before, as_of)
    tell("seal", 1, 1, f"{report.rows:,} rows")
    return report


@flow(name="sealing", persist_result=False)
def sealing(days: float | None = None, as_of: datetime | None = None) -> SealReport:
    """Seal what was answered more than so many days (90) before `as_of` and speaks of a month that was over by then."""
    settings, as_of = Settings(), as_of or scheduled_moment()
    kept = KEPT if days is None else timedelta(days=days)
    return seal_old(settings, as_of - kept, as_of)
