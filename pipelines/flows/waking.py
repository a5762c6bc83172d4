"""Has Prefect ready before the first flow is called."""

from __future__ import annotations


def wake_prefect() -> None:
    """Return when Prefect's API can be called; without a server it starts one in a process of its own first."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True):
        pass
