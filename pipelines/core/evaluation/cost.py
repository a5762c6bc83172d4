"""Cost: what a model took to train, and what it takes to keep and to ask."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pipelines.core.evaluation.subject import Subject

WATTS_PER_CORE = 12.0
ENERGY_METHOD = (
    "CPU seconds of search and fit x 12 W per core (Green Algorithms' default, Lannelongue et al. 2021); "
    "an estimate, without memory, cooling or graphics cards"
)
_CALLS = 5


class Cost(BaseModel):
    """Seconds of training (search and fit), its energy as estimated, the model file's size, time per row in process."""

    model_config = ConfigDict(frozen=True)

    train_seconds: float | None
    energy_wh: float | None
    energy_method: str
    model_bytes: int
    row_ms: float | None
    """One row through the pipeline in process, milliseconds (median)."""


def reckon_cost(subject: Subject, seconds: float | None, cpu_seconds: float | None, model_bytes: int) -> Cost:
    """The cost of a model; `seconds` and `cpu_seconds` of its training are None where nobody measured them.

    The one part of a scorecard that depends on the machine and the moment.
    """
    return Cost(
        train_seconds=seconds,
        energy_wh=None if cpu_seconds is None else round(cpu_seconds * WATTS_PER_CORE / 3600, 6),
        energy_method=ENERGY_METHOD if cpu_seconds is not None else "not measured: the training told no CPU seconds",
        model_bytes=model_bytes,
        row_ms=_row_milliseconds(subject),
    )


def _row_milliseconds(subject: Subject) -> float | None:
    if not len(subject):
        return None
    taken = []
    for call in range(_CALLS):
        row = subject.frame.iloc[[call % len(subject)]]
        began = time.perf_counter()
        subject.ask(row)
        taken.append(time.perf_counter() - began)
    return round(1000 * sorted(taken)[_CALLS // 2], 4)
