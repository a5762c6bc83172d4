"""A training on the worker of the running stack, waited for."""

from __future__ import annotations

from typing import Any

from pipelines.core import errors
from pipelines.core.errors import RatchetError, Unavailable
from pipelines.flows.requests import DEPLOYMENT


def train_on_worker(parameters: dict[str, Any]) -> dict[str, Any]:
    """The training's summary, when the worker has finished it; its error as the error that it was there."""
    from prefect.deployments import run_deployment
    from prefect.exceptions import ObjectNotFound

    try:
        run = run_deployment(DEPLOYMENT, parameters=parameters, as_subflow=False, poll_interval=1)
    except ObjectNotFound as error:
        raise Unavailable(
            f"the Prefect server has no deployment {DEPLOYMENT}: the worker registers it, see `ratchet status`"
        ) from error
    if run.state is None or not run.state.is_completed():
        raise error_of(run)
    return dict(run.state.result())


def error_of(run: Any) -> RatchetError:
    """The error that ended a flow run, from the message that Prefect keeps of it."""
    message = run.state.message if run.state is not None else "no state"
    # Prefect writes "Flow run encountered an exception: ContractError: ..."; the class decides the exit code.
    for word, rest in _splits(message or ""):
        found = getattr(errors, word, None)
        if isinstance(found, type) and issubclass(found, RatchetError):
            return found(rest)
    return Unavailable(f"the flow run {run.name} ended as {run.state.name if run.state else '?'}: {message}")


def _splits(message: str) -> list[tuple[str, str]]:
    words = message.split(": ")
    return [(words[i], ": ".join(words[i + 1 :])) for i in range(len(words) - 1)]
