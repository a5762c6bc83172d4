"""Where the rest of the stack shows what a page speaks of; addresses are looked up anew, since ports can change."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from pipelines.core.settings import Settings
from pipelines.stores.drift.drift_dashboard import project_id

_KEPT = 2.0  # seconds that an address is believed


@dataclass
class Links:
    """Addresses of the stack's own pages, None where nothing is known to run."""

    settings: Settings
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[float, str | None]] = field(default_factory=dict)

    def mlflow(self) -> str | None:
        """MLflow's pages."""
        return _bare(self.settings.mlflow_page or self.settings.mlflow_url) or self._recorded("mlflow")

    def prefect(self) -> str | None:
        """Prefect's pages."""
        return _bare(self.settings.prefect_page) or self.prefect_server()

    def evidently(self) -> str | None:
        """The drift dashboards."""
        return _bare(self.settings.evidently_url) or self._recorded("evidently")

    def service(self) -> str | None:
        """The prediction service."""
        return _bare(self.settings.service_url) or self._recorded("prediction")

    def replicas(self) -> str | None:
        """Every replica of the prediction service, where a name stands for all of them; otherwise the service."""
        return _bare(self.settings.service_replicas) or self.service()

    def service_docs(self) -> str | None:
        """The prediction service's own description of itself, as a browser reaches it."""
        base = _bare(self.settings.service_page) or self.service()
        return f"{base}/docs" if base else None

    def mlflow_server(self) -> str | None:
        """MLflow, as the console itself reaches it."""
        told = self.settings.mlflow_url or self.settings.mlflow_uri or ""
        return _bare(told) if told.startswith("http") else self._recorded("mlflow")

    def prefect_server(self) -> str | None:
        """Prefect, as the console itself reaches it: without `/api`."""
        told = self.settings.prefect_url
        return told.removesuffix("/").removesuffix("/api") if told else self._recorded("prefect")

    def run(self, run_id: str | None) -> str | None:
        """A run in MLflow."""
        base = self.mlflow()
        return f"{base}/#/runs/{quote(run_id)}" if base and run_id else None

    def version(self, problem: str, version: int | None) -> str | None:
        """A version in MLflow's registry."""
        base = self.mlflow()
        return f"{base}/#/models/{quote(problem)}/versions/{version}" if base and version is not None else None

    def flow_run(self, run_id: str | None) -> str | None:
        """A flow run in Prefect."""
        base = self.prefect()
        return f"{base}/runs/flow-run/{quote(run_id)}" if base and run_id else None

    def dashboard(self, problem: str) -> str | None:
        """A problem's dashboard in Evidently."""
        base = self.evidently()
        return f"{base}/projects/{project_id(problem)}" if base else None

    def report(self, problem: str, path: object) -> str | None:
        """The Evidently report of a verdict, told by the file that the verdict names."""
        base, name = self.evidently(), Path(str(path)).stem
        try:
            snapshot = uuid.UUID(name)
        except ValueError:
            return None
        return f"{base}/projects/{project_id(problem)}/reports/{snapshot}" if base else None

    def _recorded(self, name: str) -> str | None:
        now = self.clock()
        kept = self._seen.get(name)
        if kept is None or now - kept[0] > _KEPT:
            kept = self._seen[name] = (now, _address(self.settings.home / "run" / "stack" / f"{name}.json"))
        return kept[1]


def _bare(url: str | None) -> str | None:
    return url.rstrip("/") if url else None


def _address(record: Path) -> str | None:
    """What `ratchet up` noted of a process (pipelines/stack/addresses.py, which services do not import)."""
    try:
        url = json.loads(record.read_text()).get("url")
    except (OSError, ValueError, AttributeError):
        return None
    return str(url) if url else None
