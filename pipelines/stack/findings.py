"""What the doctor says of one thing that it has looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at; `advice` says what to do when it is not well."""

    check: str
    level: Level
    found: str
    advice: str = ""
