"""The rehearsal: the candidate served over HTTP before the gate decides, asked what it was asked in batch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Rehearsal(BaseModel):
    """What came over HTTP beside the batch scores of the same held-out rows.

    `wrong`: rows whose answer differs by more than `tolerance` or was refused; `largest`: the largest difference
    (probability, or value); latencies in milliseconds of single rows, one after the other; `size_mb`: the files of the
    model, its compiled form included. `skipped` says why nothing was rehearsed.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    wrong: int
    largest: float | None
    tolerance: float
    examples: list[str] = []
    """The first rows that were wrong: which row, what was expected, what came."""
    latency_ms: float | None = None
    latency_p99_ms: float | None = None
    size_mb: float | None = None
    compiled: bool | None = None
    skipped: str | None = None
