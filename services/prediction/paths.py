"""Which door a request is for: paths of every protocol, each with the scope that it asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from services.prediction.doors import Asked, Reply

if TYPE_CHECKING:
    from services.prediction.service import Service

Door = Callable[["Service", Asked], Awaitable[Reply]]
Scope = Literal["open", "predict", "label", "read", "admin"]
_MOST_KNOWN = 2_000  # paths remembered: callers choose them


@dataclass(frozen=True, slots=True)
class Way:
    """One route: `template` such as `/v1/models/{problem}/predict`."""

    method: str
    template: str
    scope: Scope
    door: Door

    @property
    def parts(self) -> tuple[str, ...]:
        """The template, split at its slashes."""
        return tuple(self.template.strip("/").split("/"))


@dataclass(frozen=True, slots=True)
class Found:
    """The way that a path goes, with what the path names."""

    way: Way
    problem: str
    version: int | None
    parts: tuple[str, ...]


class Paths:
    """All ways; a path once found is remembered.

    >>> async def door(service, asked): ...
    >>> paths = Paths([Way("POST", "/v2/models/{problem}/versions/{version}/infer", "predict", door)])
    >>> found = paths.find("POST", "/v2/models/flights/versions/3/infer")
    >>> found.problem, found.version, paths.find("GET", "/v2/models/flights/versions/3/infer")
    ('flights', 3, None)
    """

    def __init__(self, ways: Sequence[Way]) -> None:
        self._ways: Mapping[tuple[str, int], list[Way]] = _by_length(ways)
        self._known: dict[tuple[str, str], Found] = {}

    def find(self, method: str, path: str) -> Found | None:
        """The way of this path, or None when it is none of these."""
        found = self._known.get((method, path))
        if found is None:
            found = self._match(method, path)
            if found is not None:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[method, path] = found
        return found

    def methods(self, path: str) -> list[str]:
        """The methods that this path has a way for."""
        methods = sorted({method for method, _ in self._ways})
        return [method for method in methods if self.find(method, path) is not None]

    def _match(self, method: str, path: str) -> Found | None:
        parts = tuple(path.strip("/").split("/"))
        for way in self._ways.get((method, len(parts)), ()):
            named = {wanted: given for wanted, given in zip(way.parts, parts, strict=True) if wanted[:1] == "{"}
            fits = all(wanted[:1] == "{" or wanted == given for wanted, given in zip(way.parts, parts, strict=True))
            version = named.get("{version}", "0")
            if fits and version.isascii() and version.isdecimal() and len(version) < 10:
                number = int(version) if "{version}" in named else None
                return Found(way, named.get("{problem}", ""), number, parts)
        return None


def _by_length(ways: Sequence[Way]) -> dict[tuple[str, int], list[Way]]:
    found: dict[tuple[str, int], list[Way]] = {}
    for way in ways:
        found.setdefault((way.method, len(way.parts)), []).append(way)
    return found
