"""Documents that lie beside the pages: model cards and datasheets of releases, and what backtests wrote."""

from __future__ import annotations

from pathlib import Path

from pipelines.core.errors import NotFound
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import CARDS, DOCUMENTS
from pipelines.stores.registry.lean_registry import LeanRegistry
from pipelines.stores.releases.champions import open_release

CARD_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
"""For pages that hold their styles themselves; they run nothing and load nothing."""
SHEETS = {"card": "model_card.html", "datasheet": "datasheet.html"}


def release_sheet(settings: Settings, problem: str, version: int, name: str) -> bytes:
    """The card or the datasheet of a release, from its verified bundle; NotFound where it was made without."""
    registry = LeanRegistry(settings)
    bundle = open_release(settings, registry, registry.release(problem, version))
    path = bundle.folder / DOCUMENTS / CARDS / SHEETS[name]
    if not path.is_file():
        raise NotFound(
            f"{problem} {version} was released without a {name}: `ratchet card {problem}@{version}` makes it"
        )
    return path.read_bytes()


def backtests(settings: Settings, problem: str) -> list[Path]:
    """The reports that backtests of this problem wrote into home, the newest first."""
    found = [one for one in _folder(settings, problem).glob("*.html") if one.is_file()]
    return sorted(found, key=lambda one: one.stat().st_mtime, reverse=True)


def backtest(settings: Settings, problem: str, name: str) -> bytes:
    """One of these reports; NotFound if there is none of that name."""
    found = next((one for one in backtests(settings, problem) if one.name == name), None)
    if found is None:
        raise NotFound(f"there is no backtest {name!r} of {problem}")
    return found.read_bytes()


def _folder(settings: Settings, problem: str) -> Path:
    return settings.home / "backtests" / problem
