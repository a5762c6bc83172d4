"""A verdict's columns as a table: the ones that cost most first, then those that the model uses most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ColumnLine:
    """One feature of a window: how far it moved, how much the model uses it, what that costs, what is wrong with it."""

    name: str
    method: str
    score: float | None
    limit: float
    drifted: bool
    usage: float | None
    harm: float | None
    harm_share: float | None
    baseline: str
    missing: float | None
    missing_before: float | None
    unseen: float | None
    outside: float | None
    note: str | None

    @property
    def ratio(self) -> float:
        """The score as a multiple of its limit."""
        return (self.score or 0.0) / self.limit if self.limit else 0.0


def column_lines(evidence: Mapping[str, Any]) -> list[ColumnLine]:
    """The columns of a verdict, ranked by estimated harm, then by drift where the model uses them."""
    quality = {one["name"]: one for one in _rows(evidence.get("quality")) if "name" in one}
    lines = [_line(one, quality.pop(one["name"], {})) for one in _rows(evidence.get("columns")) if "name" in one]
    lines += [_line({"name": name}, one) for name, one in quality.items()]
    return sorted(lines, key=_order)


def _order(line: ColumnLine) -> tuple[float, float, float, str]:
    harm = max(line.harm or 0.0, 0.0)
    return (-harm, -line.ratio * (1.0 if line.usage is None else line.usage), -line.ratio, line.name)


def _line(score: Mapping[str, Any], quality: Mapping[str, Any]) -> ColumnLine:
    limit = max(_float(score.get("threshold")) or 0.0, _float(score.get("noise")) or 0.0)
    usage = _float(score.get("usage"))
    return ColumnLine(
        name=str(score["name"]),
        method=str(score.get("method") or ""),
        score=_float(score.get("score")),
        limit=limit,
        drifted=bool(score.get("drifted")),
        usage=usage if usage is not None else _float(quality.get("usage")),
        harm=_float(score.get("harm")),
        harm_share=_float(score.get("harm_share")),
        baseline=str(score.get("baseline") or ""),
        missing=_float(quality.get("missing")),
        missing_before=_float(quality.get("missing_before")),
        unseen=_float(quality.get("unseen")),
        outside=_float(quality.get("outside")),
        note=None if score.get("note") is None else str(score["note"]),
    )


def _rows(value: Any) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
