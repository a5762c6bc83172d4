from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pipelines.core.settings import Settings
from pipelines.steps.policy_rehearsal import Rehearsal
from pipelines.stores.problems.problem_files import LoadedProblem


def test_a_rehearsal_can_be_sent(rehearsal_table: Callable[..., LoadedProblem], settings: Settings) -> None:
    spans = [(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 8, tzinfo=UTC))]
    traffic: Any = None
    sent = Rehearsal(rehearsal_table(), settings, traffic, spans)
    assert pickle.loads(pickle.dumps(sent)) == sent  # noqa: S301 - our own bytes
