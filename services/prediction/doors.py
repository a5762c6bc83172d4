"""What a protocol's door is given and what it gives back: the front does everything that all doors have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Asked:
    """One admitted request; its body was read within the limits."""

    problem: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    version: int | None = None
    """The version that the path names, if it names one."""
    id: str = ""
    """The request's id, as errors and the log tell it."""
    parts: tuple[str, ...] = ()
    """The path, split at its slashes."""


@dataclass(slots=True)
class Reply:
    """One answer."""

    body: bytes
    media: str = "application/json"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
