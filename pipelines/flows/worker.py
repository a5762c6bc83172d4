"""`python -m pipelines.flows.worker POOL NAME`: registers the deployments and becomes the worker that runs them."""

from __future__ import annotations

import os
import sys

from pipelines.core.settings import Settings
from pipelines.flows.deployments import register


def main() -> None:
    """Register, then turn into the worker: one process, whose pid the stack knows."""
    pool, name = sys.argv[1:3]
    settings = Settings()
    register(settings, pool)
    worker = ["-m", "prefect", "worker", "start", "--pool", pool, "--name", name, "--type", settings.work_pool_type]
    if settings.work_pool_type == "process":
        worker += ["--limit", "2"]  # two on this machine: trainings of one problem wait for each other anyway
    if os.environ.get("PREFECT_WORKER_WEBSERVER_PORT"):
        worker.append("--with-healthcheck")
    os.execv(sys.executable, [sys.executable, *worker])


if __name__ == "__main__":
    main()
