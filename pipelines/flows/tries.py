"""What every task is run with: retried when an outside system did not answer, and never for another reason."""

from __future__ import annotations

from typing import Any

from prefect.cache_policies import NO_CACHE

from pipelines.core.errors import Unavailable


def _is_passing(task: Any, run: Any, state: Any) -> bool:
    """Whether trying again can help: a damaged table stays damaged, a server that restarts comes back."""
    return isinstance(state.result(raise_on_failure=False), Unavailable)


RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": [2, 5, 10],
    "retry_condition_fn": _is_passing,
    # What is done already is known by its files: Prefect's cache would be a second truth.
    "cache_policy": NO_CACHE,
    "persist_result": False,
}
