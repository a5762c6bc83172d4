"""Whether requests can be sent here, and to which model: what every protocol's health route answers by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.prediction.champions import Champions


def readiness(champions: Champions) -> tuple[bool, dict[str, Any]]:
    """Ready: it is known what to serve, every champion was tried, and not all of them failed."""
    serving = {model.info.problem: model.info.version for model in champions.serving()}
    missing = [
        problem
        for problem in champions.problems()
        if champions.registered(problem) is not None and problem not in serving
    ]
    refused = [problem for problem in missing if champions.refused(problem) is not None]
    known = champions.reached is not None or bool(serving)
    ready = known and refused == missing and (bool(serving) or not refused)
    content = {
        "status": "ready" if ready else "not ready",
        "models": serving,
        "refused": refused,
        "registry": champions.trouble or "ok",
    }
    return ready, content
