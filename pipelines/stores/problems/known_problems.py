"""Which problem file belongs to a name: remembered at training, so that schedules and other folders find it again."""

from __future__ import annotations

from pathlib import Path

from pipelines.core.errors import NotFound, ProblemError
from pipelines.core.settings import Settings
from pipelines.stores.problems.problem_files import LoadedProblem, load_problem
from pipelines.stores.storage.files import read_json, write_json


def resolve_problem(settings: Settings, reference: str) -> LoadedProblem:
    """The problem of a path, a shipped name, or a name that was trained here before; ProblemError when it is none."""
    looks_like_name = not Path(reference).suffix and not Path(reference).exists()
    remembered = _folder(settings) / f"{reference}.json"
    try:
        return load_problem(reference)
    except ProblemError:
        if not looks_like_name or not remembered.is_file():
            raise
    return load_problem(read_json(remembered)["path"])


def remember_problem(settings: Settings, loaded: LoadedProblem) -> None:
    """Keep the path of a problem's file under its name; the last one trained wins."""
    place = _folder(settings) / f"{loaded.problem.name}.json"
    content = {"name": loaded.problem.name, "path": str(Path(loaded.path).absolute())}
    try:
        if read_json(place) == content:
            return
    except NotFound:
        pass
    write_json(place, content)


def known_problems(settings: Settings) -> dict[str, str]:
    """Name and path of every problem that was trained here, by name."""
    found = [read_json(place) for place in sorted(_folder(settings).glob("*.json"))]
    return {one["name"]: one["path"] for one in found}


def readable_problems(settings: Settings) -> dict[str, LoadedProblem]:
    """Every problem that was trained here and whose file can be read, by name."""
    found = {}
    for name, path in known_problems(settings).items():
        try:
            found[name] = resolve_problem(settings, path)
        except ProblemError:  # the file is gone or broken by now: whoever trains it next is told
            continue
    return found


def _folder(settings: Settings) -> Path:
    return settings.home / "problems"
