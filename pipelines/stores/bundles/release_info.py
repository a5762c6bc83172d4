"""A release as the registry knows it, and the tags that it carries there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

RUN_KEY = "ratchet.run_key"
DIGEST = "ratchet.digest"
MANIFEST_DIGEST = "ratchet.manifest"
LEDGER = "ratchet.ledger"
"""Digest of the ledger's newest decision on the version."""


@dataclass(frozen=True)
class ReleaseInfo:
    """One registered version: `source` is where its bundle lies, `aliases` what it is called now."""

    problem: str
    version: int
    run_id: str
    source: str
    digest: str
    run_key: str
    aliases: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    created_at: float = 0.0


def release_info(version: ModelVersion, aliases: Mapping[int, tuple[str, ...]] | None = None) -> ReleaseInfo:
    """The release of a version as MLflow gives it; `aliases` by version where they come from elsewhere."""
    number = int(version.version)
    called = version.aliases if aliases is None else aliases.get(number, ())
    return ReleaseInfo(
        problem=version.name,
        version=number,
        run_id=version.run_id or "",
        source=version.source or "",
        digest=version.tags.get(DIGEST, ""),
        run_key=version.tags.get(RUN_KEY, ""),
        aliases=tuple(called),
        tags=dict(version.tags),
        created_at=version.creation_timestamp / 1000,
    )
