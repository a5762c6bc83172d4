"""Sets a command up: settings from the environment, and the environment of the tools."""

from __future__ import annotations

import difflib
import os
import warnings

from pipelines.core.errors import ProblemError, SourceError
from pipelines.core.settings import Settings
from pipelines.stack.addresses import live_prefect_api
from pipelines.stack.environment import tool_environment
from pipelines.stack.processes import HELPER, TOKEN, end_orphans, helper_mark

_CLIENTS = {"RATCHET_URL", "RATCHET_API_KEY"}  # what ratchet_client reads: an application may run beside the commands


def read_settings() -> Settings:
    """The settings of this process; ProblemError names a variable that cannot be used, SourceError a key."""
    from pydantic import ValidationError

    known = {f"RATCHET_{name.upper()}" for name in Settings.model_fields} | {TOKEN, HELPER} | _CLIENTS
    for name in sorted(name for name in os.environ if name.startswith("RATCHET_") and name not in known):
        close = difflib.get_close_matches(name, known, n=1)
        raise ProblemError(
            f"{name} is no setting; " + (f"did you mean {close[0]}?" if close else "see docs/reference/settings.md")
        )
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = "; ".join(f"RATCHET_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        raise ProblemError(f"the environment has settings that cannot be used: {wrong}") from None
    _require_readable(settings)
    return settings


def _require_readable(settings: Settings) -> None:
    """A key that cannot be read is told before a training, not after it."""
    for name in ("signing_key", "verify_key"):
        path = getattr(settings, name)
        if path is not None and not os.access(path, os.R_OK):
            raise SourceError(f"RATCHET_{name.upper()} {path} cannot be read: check the path and its rights")


def prepare_tools(settings: Settings, with_server: bool = True) -> str | None:
    """Tell the tools of this process where things are; gives the Prefect API in use, None when it runs in process.

    Called before Prefect or MLflow are imported: both read their environment then.
    """
    api = live_prefect_api(settings) if with_server else None
    end_orphans(settings.home)
    os.environ.pop("PREFECT_API_URL", None)
    (settings.home / "prefect").mkdir(parents=True, exist_ok=True)  # Prefect makes no parents, and then waits in vain
    os.environ.update({**tool_environment(settings, api), **helper_mark(settings.home)})
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")  # the command has its own progress
    # A person is told the error once, by the command; its traceback is in the flow run's log.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "WARNING")
    if not os.environ.get("PYTHONWARNINGS"):
        warnings.simplefilter("ignore")  # third parties' deprecations are no news to whoever trains a model
    return api
