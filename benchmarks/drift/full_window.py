"""A window of ten columns whose drift is known, as a log for us and as tables for the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.core.contract import Column, Contract
from pipelines.core.observation import Answered
from pipelines.core.problem import Problem
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.stores.logbook.log_blocks import LogBlock, write_content
from pipelines.stores.logbook.prediction_ids import make_ids
from pipelines.stores.logbook.prediction_log import PredictionLog

NUMBERS = [f"n{place}" for place in range(7)]
CATEGORIES = [f"c{place}" for place in range(3)]
DRIFTED = frozenset({"n0", "n1", "c0"})
"""Moved by half a deviation, twice as wide, other shares."""
NAME, CLASSES, RUN = "window", ["no", "yes"], "bench"
START, END = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 8, tzinfo=UTC)
LABELS = 5_000
_BLOCK, _AT_ONCE = 1_000, 50_000  # rows of a request; rows of a transaction
_LETTERS = np.array(list("abcd"), dtype=object)


def problem() -> Problem:
    """The problem whose window it is; thresholds are the defaults."""
    return Problem.model_validate({"name": NAME, "task": "binary", "data": {"source": "x.csv", "target": "y"}})


def columns(rows: int, seed: int, drifted: bool) -> pd.DataFrame:
    """The ten columns, (rows, 10)."""
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(size=rows) for name in NUMBERS}
    found |= {name: _LETTERS[rng.choice(4, rows, p=[0.4, 0.3, 0.2, 0.1])] for name in CATEGORIES}
    if drifted:
        found["n0"] += 0.5
        found["n1"] *= 2
        found["c0"] = _LETTERS[rng.choice(4, rows, p=[0.1, 0.2, 0.3, 0.4])]
    return pd.DataFrame(found)


def answers(frame: pd.DataFrame) -> np.ndarray:
    """The probability of `yes` of each row."""
    return np.asarray(1 / (1 + np.exp(-(frame["n2"] + 0.5 * frame["n3"]))))


def side(rows: int = 10_000) -> ReleaseSide:
    """The release that answered, with its held-out rows."""
    frame = columns(rows, 1, drifted=False)
    chance = answers(frame)
    labels = (np.random.default_rng(2).random(rows) < chance).astype(float)
    scores = np.column_stack([1 - chance, chance])
    loss = float(-np.log(np.where(labels == 1, chance, 1 - chance)).mean())
    moments = np.datetime64("2024-02-01", "us") + np.arange(rows) * np.timedelta64(28 * 86_400_000_000 // rows, "us")
    features = [Column(name=name, kind="numeric", low=-6, high=6) for name in NUMBERS]
    features += [Column(name=name, kind="categorical", seen=_LETTERS.tolist()) for name in CATEGORIES]
    contract = Contract(
        problem=NAME, task="binary", target="y", classes=CLASSES, class_type="text", columns=tuple(features)
    )
    return ReleaseSide(1, contract, (), Answered(frame, moments, scores, labels, {}), {"log_loss": loss})


def pieces(rows: int) -> Iterator[tuple[datetime, pd.DataFrame]]:
    """The window a few thousand rows at a time: the same rows in the log and in the tables."""
    for number, first in enumerate(range(0, rows, _AT_ONCE)):
        at = START + (END - START) * (first / rows)
        yield at, columns(min(_AT_ONCE, rows - first), 1_000 + number, drifted=True)


def write_log(path: Path, rows: int) -> None:
    """The window as the service logs it, in requests of a thousand rows, and some labels."""
    log = PredictionLog(f"sqlite:///{path}")
    rng, known = np.random.default_rng(3), START + timedelta(days=7)
    for at, frame in pieces(rows):
        chance, blocks, items = answers(frame), [], []
        for first in range(0, len(frame), _BLOCK):
            part, odds = frame.iloc[first : first + _BLOCK], chance[first : first + _BLOCK]
            inputs = {name: part[name].to_numpy(dtype=float) for name in NUMBERS}
            lists = {name: part[name].tolist() for name in CATEGORIES}
            ids, moment = make_ids(len(part)), at.replace(tzinfo=None)
            content = write_content(
                [(moment.isoformat(), len(part))],
                None,
                inputs | lists,
                None,
                np.column_stack([1 - odds, odds]),
                (CLASSES, CLASSES),
            )
            blocks.append(LogBlock(NAME, 1, RUN, "api", ids, moment, moment, content))
            for row in np.flatnonzero(rng.random(len(part)) < LABELS / rows).tolist():
                label = CLASSES[int(rng.random() < odds[row])]
                items.append({"id": ids.text(row), "label": label, "known_at": known})
        log.append(blocks)
        log.add_labels(NAME, items, known, lambda label: label)
    log.close()


def write_tables(folder: Path, rows: int) -> None:
    """`reference.parquet` and `window.parquet` for those who want all rows at once."""
    side().reference.frame.to_parquet(folder / "reference.parquet", index=False)
    pd.concat([frame for _, frame in pieces(rows)], ignore_index=True).to_parquet(
        folder / "window.parquet", index=False
    )
