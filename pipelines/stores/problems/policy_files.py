"""Policy files: retraining policies to compare in a backtest, validated as the problem file is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.core.backtesting.policies import Policy
from pipelines.core.errors import ProblemError
from pipelines.core.problem import Problem, Retraining
from pipelines.stores.problems.problem_files import read_yaml


def load_policy(path: Path, problem: Problem) -> Policy:
    """The policy of a file; ProblemError names the file and each key that is wrong.

    Its keys are those of `retraining`, at the top or under that name, and `monitoring`: they go over the problem's
    own. Without a `name` it is called as its file is.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ProblemError(f"{path} cannot be read as a policy file: {error}") from error
    tree = read_yaml(text, path)
    if not isinstance(tree, dict):
        raise ProblemError(
            f"{path}: expected keys such as name and cooldown; a policy of one line is enough: every: 4w"
        )
    told = _plain(tree)
    name = str(told.pop("name", path.stem))
    sections = {one: told.pop(one, None) or {} for one in ("retraining", "monitoring")}
    for one, keys in sections.items():
        if not isinstance(keys, dict):
            raise ProblemError(f"{path}: {one}: expected keys such as those of a problem file, found {keys!r}")
    watched = bool(sections["monitoring"])
    sections["retraining"] |= told
    try:
        made = Problem.model_validate(_over(problem, sections))
    except ValidationError as error:
        lines = [f"{path}: {_where(one['loc'])}: {_message(one)}" for one in error.errors(include_url=False)]
        raise ProblemError("\n".join(dict.fromkeys(lines))) from None
    return Policy(name, made.retraining, made.monitoring if watched else None)


def _over(problem: Problem, sections: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The problem with some keys of its sections replaced."""
    whole = problem.model_dump(mode="json")
    for name, keys in sections.items():
        whole[name] = whole[name] | keys
    return whole


def _plain(tree: Any) -> Any:
    """What the reader gave, without the places that it remembers."""
    if isinstance(tree, dict):
        return {str(key): _plain(value) for key, value in tree.items()}
    return [_plain(one) for one in tree] if isinstance(tree, list) else tree


def _where(location: tuple[int | str, ...]) -> str:
    keys = [str(one) for one in location]
    return ".".join(keys[1:] if keys[:1] == ["retraining"] else keys) or "the file"


def _message(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        allowed = [*Retraining.model_fields, "name", "monitoring"]
        return f"there is no such key; allowed: {', '.join(allowed)}"
    return str(error["msg"].removeprefix("Value error, "))
