"""Who is champion: the ledger says it, MLflow's aliases and the served history follow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.core.errors import Busy
from pipelines.core.problem import Problem
from pipelines.core.settings import Settings
from pipelines.stores.bundles.release_info import LEDGER
from pipelines.stores.decisions.ledger import MOVES, Entry, Ledger
from pipelines.stores.registry.registry import Registry
from pipelines.stores.sql.turns import turn

CHAMPION = "champion"
CHALLENGER = "challenger"
AWAITING = "awaiting_approval"
"""Outcome of a release that the gate would promote, where the problem asks for a second person's approval: it is
registered, `settle` makes it the challenger, and `ratchet approve` makes it the champion or declines it."""
_WAIT = 60.0


@contextmanager
def one_at_a_time(settings: Settings, problem: str) -> Iterator[None]:
    """Hold the problem's release lock: deciding, recording and moving the alias are one thing."""
    with turn(settings, f"release-{problem}", _WAIT) as mine:
        if not mine:
            raise Busy(f"another release of {problem} has been going on for {_WAIT:g} s: try again later")
        yield


def settle(settings: Settings, ledger: Ledger, registry: Registry, entry: Entry, history: Path) -> int | None:
    """Make the aliases say what `entry` decided, unless a later one says otherwise; the champion's version.

    `history`: the folder of the history store that the version's run made, which serving gets before the alias
    moves. The version gets the digest of the newest decision on it as a tag. May be repeated: after a kill between
    the entry and the alias, the next call ends the work.
    """
    champion = _move_aliases(settings, ledger, registry, entry, history)
    if entry.version is not None:
        word = ledger.last_word(entry.problem, entry.version)
        if word is not None and word.digest is not None:
            registry.set_tag(entry.problem, entry.version, LEDGER, word.digest)
    return champion


def _move_aliases(settings: Settings, ledger: Ledger, registry: Registry, entry: Entry, history: Path) -> int | None:
    problem = entry.problem
    moves = ledger.moves(problem, limit=2)
    if moves and moves[0].id == entry.id and entry.version is not None:
        before = moves[1].evidence.get("history") if len(moves) > 1 else None
        publish_history(settings, problem, history, changed=entry.evidence.get("history") != before)
        now = registry.champion(problem)
        if now is None or now.version != entry.version:
            registry.set_alias(problem, CHAMPION, entry.version)
        _drop_challenger(registry, problem, entry.version)
        return entry.version
    latest = ledger.entries(problem, "release", limit=1)
    if entry.outcome not in MOVES and latest and latest[0].id == entry.id and entry.version is not None:
        registry.set_alias(problem, CHALLENGER, entry.version)
    champion = registry.champion(problem)
    return None if champion is None else champion.version


def publish_history(settings: Settings, problem: str, made: Path, changed: bool) -> bool:
    """Whether the history store that a run made became the one that serving reads.

    It does not when the run made none, or when serving has a later one and the features have not `changed`.
    """
    from pipelines.stores.data.history_store import load_current, save

    ours = load_current(made) if made.exists() else None
    if ours is None:
        return False
    served = load_current(settings.history(problem))
    if served is not None and served[1] >= ours[1] and not changed:
        return False
    save(ours[0], settings.history(problem), ours[1])
    return True


def history_digest(problem: Problem) -> str:
    """What tells whether two releases read the same history features."""
    defined = [feature.model_dump(mode="json") for feature in problem.features.history]
    return hashlib.sha256(json.dumps(defined, sort_keys=True).encode()).hexdigest()


def _drop_challenger(registry: Registry, problem: str, version: int) -> None:
    waiting = registry.by_alias(problem, CHALLENGER)
    if waiting is not None and waiting.version <= version:
        registry.drop_alias(problem, CHALLENGER)
