"""From what a person writes for a problem to its name in the registry."""

from __future__ import annotations

from pathlib import Path

from pipelines.core.settings import Settings


def problem_name(settings: Settings, reference: str) -> str:
    """The name of the problem; a bare name needs no problem file, since its release carries everything."""
    if not Path(reference).suffix and not Path(reference).exists():
        return reference
    from pipelines.stores.known_problems import resolve_problem

    return resolve_problem(settings, reference).problem.name
