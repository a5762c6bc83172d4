"""A stretch of answered rows, to be logged in whatever form and order a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from pipelines.core.contract import Column, Contract
from pipelines.core.observation import Answered
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.stores.logbook.log_blocks import LogBlock, write_content
from pipelines.stores.logbook.log_entries import LoggedPrediction
from pipelines.stores.logbook.prediction_ids import PredictionIds, make_ids
from pipelines.stores.logbook.prediction_log import PredictionLog

START = datetime(2024, 3, 1)
CLASSES = ["no", "yes"]


@dataclass
class Traffic:
    """`rows` answers over `days`: a number, a category, a text, a date, a history feature; every tenth is broken."""

    rows: int
    days: float = 7.0
    seed: int = 0
    version: int = 1
    columns: dict[str, list[Any]] = field(default_factory=dict)

    contract = Contract(
        problem="p",
        task="binary",
        target="y",
        classes=CLASSES,
        class_type="text",
        time="at",
        columns=(
            Column(name="size", kind="numeric", low=-2, high=2, minimum=-9),
            Column(name="line", kind="categorical", seen=["a", "b"]),
            Column(name="words", kind="text"),
            Column(name="at", kind="datetime"),
        ),
    )

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        n = self.rows
        self.ids = make_ids(n)
        self.moments = np.array([START + timedelta(days=self.days) * one for one in np.sort(rng.random(n))])
        sizes = np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))
        sizes = np.where(rng.random(n) < 0.1, -20.0, sizes)
        self.sizes = [None if value != value else float(value) for value in sizes]
        self.lines = rng.choice(np.array(["a", "b", "ü", None], dtype=object), n).tolist()
        self.words = [f"row {row}" for row in range(n)]
        self.rates = rng.random(n)
        self.odds = rng.beta(2, 2, n)
        self.labels = [CLASSES[int(one)] for one in rng.random(n) < self.odds]

    def block(self, rows: Sequence[int]) -> LogBlock:
        """Some rows as one block."""
        moments = [self.moments[row] for row in rows]
        inputs = {
            "size": np.array([np.nan if self.sizes[row] is None else self.sizes[row] for row in rows]),
            "line": [self.lines[row] for row in rows],
            "words": [self.words[row] for row in rows],
            "at": np.array(moments, dtype="M8[us]"),
        }
        content = write_content(
            [(START.isoformat(), len(rows))],
            "at",
            inputs,
            {"rate": self.rates[list(rows)]},
            np.array([[1 - self.odds[row], self.odds[row]] for row in rows]),
            (CLASSES, CLASSES),
        )
        raw = b"".join(self.ids.raw[16 * row : 16 * row + 16] for row in rows)
        return LogBlock("p", self.version, "r", "api", PredictionIds(raw), min(moments), max(moments), content)

    def single(self, row: int) -> LoggedPrediction:
        """One row by itself."""
        at = self.moments[row]
        inputs = {"size": self.sizes[row], "line": self.lines[row], "words": self.words[row], "at": at.isoformat()}
        odds = {"no": 1 - self.odds[row], "yes": self.odds[row]}
        history = {"rate": self.rates[row]}
        return LoggedPrediction(
            self.ids.text(row), "p", self.version, "r", START, at, inputs, "yes", odds, history=history
        )

    def log(self, log: PredictionLog, size: int | None = 50, order: Sequence[int] | None = None) -> None:
        """Everything in blocks of so many rows, in this order; as single rows without a size."""
        order = list(range(self.rows)) if order is None else list(order)
        if size is None:
            log.append([self.single(row) for row in order])
        else:
            log.append([self.block(order[first : first + size]) for first in range(0, len(order), size)])

    def label(self, log: PredictionLog, rows: Sequence[int], known_at: datetime = START + timedelta(days=30)) -> None:
        """The true labels of some rows, known at a moment."""
        items = [{"id": self.ids.text(row), "label": self.labels[row], "known_at": known_at} for row in rows]
        assert not log.add_labels("p", items, known_at, lambda label: label).rejected

    def side(self, rows: int = 400) -> ReleaseSide:
        """A release that was judged on rows like these."""
        import pandas as pd

        held = Traffic(rows, seed=99)
        frame = pd.DataFrame({"size": held.sizes, "line": held.lines, "words": held.words, "rate": held.rates})
        frame["at"] = held.moments.astype("M8[us]")
        labels = np.array([CLASSES.index(one) for one in held.labels], dtype=float)
        scores = np.column_stack([1 - held.odds, held.odds])
        reference = Answered(frame, held.moments.astype("M8[us]"), scores, labels, {})
        return ReleaseSide(self.version, self.contract, ("rate",), reference, {"log_loss": 0.6})


@pytest.fixture
def traffic() -> type[Traffic]:
    """Makes answered rows."""
    return Traffic
