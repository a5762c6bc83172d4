"""The backtesting flow: the whole loop replayed over history, where the run can be watched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from prefect import flow, task

from pipelines.core.settings import Settings
from pipelines.flows.progress import tell
from pipelines.flows.run_names import problem_of_run
from pipelines.steps.backtest import backtest
from pipelines.stores.problems.known_problems import resolve_problem
from pipelines.stores.problems.policy_files import load_policy


@task(name="backtest", task_run_name="backtest-{problem}")
def replay_policies(
    problem: str,
    policies: Sequence[Path],
    start: datetime | None,
    end: datetime | None,
    window: timedelta | None,
    only: Sequence[str],
    fresh: bool,
    jobs: int,
) -> dict[str, Any]:
    """The outcome of each policy; what was trained before a kill is found again."""
    settings = Settings()
    loaded = resolve_problem(settings, problem)
    given = [load_policy(Path(one), loaded.problem) for one in policies]
    return backtest(loaded, settings, given, start, end, window, only=only, fresh=fresh, jobs=jobs, progress=tell)


@flow(name="backtesting", flow_run_name=problem_of_run, persist_result=False)
def backtesting(
    problem: str,
    policies: Sequence[Path] = (),
    start: datetime | None = None,
    end: datetime | None = None,
    window: timedelta | None = None,
    only: Sequence[str] = (),
    fresh: bool = False,
    jobs: int = 2,
) -> dict[str, Any]:
    """Replay a problem's history under the default policies, its own and those of `policies` (files)."""
    return dict(replay_policies(problem, policies, start, end, window, only, fresh, jobs))
