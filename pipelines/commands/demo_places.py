"""Where the demo's services answer: a stack that the settings name, or the one that it starts itself."""

from __future__ import annotations

from pipelines.core.settings import Settings


def runs_elsewhere(settings: Settings) -> bool:
    """Whether the settings name a whole stack: then nothing is to be started here.

    >>> runs_elsewhere(Settings())
    False
    """
    registry = (settings.mlflow_uri or "").startswith(("http://", "https://"))
    return registry and bool(settings.prefect_url and settings.service_url)


def addresses_elsewhere(settings: Settings) -> dict[str, str]:
    """The addresses of that stack by the names of its services; waits a minute for the prediction service."""
    from pipelines.stack.addresses import wait_for

    service = (settings.service_url or "").rstrip("/")
    wait_for(f"{service}/healthz", 60)
    found = {
        "prediction": service,
        "console": settings.console,
        "mlflow": settings.mlflow_page or (settings.mlflow_uri or "").rstrip("/"),
        "prefect": settings.prefect_page or (settings.prefect_url or "").rstrip("/").removesuffix("/api"),
    }
    return found | ({"evidently": settings.evidently_url} if settings.evidently_url else {})


def told_before(settings: Settings, problem: str) -> str | None:
    """What to say where the story was told already: a stack that others use is never emptied by a command."""
    from pipelines.stores.decisions.ledger import Ledger

    ledger = Ledger(settings.database)
    try:
        entries = len(ledger.entries(problem))
    finally:
        ledger.close()
    if not entries:
        return None
    return f"this stack knows {problem} already ({entries} ledger entries): the demo is told in one that does not"
