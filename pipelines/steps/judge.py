"""Judge: the verdict on a window of the prediction log, with everything that it went by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.comparison import Pair, measure_pairs
from pipelines.core.drift import ColumnScore, Level, Verdict
from pipelines.core.observation import Answered
from pipelines.core.problem import Problem
from pipelines.core.watching.judging import judge_view
from pipelines.core.watching.observed import Observed
from pipelines.core.watching.release_side import ReleaseSide
from pipelines.core.watching.seasons import YEAR_AGO
from pipelines.core.watching.view import View
from pipelines.stores.drift.drift_quality import window_tables
from pipelines.stores.drift.drift_reports import Comparison, Labelled, compare, save_report
from pipelines.stores.logbook.log_memory import LogMemory
from pipelines.stores.logbook.prediction_log import PredictionLog


@dataclass(frozen=True)
class Stretch:
    """A window [start, end) of the log, by the labels known at `as_of`; moments with a zone."""

    start: datetime
    end: datetime
    as_of: datetime


@dataclass(frozen=True)
class Judgement:
    """A verdict and what it went by; `content` is a digest of all that: other labels make another one."""

    verdict: Verdict
    content: str
    comparison: Comparison
    side: ReleaseSide
    view: View

    def save_report(self, workspace: Path, problem: Problem) -> Path:
        """Evidently's report on the window, in its workspace; its file."""
        enough = self.verdict.facts.performance is not None
        labelled = _labelled(problem, self.side, self.view) if enough else None
        tables = window_tables(self.side, self.view, problem.monitoring.sample) if len(self.view.sample) else None
        return save_report(workspace, problem.name, self.verdict, self.comparison, labelled, tables)


def judge(
    problem: Problem,
    side: ReleaseSide,
    run_id: str,
    log: PredictionLog,
    memory: Path,
    stretch: Stretch,
    before: Mapping[str, Level],
    draw: bool = True,
) -> Judgement:
    """The verdict on what the log holds of the stretch, against the release of that run.

    `memory` is a folder for what earlier windows showed; without it they are looked at again. `before`: the levels of
    the verdict before. The order in which answers and labels came changes nothing. Without `draw` Evidently is left
    out: the same verdict by the same formulas, and a report that draws no drift.
    """
    start = stretch.start
    view = _view(log, problem, side, stretch)
    earlier = LogMemory(memory, problem.name, run_id, side, problem.monitoring.sample)
    past = log.look_back(earlier, start, stretch.end - start, problem.monitoring.memory, stretch.as_of)
    year_ago = Stretch(start - YEAR_AGO, stretch.end - YEAR_AGO, stretch.as_of)
    baselines = [one for one in [_view(log, problem, side, year_ago)] if one.rows >= problem.monitoring.min_rows]
    taken: list[Comparison] = []

    def measure(pairs: Sequence[Pair]) -> Mapping[str, ColumnScore]:
        taken.append(compare(pairs) if draw else Comparison(measure_pairs(pairs), None))
        return taken[-1].scores

    verdict = judge_view(problem, side, view, past, before, baselines, measure)
    content = _digest(problem, [side.version, run_id], [view, *baselines], past, before)
    return Judgement(verdict, content, taken[-1] if taken else compare([]), side, view)


def _view(log: PredictionLog, problem: Problem, side: ReleaseSide, stretch: Stretch) -> View:
    size = problem.monitoring.sample
    return log.view(problem.name, side.contract, side.history, stretch.start, stretch.end, stretch.as_of, size)


def _digest(
    problem: Problem, release: list[Any], views: Sequence[View], past: Sequence[Observed], before: Mapping[str, Level]
) -> str:
    """Of what the verdict is a function of; the same content has the same digest, whenever it is looked at."""
    watch = problem.monitoring.model_dump(mode="json")
    told = [watch, *release, dict(before), [one.to_dict() for one in past]]
    told += [[view.rows, view.versions, [asdict(one) for one in view.counts]] for view in views]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for view in views:
        sample = view.sample
        for values in (sample.moments.astype("M8[us]"), sample.scores, sample.labels, view.sample_versions):
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _labelled(problem: Problem, side: ReleaseSide, view: View) -> Labelled | None:
    """The labelled rows of both sides for Evidently's quality report, at most `monitoring.sample` of each."""
    classes = side.contract.classes or []
    frames = [_known(one, classes, problem.monitoring.sample) for one in (side.reference, view.of(side.version))]
    return Labelled(side.task, classes, *frames)


def _known(rows: Answered, classes: Sequence[str], size: int) -> pd.DataFrame:
    found = rows.rows(np.isfinite(rows.labels) & np.isfinite(rows.scores.reshape(len(rows), -1)).all(axis=1))
    found = found.rows(np.unique(np.linspace(0, max(len(found) - 1, 0), size).astype(int))[: len(found)])
    if not classes:
        return pd.DataFrame({"target": found.labels, "prediction": found.scores})
    names = np.array(classes, dtype=object)
    texts = {"target": names[found.labels.astype(int)], "prediction": names[found.scores.argmax(axis=1)]}
    return pd.DataFrame({**texts, **dict(zip(classes, found.scores.T, strict=True))})
