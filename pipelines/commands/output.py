"""What commands print: progress and remarks to stderr, the result to stdout, JSON as its last line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.core.errors import PayloadError


def plain(value: Any) -> Any:
    """What `json` cannot write by itself, as something that it can.

    >>> plain(Path("a/b"))
    'a/b'
    """
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):  # a NumPy scalar
        return value.item()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def no_nan(value: Any) -> Any:
    """The same structure with null for NaN and the infinities, which are no JSON.

    >>> no_nan({"a": [float("nan"), 1.0]})
    {'a': [None, 1.0]}
    """
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: no_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [no_nan(one) for one in value]
    return value


def write_result(result: dict[str, Any], as_json: bool, show: Callable[[], None]) -> None:
    """The result for a program (one line of JSON on stdout) or, by `show`, for a person."""
    if not as_json:
        show()
        return
    roundtrip = json.loads(json.dumps(result, default=plain))
    sys.stdout.write(json.dumps(no_nan(roundtrip), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def remark(text: str) -> None:
    """A line on stderr: progress, a note, a warning."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def show_error(error: BaseException, code: int, as_json: bool) -> int:
    """Say what went wrong, on stderr and with `as_json` on stdout too; gives the exit code back."""
    message = str(error) or type(error).__name__
    remark(f"{type(error).__name__}: {message}" if code != 130 else message)
    if as_json:
        kind = "Interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__
        content: dict[str, Any] = {"type": kind, "message": message, "exit_code": code}
        if isinstance(error, PayloadError):
            content["issues"] = [asdict(issue) for issue in error.issues]
        write_result({"error": content}, True, lambda: None)
    return code


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on stdout, as wide as its content where nobody looks (a pipe), else as wide as the terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text("" if cell is None else str(cell)) for cell in row))  # brackets are no markup
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(drawn)


def decisive(reasons: Sequence[str] | None) -> str:
    """The reason that says most: the comparison with the champion, else with the baseline, else the first.

    >>> decisive(["9935 held-out labels", "log_loss 0.502 beats the baseline (0.5583)"])
    'log_loss 0.502 beats the baseline (0.5583)'
    """
    found = [one for word in ("champion", "baseline") for one in reasons or () if word in one]
    return (found or list(reasons or ()) or ["–"])[0]


def number(value: float | None) -> str:
    """A metric for a person: four significant digits.

    >>> number(0.123456), number(None)
    ('0.1235', '–')
    """
    return "–" if value is None or value != value else f"{value:.4g}"
