"""Compare: two releases of a problem on the same rows, and what is not the same in how they were made."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipelines.core.contract import Column, Contract
from pipelines.core.dependence import dependent_rows
from pipelines.core.errors import NotEnoughData
from pipelines.core.evaluation.differences import Change, changes, text_changes
from pipelines.core.evaluation.reference_table import reference_labels, reference_scores
from pipelines.core.evaluation.side_by_side import SideBySide, lay_side_by_side
from pipelines.core.observation import encode_labels, read_window
from pipelines.core.scoring import score
from pipelines.core.settings import Settings
from pipelines.core.slicing import slice_values
from pipelines.steps.evaluate import seen_before
from pipelines.steps.prepare import prepare_frame
from pipelines.stores.bundles.bundle import DOCUMENTS, Bundle
from pipelines.stores.data.snapshots import restore
from pipelines.stores.data.tables import read_parquet, write_parquet
from pipelines.stores.logbook.prediction_log import open_log
from pipelines.stores.registry.lean_registry import LeanRegistry
from pipelines.stores.releases.champions import open_release
from pipelines.stores.releases.rivals import rival_scores

Place = Literal["held-out", "log"]
_FACTS = (
    "snapshot",
    "rows",
    "labels",
    "trained_rows",
    "trained_until",
    "as_of",
    "learner",
    "params",
    "code",
    "history",
)


@dataclass(frozen=True)
class Lineage:
    """What is not the same in how two releases were made; `problem` is a diff of the problem files."""

    facts: list[Change]
    contract: list[Change]
    problem: list[str]


@dataclass(frozen=True)
class Compared:
    """Two releases; `measured` is None where the older one cannot answer the newer one's rows, and `reason` says why.

    `on`: whose rows they were measured on. A gain above 0 says that `second` is better.
    """

    problem: str
    first: int
    second: int
    on: str
    measured: SideBySide | None
    reason: str | None
    notes: list[str]
    lineage: Lineage


@dataclass(frozen=True)
class _Rows:
    """Labelled rows that both are measured on, in the order of their ids; `scores` are the newer one's answers."""

    frame: pd.DataFrame
    y: np.ndarray
    scores: np.ndarray
    told: str


def compare_releases(problem: str, settings: Settings, first: int, second: int, on: Place, now: datetime) -> Compared:
    """Both versions on the held-out rows of the newer one, or on what the log has of rows labelled since it was made.

    NotEnoughData when there is no such row, NotFound when there is no such version.
    """
    registry = LeanRegistry(settings)
    bundles = {one: open_release(settings, registry, registry.release(problem, one)) for one in {first, second}}
    older, newer = bundles[min(first, second)], bundles[max(first, second)]
    rows = _held_out(newer) if on == "held-out" else _logged(settings, newer, now)
    with tempfile.TemporaryDirectory(prefix="ratchet-compare-") as place:
        theirs, reason = _older_scores(settings, older, newer, rows, on, Path(place))
    measured = None
    if theirs is not None:
        sides = (theirs, rows.scores) if first <= second else (rows.scores, theirs)
        measured = _measure(newer, rows, *sides)
    return Compared(
        problem=problem,
        first=first,
        second=second,
        on=rows.told,
        measured=measured,
        reason=reason,
        notes=seen_before(older, rows.frame),
        lineage=lineage(bundles[first], bundles[second]),
    )


def lineage(first: Bundle, second: Bundle) -> Lineage:
    """What is not the same in how two releases were made: data, learner, code, contract, problem file."""
    facts = [{name: one.release.get(name) for name in _FACTS} for one in (first, second)]
    texts = [(one.folder / DOCUMENTS / "problem.yaml").read_text() for one in (first, second)]
    return Lineage(
        facts=changes(*facts),
        contract=changes(_rules(first.contract), _rules(second.contract)),
        problem=text_changes(*texts),
    )


def _rules(contract: Contract) -> dict[str, Any]:
    """The contract without what was merely seen in the data, which every snapshot changes."""
    columns = {one.name: _rule(one) for one in contract.columns}
    return {"task": contract.task, "target": contract.target, "classes": contract.classes, "columns": columns}


def _rule(column: Column) -> str:
    """What the contract demands of a column, in words."""
    declared = {name: getattr(column, name) for name in ("minimum", "maximum", "categories")}
    return ", ".join(
        [
            f"{column.kind} feature" if column.feature else f"{column.kind}, no feature",
            *(["required"] if column.required else []),
            *(f"{name} {value}" for name, value in declared.items() if value is not None),
        ]
    )


def _held_out(newer: Bundle) -> _Rows:
    """The rows that the newer release was judged on, with the answers kept with them."""
    frame = read_parquet(newer.reference_path).sort_values("__row", ignore_index=True)
    scores = reference_scores(frame, newer.contract.classes)
    y = encode_labels(newer.contract, reference_labels(frame))
    return _Rows(frame, y, scores, f"{len(frame):,} held-out rows of version {newer.version}")


def _logged(settings: Settings, newer: Bundle, now: datetime) -> _Rows:
    """Rows answered and labelled since the newer release was made: none that either was trained on."""
    history = [one.name for one in newer.problem.features.history]
    since = datetime.fromisoformat(newer.release["as_of"]).astimezone(UTC)
    log = open_log(settings)
    try:
        rows = log.window(newer.problem.name, since, now, labels_as_of=now)
    finally:
        log.close()
    joined = [set(history) <= set(one or {}) for one in rows["history"]]
    rows = rows[rows["label"].notna() & np.array(joined, dtype=bool)].sort_values("id", ignore_index=True)
    if rows.empty:
        raise NotEnoughData(
            f"the log has no labelled row of {newer.problem.name!r} since {since.isoformat()}, when version "
            f"{newer.version} was made: hand in labels (`ratchet label`), or compare on held-out rows"
        )
    window = read_window(newer.contract, history, rows)
    window = window.rows(np.isfinite(window.labels))
    ids = rows["id"].to_numpy(dtype=object)[np.isfinite(encode_labels(newer.contract, rows["label"]))]
    frame = window.frame.assign(__row=ids, __time=window.moments).reset_index(drop=True)
    scores = score(newer.pipeline, newer.contract.task, frame)
    return _Rows(frame, window.labels, scores, f"{len(frame):,} rows of the log, labelled since {since:%Y-%m-%d %H:%M}")


def _older_scores(
    settings: Settings, older: Bundle, newer: Bundle, rows: _Rows, on: Place, place: Path
) -> tuple[np.ndarray | None, str | None]:
    if older.version == newer.version:
        return rows.scores, None
    prepared = place / "prepared.parquet"
    if not _same_history(older, newer):
        if on == "log":
            return None, "their history features differ, and the log has those of the release that answered"
        snapshot = restore(newer.release["snapshot"], newer.problem.name, settings)
        write_parquet(prepare_frame(newer.problem, newer.contract, read_parquet(snapshot)), prepared)
    return rival_scores(older, newer.problem, newer.contract, rows.frame, prepared)


def _same_history(older: Bundle, newer: Bundle) -> bool:
    known = newer.problem.features.history
    return all(feature in known for feature in older.problem.features.history)


def _measure(newer: Bundle, rows: _Rows, first: np.ndarray, second: np.ndarray) -> SideBySide:
    problem, task = newer.problem, newer.contract.task
    clusters, _ = dependent_rows(problem, rows.frame)
    return lay_side_by_side(
        task,
        problem.primary_metric(task),
        rows.y,
        first,
        second,
        clusters=clusters,
        slices={
            name: slice_values(rows.frame[name]) for name in problem.good_enough.slices if name in rows.frame.columns
        },
        confidence=problem.good_enough.confidence,
        seed=problem.split.seed,
    )
