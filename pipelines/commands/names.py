"""From what a person writes for a problem to its name in the registry."""

from __future__ import annotations

from pathlib import Path

from pipelines.core.errors import ProblemError
from pipelines.core.settings import Settings


def problem_name(settings: Settings, reference: str) -> str:
    """The name of the problem; a bare name needs no problem file, since its release carries everything."""
    if not Path(reference).suffix and not Path(reference).exists():
        return reference
    from pipelines.stores.problems.known_problems import resolve_problem

    return resolve_problem(settings, reference).problem.name


def split_release(settings: Settings, reference: str, problem: str | None = None) -> tuple[str, int]:
    """Problem and version of `PROBLEM@VERSION`, or of a version alone where the problem is known.

    ProblemError when it is neither.
    """
    named, _, version = reference.rpartition("@")
    named = named or problem or ""
    if not named or not version.removeprefix("v").isdigit():
        raise ProblemError(f"{reference!r} names no release: write PROBLEM@VERSION, as in flights@3")
    return problem_name(settings, named), int(version.removeprefix("v"))
