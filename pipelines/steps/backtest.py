"""Backtest: the whole loop replayed over history under several policies, by the very same steps."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.backtesting.candidates import first_champion
from pipelines.core.backtesting.outcomes import PolicyOutcome
from pipelines.core.backtesting.policies import Policy, chosen_policies
from pipelines.core.backtesting.spans import stretch, windows
from pipelines.core.backtesting.truth import metric_of
from pipelines.core.errors import ProblemError
from pipelines.core.problem import Monitoring, Problem, Retraining, Serving, write_duration
from pipelines.core.settings import Settings
from pipelines.steps.compare_policies import compare_policies
from pipelines.steps.policy_rehearsal import Progress, Rehearsal
from pipelines.steps.reading import moments_of, read_as_of
from pipelines.steps.recall_rows import recall_rows
from pipelines.steps.train_as_of import TrainingRoom, throw_away_settings
from pipelines.stores.code_version import code_version
from pipelines.stores.compute.cluster import open_cluster
from pipelines.stores.data.snapshots import content_digest
from pipelines.stores.problems.contracts import contract_in_force
from pipelines.stores.problems.problem_files import LoadedProblem

LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def backtest(
    loaded: LoadedProblem,
    settings: Settings,
    policies: Sequence[Policy] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    window: timedelta | None = None,
    *,
    only: Sequence[str] = (),
    fresh: bool = False,
    jobs: int = 2,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The outcome of each policy as JSON: the default ones, the problem's own, and `policies`, or `only` some by name.

    The first release is trained on what was known at `start` (default: when a quarter of the labels were known), the
    last window ends by `end` (default: the last label). Trainings are kept in the home and shared between policies and
    backtests of the same data, problem and code; `fresh` makes all of them anew. `jobs`
    policies are replayed at a time, or as many as the settings' cluster has processes. ProblemError without a time
    column. NotEnoughData when the first training does not pass the gate.
    """
    began = time.monotonic()
    tell = progress or _silent
    wanted = chosen_policies(loaded.problem, policies, only)
    loaded = _with_window(loaded, window)
    rehearsal = _prepare(loaded, settings, start, end, fresh, tell)
    with open_cluster(settings) as cluster:
        found = compare_policies(rehearsal, wanted, jobs, tell, cluster)
    TrainingRoom(loaded, rehearsal.room).tidy()
    return _result(rehearsal, found, time.monotonic() - began)


def _with_window(loaded: LoadedProblem, window: timedelta | None) -> LoadedProblem:
    """The problem as it is judged in windows of another length."""
    if window is None:
        return loaded
    monitoring = loaded.problem.monitoring.model_copy(update={"window": window})
    return replace(loaded, problem=loaded.problem.model_copy(update={"monitoring": monitoring}))


def _prepare(
    loaded: LoadedProblem,
    settings: Settings,
    start: datetime | None,
    end: datetime | None,
    fresh: bool,
    tell: Progress,
) -> Rehearsal:
    """The rows in the order of their moments, the windows, and the room with the first training in it."""
    problem = loaded.problem
    if problem.data.time is None:
        raise ProblemError(
            f"{problem.name} has no data.time: a backtest replays rows in the order in which they were asked about. "
            "Name the column that says when"
        )
    tell("read", 0, 1, "reading the source")
    frame = read_as_of(loaded, settings, LATEST)
    start, until = stretch(_known(problem, frame), start, end, problem.monitoring.window)
    spans = windows(start, until, problem.monitoring.window)
    home = settings.home / "rehearsals" / problem.name / _room_key(problem, frame, start)
    room = throw_away_settings(settings, home, fresh)
    tell("read", 1, 1, f"{len(frame):,} rows, {len(spans)} windows from {start:%Y-%m-%d} to {spans[-1][1]:%Y-%m-%d}")
    tell("begin", 0, 1, f"the first training, as of {start:%Y-%m-%d}")
    first = TrainingRoom(loaded, room)(start, None, None)
    first_champion(start, first)
    contract = contract_in_force(problem.name, room)
    assert contract is not None  # the first training has put it there
    known = frame if end is None else read_as_of(loaded, settings, end)
    traffic = recall_rows(problem, contract, known, start)
    tell("begin", 1, 1, f"{first.learner}, {len(traffic):,} rows to serve")
    return Rehearsal(loaded, room, traffic, spans)


def _known(problem: Problem, frame: pd.DataFrame) -> np.ndarray:
    """When each label became known: of the rows that have one."""
    data = problem.data
    labelled = frame[data.target.column].notna().to_numpy()
    times = moments_of(frame, data.label_known_at or str(data.time), "data.label_known_at or data.time")
    if data.label_delay is not None:
        times = times + np.timedelta64(data.label_delay)
    return times[labelled & ~np.isnat(times)]


def _room_key(problem: Problem, frame: pd.DataFrame, start: datetime) -> str:
    """What a training is made from: data, code, and the problem but for what only policies and windows read."""
    neutral = {"retraining": Retraining(), "monitoring": Monitoring(), "serving": Serving()}
    parts = [problem.model_copy(update=neutral).digest, content_digest(frame), code_version().digest, start.isoformat()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _result(rehearsal: Rehearsal, found: Sequence[PolicyOutcome], seconds: float) -> dict[str, Any]:
    problem, task = rehearsal.loaded.problem, rehearsal.traffic.contract.task
    return {
        "problem": problem.name,
        "question": problem.question,
        "task": task,
        "metric": metric_of(task),
        "start": rehearsal.spans[0][0].isoformat(),
        "end": rehearsal.spans[-1][1].isoformat(),
        "window": write_duration(problem.monitoring.window),
        "rows": sum(one.rows for one in found[0].windows),
        "refused": rehearsal.traffic.refused,
        "policies": [one.to_dict() for one in found],
        "notes": _notes(problem),
        "seconds": round(seconds, 1),
    }


def _notes(problem: Problem) -> list[str]:
    """What of life is not replayed."""
    found = ["Not replayed: the rehearsal over HTTP, signatures, cards and the registry. All else are the same steps."]
    if problem.good_enough.approval:
        found.append("A release that waits for a second person is taken for approved at once.")
    return found


def _silent(step: str, done: int, total: int, text: str) -> None:
    """Nobody listens."""
