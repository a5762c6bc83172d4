"""The reference of the problem file, made from the models that read it.

`python -m pipelines.core.reference > docs/reference/problem.md` renews the page; a test keeps it current.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pipelines.core.problem import Problem

_HEAD = """# The problem file

One YAML file per problem: the question, where the data is, the target, what counts as good enough, when to
worry. It is the only file that you must write; `ratchet init TABLE --target COLUMN` drafts it from a table.
Five lines are enough, everything else has a default:

```yaml
name: houses
data:
  source: houses.csv
  target: price
```

Unknown keys are refused, and every error names file, line and key. Durations are a number and a unit: `s`,
`m` (minutes), `h`, `d` or `w`. For completion in an editor: `pipelines/problems/problem.schema.json`.
Two problem files ship as examples: `pipelines/problems/flights.yaml` and `pipelines/problems/visits.yaml`.

This page is generated from `pipelines/core/problem.py`: edit the docstrings there.
"""


def problem_reference() -> str:
    """The page as Markdown: a table for each section of the file, in the order of the file.

    >>> "## `data.source`" in problem_reference()
    True
    """
    schema = Problem.model_json_schema()
    parts = [_HEAD]
    for path, section in _sections("", schema, schema["$defs"]):
        parts.append(f"## {f'`{path}`' if path else 'Top level'}\n\n{section.get('description', '')}\n")
        required = section.get("required", [])
        rows = [_row(key, value, key in required, schema["$defs"]) for key, value in section["properties"].items()]
        parts.append("| key | value | default | |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _sections(path: str, section: dict[str, Any], models: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The section and those within it, each with its dotted path; [] stands for entries, .NAME for names."""
    found = [(path, section)]
    for key, value in section["properties"].items():
        for model, mark in _models(value):
            found += _sections(f"{path}.{key}{mark}".lstrip("."), models[model], models)
    return found


def _models(value: dict[str, Any], mark: str = "") -> list[tuple[str, str]]:
    if "$ref" in value:
        return [(value["$ref"].rsplit("/", 1)[1], mark)]
    inner = [found for one in value.get("anyOf", []) for found in _models(one, mark)]
    if isinstance(value.get("items"), dict):
        inner += _models(value["items"], "[]")
    if isinstance(value.get("additionalProperties"), dict):
        inner += _models(value["additionalProperties"], ".NAME")
    return inner


def _row(key: str, value: dict[str, Any], required: bool, models: dict[str, Any]) -> str:
    default = "needed" if required else _default(value, models)
    note = value.get("description", "").replace("\n", " ").replace("|", "\\|")
    return f"| `{key}` | {_type(value)} | {default} | {note} |"


def _default(value: dict[str, Any], models: dict[str, Any]) -> str:
    default = value.get("default")
    if default in (None, "", [], {}) or _models(value):
        return ""
    text = default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)
    return f"`{text}`"


def _type(value: dict[str, Any]) -> str:
    """A JSON Schema type in words.

    >>> _type({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]})
    'number above 0'
    """
    if "$ref" in value:
        return "section"
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if "anyOf" in value:
        words = [_type(one) for one in value["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    kind = value.get("type")
    if kind == "array":
        return f"list of: {_type(value['items'])}" if value.get("items") else "list"
    if kind == "object":
        inner = value.get("additionalProperties")
        return f"names, each with: {_type(inner)}" if isinstance(inner, dict) else "section"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    return " ".join([names.get(str(kind), str(kind or "anything")), *_bounds(value)])


def _bounds(value: dict[str, Any]) -> list[str]:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    return [f"{word} {value[key]:g}" for key, word in words.items() if key in value]


if __name__ == "__main__":
    sys.stdout.write(problem_reference())
