"""What the ledger knows of a problem's earlier verdicts, as far as the next one goes by it."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from pipelines.core.drift import LEVELS, Level
from pipelines.stores.decisions.ledger import Entry, Ledger

_LOOK_BACK = 60


def levels_before(ledger: Ledger, problem: str, version: int, start: datetime, end: datetime) -> dict[str, Level]:
    """The levels by kind of the last verdict on the release before the window [start, end); empty without one.

    That is the one on the window which ends last, but not after this one. A verdict on this very window is none of
    them: judged again, it gives the same.
    """
    mine = (start.isoformat(), end.isoformat())
    found: list[tuple[datetime, int, Entry]] = []
    for entry in ledger.entries(problem, "verdict", limit=_LOOK_BACK, version=version):
        told = (entry.evidence.get("start"), entry.evidence.get("end"))
        if None not in told and told != mine and datetime.fromisoformat(str(told[1])) <= end:
            found.append((datetime.fromisoformat(str(told[1])), entry.id, entry))
    if not found:
        return {}
    kinds = max(found, key=lambda one: one[:2])[2].evidence.get("kinds") or {}
    levels = {kind: one.get("level") for kind, one in kinds.items()}
    return {kind: cast("Level", level) for kind, level in levels.items() if level in LEVELS}
