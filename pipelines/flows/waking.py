"""Has Prefect ready before the first flow is called."""

from __future__ import annotations

import threading
from collections.abc import Callable


def begin_waking() -> Callable[[], None]:
    """Start what Prefect needs to run flows; the function given back returns when it is awake.

    Without a server Prefect starts one in a process of its own, which takes as long as importing the steps: both can
    happen at once. Prefect itself is imported here, in the caller's thread, since two threads that import it deadlock.
    """
    from prefect.client.orchestration import get_client
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import get_current_settings

    if get_current_settings().api.url:
        return _nothing
    waking = threading.Thread(target=SubprocessASGIServer().start, name="wake-prefect", daemon=True)
    waking.start()

    def wait() -> None:
        waking.join()
        with get_client(sync_client=True):  # raises what went wrong
            pass

    return wait


def _nothing() -> None:
    """There is a server already."""
