"""Jobs: checked rows that wait for their answers, and what a batch of them needs to be scored at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

import numpy as np

from services.prediction.answers import Answers
from services.prediction.live_model import Columns, LiveModel
from services.prediction.refusals import Refusal

Tell = Callable[["Job", Answers | None, Exception | None], None]
"""What is called, on the event loop, with a job's answers once they are durable, or else with what went wrong."""


@dataclass(slots=True, eq=False)
class Job:
    """Checked rows of one request, to be answered by the release they were checked by."""

    model: LiveModel
    columns: Columns
    count: int
    asked_at: datetime
    tell: Tell
    source: str = "api"
    inline: bool = False
    """Whether the event loop scores it."""
    since: float = field(default_factory=monotonic)
    seconds: float = 0.0
    """Its share of the time that scoring took."""


def moments_of(model: LiveModel, columns: Columns, asked_at: list[datetime], counts: list[int]) -> np.ndarray:
    """The moment of each row, datetime64[us]: what it states itself, else when its request was made.

    `asked_at` and `counts`: of each request.
    """
    name = model.contract.time
    if name is not None and name in columns:
        stated = np.asarray(columns[name], dtype="M8[us]")
        if not np.isnat(stated).any():
            return stated
    asked = np.repeat(np.array([one.replace(tzinfo=None) for one in asked_at], dtype="M8[us]"), counts)
    return asked if name is None or name not in columns else np.where(np.isnat(stated), asked, stated)


def by_model(jobs: list[Job]) -> list[list[Job]]:
    first = jobs[0]
    if all(job.model is first.model and job.source == first.source for job in jobs):
        return [jobs]
    found: dict[tuple[int, str], list[Job]] = {}
    for job in jobs:
        found.setdefault((id(job.model), job.source), []).append(job)
    return list(found.values())


def too_late(seconds: float) -> Refusal:
    detail = f"no answer within {seconds:g} seconds (RATCHET_ANSWER_SECONDS): send fewer rows, or try again later"
    return Refusal(503, "too-late", "Took too long", detail, retry_after=1)
