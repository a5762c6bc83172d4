"""The moment that a flow run stands for."""

from __future__ import annotations

from datetime import UTC, datetime


def scheduled_moment() -> datetime:
    """When this flow run was due, in UTC; a retry of the run gets the same moment. Outside of a run: now."""
    from prefect.runtime import flow_run

    due = flow_run.scheduled_start_time
    return datetime.now(UTC) if due is None else datetime.fromtimestamp(due.timestamp(), UTC)
