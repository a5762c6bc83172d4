"""The release that is watched: its contract, its held-out rows with answers and labels, and what it promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from pipelines.core.contract import Contract
from pipelines.core.observation import Answered
from pipelines.core.problem import Task
from pipelines.core.watching.expected_loss import Promise, make_promise


@dataclass(frozen=True, eq=False)
class ReleaseSide:
    """A release's reference profile, as the judgement of its windows needs it.

    Compared and hashed by identity, so that what depends on the reference alone can be kept beside it.
    """

    version: int
    contract: Contract
    history: Sequence[str]
    """Names of the history features."""
    reference: Answered
    """The held-out rows that the release was judged on, with its answers and their labels."""
    losses: Mapping[str, float] = field(default_factory=dict)
    """The scorecard's values by metric."""
    usage: Mapping[str, float] = field(default_factory=dict)
    """How much the model goes by each feature: shares that add up to 1; empty where nobody found out."""
    label_delay: timedelta = timedelta(0)
    """How long after an answer nearly every label of the held-out rows was known."""
    kept: dict[str, Any] = field(init=False, default_factory=dict, repr=False)
    """What was worked out from the reference alone, by its name: made once, used for every window."""

    @property
    def task(self) -> Task:
        """The task that the release solves."""
        return self.contract.task

    @property
    def metric(self) -> str:
        """The metric that windows are judged in."""
        return "rmse" if self.task == "regression" else "log_loss"

    @cached_property
    def promise(self) -> Promise:
        """What the release's answers promise of their own loss; made once."""
        return make_promise(self.task, self.reference, self.losses.get(self.metric))
