"""A passport as tables: each part a heading with its facts, a line for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from services.console.phrases import moment, number

_LONG = 300
Part = tuple[str, list[tuple[str, str]]]


def passport_parts(answer: Mapping[str, Any], made: Mapping[str, Any]) -> list[Part]:
    """The answer itself, then what stands behind it."""
    first = {name: value for name, value in answer.items() if name not in ("id", "inputs", "history")}
    parts = [("Answer", list(_lines(first))), ("Asked with", list(_lines(answer.get("inputs") or {})))]
    if answer.get("history"):
        parts.append(("History features", list(_lines(answer["history"]))))
    for name, facts in made.items():
        lines = list(_lines(facts)) if isinstance(facts, Mapping) else [(name, _plain(facts))]
        parts.append((name.replace("_", " ").capitalize(), lines))
    return [(title, lines) for title, lines in parts if lines]


def _lines(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in facts.items():
        label = f"{before}{str(name).replace('_', ' ')}"
        if isinstance(value, Mapping) and value:
            yield from _lines(value, f"{label}, ")
        elif name == "checks" and isinstance(value, list):
            for one in value:
                passed = "passed" if one.get("passed") else "failed"
                yield f"{label}, {one.get('name')}", f"{passed}: {one.get('reason')}"
        elif isinstance(value, list):
            yield label, "; ".join(_plain(one) for one in value) or "none"
        else:
            yield label, _plain(value)


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    return str(value)[:_LONG]
