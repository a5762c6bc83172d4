"""The days of a stream, boiled down once: what windows of any length are made of, with all labels or with none."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.alarms.releases import RELEASED, Watched
from benchmarks.alarms.rows import NUMBERS, REGIONS, Drawn
from pipelines.core.observation import Answered
from pipelines.core.watching.observed import Block, cut_blocks

FIRST: datetime = RELEASED.astype("datetime64[us]").item().replace(tzinfo=UTC)
DAY = timedelta(days=1)
NEVER = int(np.iinfo(np.int64).max)


class Days:
    """Every day from the release on: where its rows are, what is counted of them, and their blocks."""

    def __init__(self, drawn: Drawn, watched: Watched) -> None:
        self.drawn, self.watched = drawn, watched
        edges = RELEASED + np.arange(drawn.stream.days + 1) * np.timedelta64(1, "D")
        self.edges = np.searchsorted(drawn.moments, edges)
        since = (drawn.known_at - RELEASED).astype("timedelta64[us]").astype(np.int64)
        self.known = np.where(np.isnat(drawn.known_at), NEVER, since)
        """(rows,) microseconds from the release to each label."""
        self.expected = watched.side.promise.expected(
            Answered(drawn.features, drawn.moments, watched.answers, drawn.labels, {})
        )
        self.columns = _columns(drawn, watched)
        self.counts = _counts(drawn, watched)
        self._labelled = self._cut()

    def blocks(self, day: int, labelled: bool) -> list[Block]:
        """The block of a day (none: no rows), with every label that ever comes, or with none."""
        return [one if labelled else _unlabelled(one) for one in self._labelled[day]]

    def _cut(self) -> list[list[Block]]:
        drawn, served = self.drawn, slice(int(self.edges[0]), int(self.edges[-1]))
        labels = np.where(self.known == NEVER, np.nan, drawn.labels)[served]
        answers, moments = self.watched.answers[served], drawn.moments[served]
        rows = Answered(drawn.features.iloc[served], moments, answers, labels, {})
        terms = self.watched.side.promise.terms(answers, labels, self.expected[served])
        found: list[list[Block]] = [[] for _ in range(drawn.stream.days)]
        for block in cut_blocks(rows, terms, DAY, FIRST):
            found[(block.start - FIRST) // DAY].append(block)
        return found


def _unlabelled(block: Block) -> Block:
    """What the block was before the first label came."""
    sums: dict[str, Any] = {one.name: getattr(block, one.name) for one in fields(block)[3:]}
    zeros: dict[str, Any] = {
        name: (0.0,) * len(value) if isinstance(value, tuple) else 0 * value for name, value in sums.items()
    }
    return replace(block, **zeros)


def _columns(drawn: Drawn, watched: Watched) -> dict[str, np.ndarray]:
    """Features and answer as arrays: numbers, or codes of categories; for rules that look at columns."""
    features, answers, task = drawn.features, watched.answers, drawn.stream.task
    found = {name: features[name].to_numpy() for name in NUMBERS}
    found["region"] = pd.Categorical(features["region"], categories=list(REGIONS)).codes.astype(np.int64)
    found["prediction"] = answers if task == "regression" else answers[:, 1] if task == "binary" else answers.argmax(1)
    return found


def _counts(drawn: Drawn, watched: Watched) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """By column, how many of the rows up to each are missing, in an unseen category, out of the range seen."""
    columns = watched.side.contract.by_name
    found = {}
    for name in (*NUMBERS, "region"):
        values, seen = drawn.features[name], columns[name].seen
        missing = values.isna().to_numpy()
        outside = unseen = np.zeros(len(values), dtype=bool)
        if seen is not None:
            unseen = ~missing & ~values.isin(seen).to_numpy()
        if columns[name].low is not None and columns[name].high is not None:
            outside = ~missing & ~values.between(columns[name].low, columns[name].high).to_numpy()
        found[name] = tuple(np.concatenate([[0], np.cumsum(one)]) for one in (missing, unseen, outside))
    return found  # type: ignore[return-value]
