"""Progress of a flow: tasks tell it, the command line listens; without a listener it goes to the flow run's log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, int, int, str], None]
"""Called with the step, how much of it is done, out of how much, and what it is doing."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within it, everything that flows of this thread tell goes to `listener`.

    >>> with listening(lambda step, done, total, text: print(step, done, total, text)):
    ...     tell("train", 1, 10, "first trial")
    train 1 10 first trial
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(step: str, done: int, total: int, text: str) -> None:
    """Say how far a step is."""
    listener = _listener.get()
    if listener is not None:
        listener(step, done, total, text)
        return
    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        get_run_logger().info("%s %d/%d %s", step, done, total, text)
    except MissingContextError:  # called outside of a run: nobody is there to be told
        return
