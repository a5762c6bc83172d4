"""What every policy of a backtest goes by, wherever it is replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.core.backtesting.outcomes import PolicyOutcome
from pipelines.core.backtesting.policies import Policy
from pipelines.core.backtesting.traffic import Traffic
from pipelines.core.settings import Settings
from pipelines.stores.problems.problem_files import LoadedProblem

Progress = Callable[[str, int, int, str], None]


@dataclass(frozen=True)
class Rehearsal:
    """The problem, its rows and its windows; `room` is the throw-away home of its trainings."""

    loaded: LoadedProblem
    room: Settings
    traffic: Traffic
    spans: Sequence[tuple[datetime, datetime]]


Live = Callable[[Rehearsal, Policy, Progress], PolicyOutcome]
"""One policy from the first window to the last."""
