"""What the settings name on other machines or in other containers: where it is asked, and whether it answers."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipelines.core.settings import Settings
from pipelines.stack.addresses import answers


@dataclass(frozen=True)
class Elsewhere:
    """A service that this machine does not run: `url` as the settings give it, `inside` where it is asked."""

    name: str
    title: str
    url: str
    inside: tuple[str, ...]
    """Addresses to ask, the first that answers counts."""
    health: str

    def answering(self, timeout: float = 2.0) -> str | None:
        """The address that answers, or None."""
        return next((one for one in self.inside if answers(f"{one}{self.health}", timeout)), None)


def elsewhere(settings: Settings) -> list[Elsewhere]:
    """Every service of the stack that the settings place elsewhere, in the order of the lineup.

    >>> [one.name for one in elsewhere(Settings(prefect_url="http://prefect:4200/api", service_url="http://proxy"))]
    ['prefect', 'prediction']
    """
    found = []
    if settings.tracking_uri.startswith("http"):
        found.append(_at("mlflow", "MLflow: runs and releases", settings.tracking_uri, "/health"))
    if settings.prefect_url:
        base = settings.prefect_url.rstrip("/").removesuffix("/api")
        found.append(_at("prefect", "Prefect: flows, schedules, runs", base, "/api/health"))
    if settings.service_url:
        asked = _at("prediction", "Prediction service: REST API", settings.service_url, "/healthz")
        found.append(replace(asked, url=(settings.service_page or asked.url).rstrip("/")))
    if settings.evidently_url:
        port = settings.evidently_port
        shown = _shown("evidently", "Evidently: drift dashboards", settings.evidently_url, port, "/api/version")
        found.append(shown)
    if settings.console_url:
        port = settings.console_port
        found.append(_shown("console", "Console: the operators' pages", settings.console_url, port, "/healthz"))
    return found


def _at(name: str, title: str, url: str, health: str) -> Elsewhere:
    return Elsewhere(name, title, url.rstrip("/"), (url.rstrip("/"),), health)


def _shown(name: str, title: str, url: str, port: int, health: str) -> Elsewhere:
    """One whose address is a browser's; from a container beside it, it has its name in the network."""
    base = url.rstrip("/")
    return Elsewhere(name, title, base, (base, f"http://{name}:{port}"), health)


def online_workers(api: str, pool: str) -> list[str] | None:
    """Names of the workers that the Prefect server has heard of lately, sorted; None when it does not say."""
    import httpx

    try:
        with httpx.Client(timeout=5, trust_env=False) as client:
            answer = client.post(f"{api.rstrip('/')}/work_pools/{pool}/workers/filter", json={})
    except httpx.HTTPError:
        return None
    if not answer.is_success:
        return None
    return sorted(one["name"] for one in answer.json() if one["status"] == "ONLINE")
