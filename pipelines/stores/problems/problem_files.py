"""Problem files: found by name or path, read as YAML, and wrong in a way that names file, line and key."""

from __future__ import annotations

import difflib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

import pipelines.problems
from pipelines.core.errors import ProblemError
from pipelines.core.problem import Problem

SHIPPED = Path(next(iter(pipelines.problems.__path__)))
SCHEMA = SHIPPED / "problem.schema.json"


@dataclass(frozen=True)
class LoadedProblem:
    """A problem with its file: the text as read, and the folder that its paths are relative to."""

    problem: Problem
    text: str
    path: Path
    folder: Path


def load_problem(reference: str) -> LoadedProblem:
    """The problem of a shipped name or a path; ProblemError names file, line and key of each error."""
    path = _find(reference)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ProblemError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ProblemError(
            f"{path} is no problem file: it is not UTF-8 text. `ratchet init TABLE` drafts one from a table"
        ) from None
    return LoadedProblem(parse_problem(text, path), text, path, path.parent)


def parse_problem(text: str, path: Path) -> Problem:
    """The problem that a YAML text states; `path` is named in the errors."""
    tree = read_yaml(text, path)
    if not isinstance(tree, dict):
        found = "nothing" if tree is None else "a list" if isinstance(tree, list) else _shown(tree)
        raise ProblemError(
            f"{path}: expected keys such as name and data, found {found}; five lines are enough:\n"
            "name: houses\ndata:\n  source: houses.csv\n  target: price"
        )
    try:
        return Problem.model_validate(tree)
    except ValidationError as error:
        lines = [_explain(one, tree, path) for one in error.errors(include_url=False)]
        raise ProblemError("\n".join(dict.fromkeys(lines))) from None


def shipped_problems() -> list[str]:
    """The names of the problems that ship with Ratchet."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def problem_schema() -> dict[str, Any]:
    """The JSON Schema of problem files, for editors; shipped as `problem.schema.json`."""
    schema = Problem.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Ratchet problem"}


def _find(reference: str) -> Path:
    path = Path(reference).expanduser().absolute()
    if path.is_file():
        return path
    shipped = shipped_problems()
    if reference in shipped:
        return SHIPPED / f"{reference}.yaml"
    close = difflib.get_close_matches(reference, shipped, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"the shipped ones are {', '.join(shipped) or 'none'}"
    what = "is a folder" if path.is_dir() else "is no file"
    raise ProblemError(f"no problem {reference!r}: {path} {what} and no problem of that name is shipped; {hint}")


def read_yaml(text: str, path: Path) -> Any:
    """What a YAML text says, knowing the line of each key; ProblemError names `path` and line."""
    reader = YAML(typ="rt")  # round trip: it keeps line numbers
    try:
        return reader.load(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark is not None else ""
        raise ProblemError(f"{path}{line}: {str(error.problem or error.context).split(chr(10))[0]}") from None
    except YAMLError as error:
        raise ProblemError(f"{path}: no YAML: {str(error).splitlines()[0]}") from None


def _explain(error: Any, tree: Any, path: Path) -> str:
    """One line: file:line, the dotted key, what was found, what is allowed."""
    keys, node = _walk(tree, error["loc"])
    dotted = ".".join(str(key) for key in keys) or "the file"
    where = f"{path}:{_line(tree, keys)}: {dotted}"
    kind = error["type"]
    if kind == "extra_forbidden":
        allowed = _allowed(keys[:-1])
        close = difflib.get_close_matches(str(keys[-1]), allowed, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return f"{where}: there is no such key; {hint}allowed: {', '.join(allowed)}"
    if kind == "missing":
        missing = ".".join([*map(str, keys), str(error["loc"][-1])]) if node is not None else dotted
        return f"{path}:{_line(tree, keys)}: {missing}: a value is needed and there is none"
    message = error["msg"].removeprefix("Value error, ")
    found = "" if kind == "value_error" or isinstance(node, dict) else f", found {_shown(node)}"
    return f"{where}: {message}{found}"


def _walk(tree: Any, keys: Sequence[Any]) -> tuple[list[Any], Any]:
    """The keys of a pydantic location that the file has, and what stands there; union tags are left out."""
    kept: list[Any] = []
    node = tree
    for key in keys:
        if (isinstance(node, dict) and key in node) or (
            isinstance(node, list) and isinstance(key, int) and key < len(node)
        ):
            node = node[key]
        else:
            continue
        kept.append(key)
    return kept, node


def _line(tree: Any, keys: Sequence[Any]) -> int:
    """The line (from 1) of the last key."""
    line, node = 1, tree
    for key in keys:
        lines: Any = node.lc  # ruamel's dicts and lists know where each key stands
        line = (lines.key(key) if isinstance(node, dict) else lines.item(key))[0] + 1
        node = node[key]
    return line


def _allowed(keys: Sequence[Any]) -> list[str]:
    """The keys that the section at `keys` may have."""
    model: type[BaseModel] = Problem
    for key in keys:
        field = model.model_fields.get(str(key))
        inner = _section(field.annotation) if field is not None else None
        model = inner or model
    return list(model.model_fields)


def _section(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _section(one)) is not None), None)


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, str) else f"{str(value)!r}"
    return text if len(text) <= 60 else f"{text[:57]}..."
